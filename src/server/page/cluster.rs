//! One cluster's page: nodes and groups as they stand, the plan with what holds it, and what was done.

use askama::Template;

use super::Frame;
use super::timeline::{self, Timeline};
use super::words::{Row, Word, by_urgency, group, node, seconds, stamp, standing};
use crate::model::time::between;
use crate::model::{Waivable, WaivedAction};
use crate::output::{
    Decision, Duty, Group, Handoffs, HistoryEntry, Hold, InCharge, Node, Observed, PausedBy, Planned, ReleaseKind,
    Spread, Status, Step, SubjectKind, Waiver,
};
use crate::server::Inner;
use crate::server::answer::Problem;
use crate::server::api::HistoryQuery;

/// So many lines of the record are asked for. Those that only say what an action was judged by do not stand on the page.
const LINES: u32 = 100;

#[derive(Template)]
#[template(path = "cluster.html")]
pub(super) struct Page {
    frame: Frame,
    name: String,
    row: Row,
    paths: Paths,
    handoffs: String,
    charge: String,
    holds: Vec<HoldWords>,
    changes: Vec<String>,
    /// The hash to approve, if an approval is wanted.
    approve: Option<String>,
    planned: u32,
    nodes: Vec<NodeWords>,
    groups: Vec<GroupWords>,
    unplanned: Option<String>,
    steps: Vec<StepWords>,
    elapsed: String,
    /// What is said where no step can be taken.
    idle: &'static str,
    windows: Vec<String>,
    roles: Vec<String>,
    unknown: Vec<String>,
    waivers: Vec<WaiverWords>,
    /// What may be waived, for which actions, and for whom.
    waivable: Vec<String>,
    waived_actions: Vec<String>,
    subjects: Vec<String>,
    timeline: Option<Timeline>,
    history: Vec<Line>,
}

/// Where the forms are sent.
struct Paths {
    approve: String,
    stop: String,
    go: String,
    waive: String,
    lift: String,
}

/// A waiver that is in force.
struct WaiverWords {
    words: String,
    rule: String,
    action: String,
    subject: String,
}

struct HoldWords {
    rule: String,
    subject: String,
    release: String,
    at: Option<String>,
    evidence: Vec<String>,
    /// Whether the evidence is shown at once: a person is asked to do something about it.
    open: bool,
}

struct NodeWords {
    name: String,
    state: Word,
    build: String,
    target: String,
    standing: Word,
    owns: String,
    notes: String,
}

struct GroupWords {
    name: String,
    kind: &'static str,
    owner: String,
    state: Word,
    copies: String,
}

struct StepWords {
    what: String,
    when: String,
    takes: String,
    outage: Option<String>,
    holds: Vec<HoldWords>,
}

struct Line {
    datetime: String,
    at: String,
    text: String,
    class: &'static str,
}

