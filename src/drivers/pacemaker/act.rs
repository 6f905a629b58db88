//! Acts, on the node: it announces, shows what is so, is given leave or not, and acts under its lock. What is shown is
//! read by the very code that reads a look.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::drain;
use super::look::{Asked, File, Raw, look};
use super::marks;
use super::probe;
use super::software;
use super::ssh::{Talk, Way};
use crate::drivers::{checks, packages};
use crate::guard::Check;
use crate::model::{Action, Answer, Claim, HandoffStyle, Holder, Mark, MarkKind, NodeName, Rollup, RollupName, Time};

const SCRIPT: &str = concat!(
    include_str!("frame.sh"),
    include_str!("drain.sh"),
    include_str!("act-before.sh"),
    include_str!("probe.sh"),
    include_str!("act-after.sh"),
);

/// How long it may take until an action is under way. A package is copied meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
const STAGE_PATIENCE: Duration = Duration::from_secs(3600);

/// How long a resource may take to arrive, in seconds.
const ARRIVES: &str = "300";

/// One order, ready to be carried out.
pub(super) struct Order<'a> {
    pub action: &'a Action,
    pub claim: Option<&'a Claim>,
    pub checks: &'a [Check],
    pub at: Time,
    /// Where it is carried out.
    pub node: &'a NodeName,
    /// The rollup that it is about.
    pub rollup: Option<&'a Rollup>,
    /// Its packages that are declared: where they are on this host.
    pub packages: Vec<(String, File)>,
    /// The announcement is made already, elsewhere, or there is nowhere to make it: the cluster is down on the node.
    pub alone: bool,
}

impl Order<'_> {
    /// The mark that announces it.
    pub fn announcement(&self) -> Mark {
        self.mark(MarkKind::InProgress { action: Box::new(self.action.clone()) })
    }

    fn mark(&self, kind: MarkKind) -> Mark {
        let holder = self.claim.map_or_else(|| Holder::new("nobody"), |claim| claim.holder.clone());
        Mark { kind, epoch: self.epoch(), holder, at: self.at }
    }

    fn epoch(&self) -> u64 {
        self.claim.map_or(0, |claim| claim.epoch)
    }
}

type Variables = BTreeMap<&'static str, String>;

/// Carries out an order. A node on which the cluster is down sees nothing of it: then `others` asks the others.
pub(super) async fn perform(way: &Way, asked: &Asked, order: &Order<'_>, others: impl AsyncFnOnce() -> Raw) -> Answer {
    let stages = matches!(order.action, Action::Stage { .. });
    let files = if stages { contents(&order.packages).await } else { Ok(Vec::new()) };
    let files = match files {
        Ok(files) => files,
        Err(saw) => return Answer::Refused { check: "package".into(), saw },
    };
    let variables = match variables(asked, order) {
        Ok(variables) => variables,
        Err(saw) => return Answer::Refused { check: "driver".into(), saw },
    };
    let given: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let patience = if stages { STAGE_PATIENCE } else { PATIENCE };
    let talk = async |talk: &mut Talk| {
        let shown = talk.hear("#end").await?;
        if let Some(refused) = refusal(&shown)? {
            return Ok(Some(refused));
        }
        let mut raw = if order.alone { others().await } else { Raw::new() };
        raw.insert(order.node.clone(), Ok(shown));
        let seen = look(asked, &raw, order.at);
        let judged = order.checks.iter().try_for_each(|check| checks::check(check, order.action, order.claim, &seen));
        if let Err((check, saw)) = judged {
            talk.say(b"no\n").await?;
            return Ok(Some(Answer::Refused { check, saw }));
        }
        let with = match order.action {
            Action::Pause { .. } => drain::kept_off(asked, &seen)?.unwrap_or_default(),
            action => {
                let verified = checks::verified(action, asked.nodes.get(order.node).map(|rollup| &**rollup), &seen);
                verified.map(RollupName::as_str).unwrap_or_default().to_owned()
            }
        };
        talk.say(format!("go {with}\n").as_bytes()).await?;
        for bytes in &files {
            talk.say(bytes).await?;
        }
        Ok(None)
    };
    match way.converse(order.node, SCRIPT, &given, patience, talk).await {
        Ok((Some(refused), _)) => refused,
        Ok((None, rest)) => match refusal(&rest) {
            Ok(Some(refused)) => refused,
            Ok(None) => Answer::Accepted,
            Err(why) => Answer::Unsure { why },
        },
        Err(why) => Answer::Unsure { why },
    }
}

