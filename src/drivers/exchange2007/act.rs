//! Acts: an order is begun on the node, where a worker takes the lock and announces it; then a fresh look is judged by the
//! permit's checks; then the worker is given leave, or none. It holds its lock from before the announcement to the end of its
//! work, and outlives our connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::look::{Asked, Said, look};
use super::steps::{self, Given, Plan};
use super::wire::{Answer, words};
use super::{BEGIN, Exchange2007, Input, LEAVE, NODE, PATIENCE, STAGE, Wanted, command, kept, marks, software, spec};
use crate::drivers::{checks, packages};
use crate::guard::{Check, Permit};
use crate::model::{self, Action, Claim, Holder, Known, Mark, MarkKind, NodeName, Rollup, hex};
use crate::observed::{GroupKind, GroupState, Observation};

/// How long a worker waits for leave, in seconds: as long as a look may take.
const WAITS: u64 = 45;

/// How much of a package is sent at once.
const PIECE: usize = 4 << 20;
/// How much of it is in one input. Source: the size up to which .NET 2.0 is known to decode one.
const CRUMB: usize = 16 << 10;
const PIECE_PATIENCE: Duration = Duration::from_secs(300);
/// How often in a row a piece may get lost.
const LOST: u32 = 3;

/// One order, ready to be given.
struct Order<'a> {
    action: &'a Action,
    claim: Option<&'a Claim>,
    checks: &'a [Check],
    at: model::Time,
    node: &'a NodeName,
    id: String,
}

impl Order<'_> {
    fn mark(&self, kind: MarkKind) -> Mark {
        let (epoch, holder) = match self.claim {
            Some(claim) => (claim.epoch, claim.holder.clone()),
            None => (0, Holder::new("nobody")),
        };
        Mark { kind, epoch, holder, at: self.at }
    }

    fn announcement(&self) -> Mark {
        self.mark(MarkKind::InProgress { action: Box::new(self.action.clone()) })
    }

    /// What the worker is given.
    fn inputs(&self, asked: &Asked, plan: Plan) -> Vec<Input> {
        let announcement = self.announcement();
        let Mark { epoch, holder, at, .. } = &announcement;
        let work = json!({"action": self.action, "epoch": epoch, "holder": holder, "since": at, "ended": null});
        let mut inputs = vec![
            ("folder", asked.spec.folder.clone()),
            ("id", self.id.clone()),
            ("epoch", epoch.to_string()),
            ("holder", words([holder.as_str()])),
            ("patience", WAITS.to_string()),
            ("node", spec::machine(self.node).to_owned()),
            ("name", marks::name(&announcement)),
            ("value", marks::write(&announcement)),
            ("work", work.to_string()),
        ];
        if asked.spec.is_cluster() {
            inputs.extend(servers(asked, self.node));
        }
        if plan.unannounced {
            inputs.push(("unannounced", "yes".into()));
        }
        inputs.extend(plan.counts.map(|counts| {
            let forgets = if counts.forgets { "True" } else { "False" };
            ("counts", words([counts.file, counts.subject.as_str(), forgets]))
        }));
        inputs.extend(plan.steps.into_iter().map(|step| ("step", step)));
        inputs
    }
}

/// Whom to ask for the cluster: this node first.
fn servers(asked: &Asked, node: &NodeName) -> Vec<Input> {
    let others = asked.nodes.keys().filter(|other| *other != node);
    [node].into_iter().chain(others).map(|node| ("server", spec::machine(node).to_owned())).collect()
}

/// No two orders have one identifier.
fn new_id(action: &Action, at: model::Time) -> String {
    static ORDERS: AtomicU64 = AtomicU64::new(0);
    let own = (std::process::id(), ORDERS.fetch_add(1, Ordering::Relaxed));
    let hash = Sha256::digest(format!("{action} {at} {own:?}").as_bytes());
    hex(hash.get(..8).unwrap_or_default())
}

fn refused(check: &str, saw: impl Into<String>) -> model::Answer {
    model::Answer::Refused { check: check.to_owned(), saw: saw.into() }
}