/// The page of the cluster of this name.
pub(super) fn page(inner: &Inner, name: &str, frame: Frame) -> Result<Page, Problem> {
    let (cluster, view) = inner.view(name)?;
    let now = inner.published.now();
    let status = view.status(now);
    let observed = view.observed();
    let planned = inner.planned(name).ok();
    let recorded = inner.history(name, HistoryQuery::newest(LINES)).map(|recorded| recorded.entries);
    let entries = recorded.as_ref().map_or(&[][..], |entries| entries);
    let asks = |planned: &&Planned| wants_approval(planned, &status);
    let to = |what: &str| format!("{}/{what}", super::href(name));
    Ok(Page {
        frame,
        name: cluster.to_string(),
        paths: Paths {
            approve: to("approve"),
            stop: to("stop"),
            go: to("go"),
            waive: to("waive"),
            lift: to("lift-waiver"),
        },
        row: Row::new(&status, now),
        handoffs: status.handoffs.as_ref().map_or_else(|| "unknown".to_owned(), handoffs),
        charge: charge(&status),
        holds: by_urgency(&status.holds).into_iter().map(HoldWords::from).collect(),
        changes: planned
            .iter()
            .filter_map(|p| p.relaxation.as_ref())
            .flat_map(|r| &r.changes)
            .map(|c| c.how.clone())
            .collect(),
        approve: planned.as_ref().filter(asks).map(|planned| planned.plan_hash.clone()),
        planned: planned.as_ref().map(|planned| planned.handoffs.planned).unwrap_or_default(),
        nodes: observed.iter().flat_map(|seen| &seen.nodes).map(NodeWords::from).collect(),
        groups: observed.iter().flat_map(|seen| &seen.groups).map(GroupWords::from).collect(),
        unplanned: planned.is_none().then(|| format!("{cluster} has not been looked at yet.")),
        steps: planned
            .iter()
            .flat_map(|planned| planned.steps.iter().map(|step| StepWords::new(step, planned)))
            .collect(),
        elapsed: planned.as_ref().map(elapsed).unwrap_or_default(),
        idle: match status.decision {
            Some(Decision::Converged) => "Nothing is left to do.",
            _ => "No step leads on from here; above stands why.",
        },
        windows: status.windows.iter().map(|window| format!("Window for {}: {window}.", window.what())).collect(),
        roles: planned
            .iter()
            .flat_map(|planned| &planned.roles)
            .map(|role| format!("Outage of {}: {}.", role.name, spread(role.predicted_outage_seconds)))
            .collect(),
        unknown: observed.as_ref().map(unknown).unwrap_or_default(),
        waivers: status.waivers.iter().map(WaiverWords::from).collect(),
        waivable: Waivable::ALL.iter().map(|rule| rule.rule().to_string()).collect(),
        waived_actions: WaivedAction::ALL.iter().map(ToString::to_string).collect(),
        subjects: view
            .desired
            .nodes
            .keys()
            .map(|node| format!("node {node}"))
            .chain(view.desired.groups.keys().map(|group| format!("group {group}")))
            .collect(),
        timeline: timeline::timeline(|from, to| view.openings(from, to), entries, planned.as_ref(), now),
        history: recorded.map_or_else(
            |problem| vec![Line::missing(problem)],
            |entries| entries.iter().rev().filter(|entry| is_told(entry)).map(Line::from).collect(),
        ),
    })
}

impl From<&Waiver> for WaiverWords {
    fn from(waiver: &Waiver) -> Self {
        let Waiver { rule, kind, name, action, .. } = waiver;
        let kind = if *kind == SubjectKind::Group { "group" } else { "node" };
        Self {
            words: waiver.words(&stamp(waiver.until)),
            rule: rule.rule().to_string(),
            action: action.to_string(),
            subject: format!("{kind} {name}"),
        }
    }
}

/// Whether a person's approval of the plan would release something.
fn wants_approval(planned: &Planned, status: &Status) -> bool {
    let steps = planned.steps.iter().flat_map(|step| &step.holds);
    let all = steps.chain(&planned.holds).chain(&status.holds);
    planned.handoffs.planned > 0 && all.into_iter().any(|hold| hold.rule == "approval")
}

fn handoffs(handoffs: &Handoffs) -> String {
    let Handoffs { planned, floor, optimum, spent, forced, .. } = handoffs;
    format!("{spent} done, {planned} to come; floor {floor}, optimum {optimum}, {forced} forced by failovers")
}

fn charge(status: &Status) -> String {
    match &status.claim {
        None if status.unknown.iter().any(|unknown| unknown.path == "claim") => "unknown".to_owned(),
        None => "nobody".to_owned(),
        Some(InCharge { epoch, holder, .. }) => format!("{epoch}@{holder}"),
    }
}

fn elapsed(planned: &Planned) -> String {
    let s = if planned.steps.len() == 1 { "" } else { "s" };
    format!("{} step{s}, done after about {}.", planned.steps.len(), seconds(planned.elapsed.predicted_seconds))
}

fn spread(Spread { median, p95 }: Spread) -> String {
    if p95 <= median { seconds(median) } else { format!("{} (95 %: {})", seconds(median), seconds(p95)) }
}

/// What could not be seen, by its reason: a node that does not answer leaves many facts unknown.
fn unknown(observed: &Observed) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for unknown in &observed.unknown {
        match reasons.iter_mut().find(|(why, _)| *why == unknown.why) {
            Some((_, paths)) => paths.push(&unknown.path),
            None => reasons.push((&unknown.why, vec![&unknown.path])),
        }
    }
    reasons.into_iter().map(|(why, paths)| format!("{}: {why}", paths.join(", "))).collect()
}