/// The packages' files, if each is there and is the one that is declared.
async fn contents(files: &[(String, File)]) -> Result<Vec<Vec<u8>>, String> {
    let mut all = Vec::new();
    for (_, File { path, sha256 }) in files {
        all.push(packages::read(path, sha256).await?);
    }
    Ok(all)
}

/// What the script itself refused, if it did.
fn refusal(said: &str) -> Result<Option<Answer>, String> {
    let answers = probe::read(said)?;
    Ok(answers.get("refused").map(|refused| {
        let text = |part: &str| part.trim().to_owned();
        Answer::Refused { check: text(refused.out), saw: text(refused.err) }
    }))
}

fn variables(asked: &Asked, order: &Order<'_>) -> Result<Variables, String> {
    let Order { action, node, rollup, packages, alone, .. } = order;
    let mark = |kind| order.mark(kind);
    let announcement = order.announcement();
    let Mark { epoch, holder, at, .. } = &announcement;
    let mut all = asked.variables(node);
    let mut put = |name, value: String| _ = all.insert(name, value);
    put("epoch", epoch.to_string());
    put("node", node.to_string());
    put("patience", ARRIVES.into());
    put("work", json!({"action": action, "epoch": epoch, "holder": holder, "since": at, "ended": null}).to_string());
    for name in ["own", "own_id", "group", "to", "files", "sizes", "sums", "pause_id", "rollup_name", "lock"] {
        put(name, String::new());
    }
    let (mut announce, mut own) = (!alone, None);
    let word = match action {
        Action::Stage { .. } => "stage",
        Action::Pause { node } => {
            own = Some(mark(MarkKind::Pause { node: node.clone() }));
            "pause"
        }
        Action::Resume { node, quarantine } => {
            put("pause_id", marks::id(&mark(MarkKind::Pause { node: node.clone() })));
            own = quarantine.clone().map(|why| mark(MarkKind::Quarantine { node: node.clone(), why }));
            "resume"
        }
        Action::MoveGroup { group, to, .. } | Action::Handoff { group, to, style: HandoffStyle::Online, .. } => {
            put("group", drain::plain(group)?);
            put("to", to.to_string());
            "move"
        }
        Action::Handoff { .. } | Action::StopRole { .. } | Action::StartRole { .. } => {
            return Err("this driver hands roles over online only: write `style: online`".into());
        }
        Action::StopCluster { .. } => "stopCluster",
        Action::StartCluster { .. } => "startCluster",
        Action::Install { .. } | Action::Uninstall { .. } => "install",
        Action::Reboot { .. } => "reboot",
        Action::RestoreServices { .. } | Action::ResumeReplication { .. } => {
            return Err("this stack has nothing of the kind".into());
        }
        Action::Release { mark } => {
            announce = false;
            put("lock", "no".into());
            if let MarkKind::InProgress { action } = &mark.kind {
                put("group", action.group().map_or(Ok(String::new()), drain::plain)?);
            }
            own = Some(mark.clone());
            "release"
        }
    };
    put("action", word.into());
    put("mark", if announce { marks::write(&announcement) } else { String::new() });
    put("mark_id", marks::id(&announcement));
    if let Some(own) = own {
        put("own_id", marks::id(&own));
        put("own", marks::write(&own));
    }
    if let Some(rollup) = rollup {
        put("rollup_name", rollup.name.to_string());
        put("manager", software::manager(rollup.install).unwrap_or_default().into());
    }
    let names: Vec<&str> =
        rollup.iter().flat_map(|rollup| &rollup.packages).map(|package| package.file.as_str()).collect();
    if let Some(odd) = names.iter().find(|name| name.contains(|c: char| c.is_whitespace() || c == '/')) {
        return Err(format!("a package cannot be called {odd:?} here: rename the file, and its rollup's `file`"));
    }
    put("files", names.join(" "));
    if let Action::Stage { .. } = action {
        if let Some(name) = names.iter().find(|name| !packages.iter().any(|(known, _)| known == *name)) {
            return Err(format!("no package {name} is declared"));
        }
        let size = |(_, at): &(String, File)| {
            let file = std::fs::metadata(&at.path).map_err(|e| format!("{}: {e}", at.path.display()))?;
            Ok(file.len().to_string() + " ")
        };
        put("sizes", packages.iter().map(size).collect::<Result<String, String>>()?);
        put("sums", packages.iter().map(|(_, at)| at.sha256.clone() + " ").collect());
    }
    Ok(all)
}