/// Carries out what is permitted.
pub(super) async fn perform(driver: &Exchange2007, permit: Permit) -> model::Answer {
    let asked = driver.asked();
    let (action, claim, checks) = permit.into_parts();
    let at = driver.clock.now();
    let (claim, id) = (claim.as_ref(), new_id(&action, at));
    if let Action::Release { mark } = &action {
        return release(driver, &asked, mark, &action, claim, &checks).await;
    }
    let Some(node) = action.node().filter(|node| asked.nodes.contains_key(*node)) else {
        return refused("driver", "the node that it is about is not declared");
    };
    let order = Order { action: &action, claim, checks: &checks, at, node, id };
    match give(driver, &asked, &order).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn give(driver: &Exchange2007, asked: &Asked, order: &Order<'_>) -> Result<model::Answer, model::Answer> {
    let Order { action, node, .. } = order;
    let rollup = action.rollup().and_then(|of| asked.nodes.values().find(|rollup| rollup.name == *of)).map(|r| &**r);
    let files = contents(asked, action, rollup).await.map_err(|saw| refused("package", saw))?;
    let sizes: Vec<(String, u64, String)> = files
        .iter()
        .map(|(file, sha256, bytes)| (file.clone(), u64::try_from(bytes.len()).unwrap_or(u64::MAX), sha256.clone()))
        .collect();
    let patches = match (action, rollup) {
        (Action::Uninstall { .. }, Some(rollup)) => {
            let said = driver.ask_node(asked, node, NODE, &super::node_inputs(asked, node), PATIENCE).await;
            let heard = said.heard().and_then(|(answer, _)| software::above(answer, rollup));
            heard.map_err(|saw| refused("driver", saw))?
        }
        _ => Vec::new(),
    };
    let seen = driver.recent().await;
    let plan = {
        let given = Given {
            asked,
            seen: &seen,
            rollup,
            packages: &sizes,
            patches: &patches,
            mark: &|kind| order.mark(kind),
            comment: &format!("rollward: {action}"),
        };
        steps::plan(action, &given).map_err(|saw| refused("driver", saw))?
    };
    let begun = driver.ask_node(asked, node, BEGIN, &order.inputs(asked, plan), PATIENCE).await;
    answered(&begun, "order")?;
    // It waits for us now.
    let seen = fresh(driver, asked, order).await;
    let judged = order.checks.iter().try_for_each(|check| checks::check(check, action, order.claim, &seen));
    let judged = judged.and_then(|()| stands(order, &seen));
    let whose = [("folder", asked.spec.folder.clone()), ("id", order.id.clone())];
    let leave =
        |verdict: &str| -> Vec<Input> { whose.iter().cloned().chain([("verdict", verdict.to_owned())]).collect() };
    if let Err((check, saw)) = judged {
        // Where this is not heard, none is given in time, and that is the same.
        driver.ask_node(asked, node, LEAVE, &leave("no"), PATIENCE).await;
        return Err(model::Answer::Refused { check, saw });
    }
    let verified = checks::verified(action, asked.nodes.get(*node).map(|rollup| &**rollup), &seen);
    let go: Vec<Input> =
        leave("go").into_iter().chain(verified.map(|rollup| ("verified", rollup.to_string()))).collect();
    answered(&driver.ask_node(asked, node, LEAVE, &go, PATIENCE).await, "leave")?;
    for (file, sha256, bytes) in &files {
        let what = [("file", file.clone()), ("sha256", sha256.clone())];
        let inputs: Vec<Input> = whose.iter().cloned().chain(what).collect();
        send(driver, asked, node, &inputs, bytes).await.map_err(|why| model::Answer::Unsure { why })?;
    }
    Ok(model::Answer::Accepted)
}

/// That the order's announcement is seen in the cluster: without it, nobody else knows of it. Where the cluster cannot be read at
/// all, only what needs no claim goes on.
fn stands(order: &Order<'_>, seen: &Observation) -> Result<(), (String, String)> {
    let own = order.announcement();
    match &seen.marks {
        Known::Known { value, .. } if value.contains(&own) => Ok(()),
        Known::Unknown { .. } if !order.checks.contains(&Check::ClaimIsOurs) => Ok(()),
        Known::Known { .. } => Err(("store".into(), "the cluster does not have the announcement".into())),
        Known::Unknown { why } => Err(("store".into(), format!("the announcement cannot be seen: {why}"))),
    }
}

/// How long a worker waits for leave that does nothing, in seconds.
const TRIED: u64 = 30;

/// Tries, with an order of no steps to which no leave is given, all that an order needs: a worker that outlives the connection
/// that began it and hears another, its lock, and the right to write the cluster's database from the node.
///
/// # Errors
/// What went wrong.
pub(super) async fn practise(driver: &Exchange2007, asked: &Asked, node: &NodeName) -> Result<(), String> {
    let said = driver.ask_node(asked, node, NODE, &super::node_inputs(asked, node), PATIENCE).await;
    // It obeys no less than it has obeyed, and nobody else under the same number.
    let claim = said.heard().and_then(|(answer, _)| kept::obeyed(answer))?;
    let action = Action::RestoreServices { node: node.clone() };
    let at = driver.clock.now();
    let order = Order { action: &action, claim: claim.as_ref(), checks: &[], at, node, id: new_id(&action, at) };
    let mut inputs = order.inputs(asked, Plan::default());
    inputs.retain(|(name, _)| *name != "patience");
    inputs.push(("patience", TRIED.to_string()));
    let words = |answer: model::Answer| match answer {
        model::Answer::Refused { check, saw } => format!("{check}: {saw}"),
        model::Answer::Unsure { why } => why,
        model::Answer::Accepted => "it was accepted".into(),
    };
    answered(&driver.ask_node(asked, node, BEGIN, &inputs, PATIENCE).await, "order").map_err(words)?;
    let no = [("folder", asked.spec.folder.clone()), ("id", order.id.clone()), ("verdict", "no".into())];
    answered(&driver.ask_node(asked, node, LEAVE, &no, PATIENCE).await, "leave").map_err(words)
}

/// What a script refused, or that nobody knows.
fn answered(said: &Said, part: &str) -> Result<(), model::Answer> {
    let heard = || -> Result<Option<model::Answer>, String> {
        let (answer, _) = said.heard()?;
        if let Some([check, saw]) = answer.all::<2>("refused")?.first() {
            return Ok(Some(refused(check, *saw)));
        }
        let done = answer.all::<0>("announced")?.len() + answer.all::<0>("begun")?.len();
        if done == 1 { Ok(None) } else { Err(answer.why(part)) }
    };
    match heard() {
        Ok(None) => Ok(()),
        Ok(Some(refused)) => Err(refused),
        Err(why) => Err(model::Answer::Unsure { why }),
    }
}

/// The packages that are to be sent: file, hash, and all of it.
async fn contents(
    asked: &Asked,
    action: &Action,
    rollup: Option<&Rollup>,
) -> Result<Vec<(String, String, Vec<u8>)>, String> {
    let mut all = Vec::new();
    if !matches!(action, Action::Stage { .. }) {
        return Ok(all);
    }
    for package in &rollup.ok_or("the rollup is not declared")?.packages {
        let file = &package.file;
        if file.contains(['\\', '/', ':']) {
            return Err(format!("a package cannot be called {file:?}: rename the file, and its rollup's `file`"));
        }
        let at = asked.packages.get(file).ok_or_else(|| format!("no package {file} is declared"))?;
        all.push((file.clone(), at.sha256.to_string(), packages::read(&at.path, &at.sha256).await?));
    }
    Ok(all)
}

/// Sends a package piece by piece, from where the node stands.
async fn send(
    driver: &Exchange2007,
    asked: &Asked,
    node: &NodeName,
    inputs: &[Input],
    bytes: &[u8],
) -> Result<(), String> {
    // The first question is only how much is there.
    let (mut there, mut lost) = (None, 0);
    while there != Some(bytes.len()) {
        let from = there.unwrap_or(bytes.len());
        let piece = bytes.get(from..bytes.len().min(from.saturating_add(PIECE))).unwrap_or_default();
        let mut whole = inputs.to_vec();
        whole.push(("offset", there.unwrap_or(0).to_string()));
        whole.extend(piece.chunks(CRUMB).map(|crumb| ("data", STANDARD.encode(crumb))));
        let said = driver.ask_node(asked, node, STAGE, &whole, PIECE_PATIENCE).await;
        let now = said.heard().and_then(|(answer, _)| arrived(answer, bytes.len()));
        let moved = now.is_ok() && now.as_ref().ok() != there.as_ref();
        lost = if moved { 0 } else { lost + 1 };
        match now {
            Err(why) if lost > LOST => return Err(why),
            Ok(now) if lost > LOST => {
                return Err(format!("{node}: nothing more of the package arrives after {now} bytes"));
            }
            now => there = now.ok(),
        }
    }
    Ok(())
}

/// How much of a package a node has.
fn arrived(answer: &Answer, size: usize) -> Result<usize, String> {
    if let Some([check, saw]) = answer.all::<2>("refused")?.first() {
        // All of it was there already, or has arrived, and the worker has ended well.
        return if *check == "order" { Ok(size) } else { Err(format!("{check}: {saw}")) };
    }
    let [_, bytes] = answer.one::<2>("at").map_err(|_| answer.why("stage"))?;
    bytes.parse().map_err(|_| format!("{bytes:?} is no size"))
}

/// A look at what the checks need, taken after the announcement. The Exchange tools are not asked: what is a role, the manifest
/// says.
async fn fresh(driver: &Exchange2007, asked: &Asked, order: &Order<'_>) -> Observation {
    let votes = order.checks.iter().any(|check| matches!(check, Check::QuorumWithout { .. }));
    // Who reaches the witness, each says of itself.
    let nodes: Vec<&NodeName> = asked.nodes.keys().filter(|node| votes || *node == order.node).collect();
    seen_now(driver, asked, Some(order.node), &nodes, votes).await
}

async fn seen_now(
    driver: &Exchange2007,
    asked: &Asked,
    first: Option<&NodeName>,
    nodes: &[&NodeName],
    votes: bool,
) -> Observation {
    let servers = match first.or_else(|| asked.nodes.keys().next()) {
        Some(first) => servers(asked, first),
        None => Vec::new(),
    };
    let wanted = Wanted { nodes, servers, groups: votes, exchange: !asked.spec.is_cluster() };
    let raw = driver.ask(asked, wanted).await;
    let mut seen = look(asked, &raw, driver.clock.now());
    for (name, group) in &mut seen.groups {
        let declared = asked.groups.get(name).map(|group| group.kind);
        // One that is declared auxiliary and cannot be so has a state that is not known.
        let kind = declared.filter(|kind| *kind == GroupKind::Role || !group.state.is_unknown());
        if let (Some(kind), true) = (kind, group.kind.is_unknown()) {
            group.kind = Known::seen(kind, seen.at);
        }
    }
    seen
}

/// That what a mark tells of is over: no work of an announcement runs, and a role that was stopped is online, with nobody about to
/// stop it.
fn is_over(mark: &Mark, seen: &Observation) -> Result<(), String> {
    let mut running = seen.nodes.values().filter_map(|node| node.running_work()).map(|work| &work.action);
    match &mark.kind {
        MarkKind::InProgress { action } => match running.any(|work| work == &**action) {
            true => Err(format!("{action} is still running")),
            false => Ok(()),
        },
        MarkKind::StoppedRole { group, .. } => {
            let stops = |action: &Action| matches!(action, Action::StopRole { group: of, .. } if of == group);
            let announced = seen.known_marks().any(|other| match &other.kind {
                MarkKind::InProgress { action } => stops(action),
                _ => false,
            });
            let online = seen.groups.get(group).is_some_and(|g| g.state.surely(|state| *state == GroupState::Online));
            match announced || running.any(stops) || !online {
                true => Err(format!("{group} is not online, or is about to be stopped")),
                false => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Removes a mark, which takes no lock; but never the announcement of work that still runs.
async fn release(
    driver: &Exchange2007,
    asked: &Asked,
    mark: &Mark,
    action: &Action,
    claim: Option<&Claim>,
    checks: &[Check],
) -> model::Answer {
    let node = mark.kind.node().filter(|node| asked.nodes.contains_key(*node));
    // Whoever stops a role is where it was, and not where it is to start.
    let everywhere = !asked.spec.is_cluster() || matches!(mark.kind, MarkKind::StoppedRole { .. });
    let nodes: Vec<&NodeName> = asked.nodes.keys().filter(|name| everywhere || Some(*name) == node).collect();
    let seen = seen_now(driver, asked, node, &nodes, false).await;
    let judged = checks.iter().try_for_each(|check| checks::check(check, action, claim, &seen));
    if let Err((check, saw)) = judged {
        return model::Answer::Refused { check, saw };
    }
    if let Err(saw) = is_over(mark, &seen) {
        return refused("work", saw);
    }
    // It may have been taken away already, and another been put in its place.
    let name = marks::name(mark);
    let inputs = [("expect", words([name.as_str(), &marks::write(mark)])), ("drop", name)];
    match command::write(driver, asked, &inputs).await {
        Ok(()) => model::Answer::Accepted,
        Err(why) => model::Answer::Unsure { why },
    }
}

#[cfg(test)]
mod tests;