impl From<&Hold> for HoldWords {
    fn from(hold: &Hold) -> Self {
        let evidence = hold.evidence.iter().map(|evidence| {
            let at = evidence.at.map(|at| format!(" (seen {})", stamp(at))).unwrap_or_default();
            format!("{}: {}{at}", evidence.fact.trim_end_matches(','), evidence.value)
        });
        Self {
            rule: hold.rule.clone(),
            subject: hold.subject.name.clone(),
            release: hold.release.what.clone(),
            at: hold.release.at.map(stamp),
            evidence: evidence.collect(),
            open: matches!(hold.release.kind, ReleaseKind::Person | ReleaseKind::Manifest),
        }
    }
}

impl From<&Node> for NodeWords {
    fn from(node: &Node) -> Self {
        let version = |(package, version): (&String, &Option<String>)| {
            let version = version.as_deref().unwrap_or("not installed, or unknown");
            if package == crate::model::PackageName::PRODUCT {
                version.to_owned()
            } else {
                format!("{package} {version}")
            }
        };
        let builds: Vec<_> = node.versions.iter().map(version).collect();
        Self {
            name: node.name.clone(),
            state: self::node(node.membership, node.duty.filter(|duty| *duty != Duty::Out)),
            build: builds.join(", "),
            target: node.target.clone().unwrap_or_else(|| "none declared".to_owned()),
            standing: standing(node.standing),
            owns: if node.owns.is_empty() { "nothing".to_owned() } else { node.owns.join(", ") },
            notes: notes(node).join("; "),
        }
    }
}

/// What is out of the ordinary about a node.
fn notes(node: &Node) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(paused) = &node.paused {
        notes.push(match (paused.by, paused.resumed_by_person) {
            (_, Some(true)) => "paused by rollward, resumed by a person".to_owned(),
            (PausedBy::Rollward, _) => "paused by rollward".to_owned(),
            (PausedBy::Person, _) => "paused by a person".to_owned(),
            (PausedBy::Unknown, _) => "pause unknown".to_owned(),
        });
    }
    if let Some(work) = &node.work {
        match (&work.failure, work.ended_at) {
            (Some(failure), _) => notes.push(format!("{} failed: {failure}", work.action)),
            (None, None) => notes.push(format!("{} under way", work.action)),
            (None, Some(_)) => {}
        }
    }
    notes.extend(node.rival.iter().map(|rival| format!("another installer: {rival}")));
    if node.pending_reboot == Some(true) {
        notes.push("waits for a reboot".to_owned());
    }
    notes
}

impl From<&Group> for GroupWords {
    fn from(group: &Group) -> Self {
        let copies: Vec<_> = group.copies.iter().map(ToString::to_string).collect();
        Self {
            name: group.name.clone(),
            kind: if group.is_role() { "role" } else { "auxiliary" },
            owner: group.owner.clone().unwrap_or_else(|| "nobody, or unknown".to_owned()),
            state: self::group(group.state),
            copies: copies.join(", "),
        }
    }
}

impl StepWords {
    fn new(step: &Step, plan: &Planned) -> Self {
        let after = between(plan.observed_at, step.at);
        let outage = step.outage_seconds.filter(|outage| !outage.0.is_zero());
        Self {
            what: step.what.to_string(),
            when: if after.is_zero() { "now".to_owned() } else { format!("at {}", stamp(step.at)) },
            takes: spread(step.predicted_seconds),
            outage: outage.map(seconds),
            holds: step.holds.iter().map(HoldWords::from).collect(),
        }
    }
}

impl From<&HistoryEntry> for Line {
    fn from(entry: &HistoryEntry) -> Self {
        let bad = entry.failure.is_some() || matches!(&*entry.entry, "alarm" | "failover");
        Self {
            datetime: entry.at.to_string(),
            at: entry.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            text: entry.text.trim().to_owned(),
            class: if bad { "bad" } else { "" },
        }
    }
}

/// Whether a line says more than the one that answers it.
fn is_told(entry: &HistoryEntry) -> bool {
    !matches!(&*entry.entry, "intended" | "claimed")
}

impl Line {
    fn missing(problem: Problem) -> Self {
        Self { datetime: String::new(), at: String::new(), text: problem.parts().1, class: "bad" }
    }
}
