//! How people end by hand what of ours is in a cluster, without rollward: one order for every stack, in the commands of
//! each stack's own tools.
//!
//! Absent on purpose: looking and doing. It rests on one look, and what that could not see it says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Action, Claim, GroupName, Known, Mark, MarkKind, NodeName};
use crate::observed::{GroupState, Node, Observation, PauseOf, Work};

/// What of ours one look saw in a cluster, and how people end it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ByHand {
    /// What nobody must do now, and until when.
    pub never: Vec<Never>,
    /// What of ours is there, in the order in which it is to be ended.
    pub ours: Vec<Ours>,
    /// What shows whether anything of ours is left.
    pub check: Vec<Shows>,
}

/// Something of ours in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ours {
    /// What it is.
    pub what: String,
    /// What must be so before it is ended, if anything.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<String>,
    /// How it is ended; none if that has ended it which stands before it.
    pub commands: Vec<Commands>,
}

/// Commands, word for word, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Commands {
    /// Where they are typed: a machine, or words for one.
    pub on: String,
    /// The commands.
    pub lines: Vec<String>,
}

/// Commands that change nothing, and what their answer means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shows {
    /// The commands.
    pub commands: Commands,
    /// How their answer is to be read.
    pub means: String,
}

/// What nobody must do as long as something is at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Never {
    /// What is at work, or may be.
    pub why: String,
    /// What must not be done.
    pub not: Vec<String>,
    /// What shows whether it is over.
    pub until: Option<Shows>,
}

/// A stack's own tools, as people use them.
pub(super) trait Tools {
    /// Takes a mark out of the cluster's store.
    fn unmark(&self, mark: &Mark) -> Commands;

    /// Takes the claim out of the cluster's store.
    fn unclaim(&self, claim: &Claim) -> Commands;

    /// Ends a node's pause.
    fn resume(&self, node: &NodeName) -> Commands;

    /// Starts the cluster's service on a node.
    fn start_cluster(&self, node: &NodeName) -> Commands;

    /// Starts a role that was stopped, on its way to a node.
    fn start_role(&self, group: &GroupName, to: &NodeName) -> Commands;

    /// What an action may have left in the cluster besides its announcement, in words, and how that is ended.
    fn left_by(&self, action: &Action) -> Option<(String, Commands)>;

    /// What else is not as it was on a node that we have worked on, in words, and how that is mended.
    fn mend(&self, name: &NodeName, node: &Node, seen: &Observation) -> Vec<(String, Commands)> {
        let _ = (name, node, seen);
        Vec::new()
    }

    /// Forgets what is kept on a node, and what that is in words; nothing where people cannot reach it.
    fn forget(&self, node: &NodeName) -> Option<(String, Commands)>;

    /// Shows whether work of ours runs on a node; nothing where people cannot ask.
    fn at_work(&self, node: &NodeName) -> Option<Shows>;

    /// What an installer here is called, for people who see processes.
    fn installer(&self) -> &'static str;

    /// Shows what of ours is there.
    fn check(&self) -> Vec<Shows>;
}

/// Commands for one machine.
pub(super) fn on(machine: impl Into<String>, lines: impl IntoIterator<Item = String>) -> Commands {
    Commands { on: machine.into(), lines: lines.into_iter().collect() }
}

/// What a look saw of ours, and how these tools end it.
pub(super) fn by_hand(seen: &Observation, tools: &dyn Tools) -> ByHand {
    let mut sheet = Sheet { seen, tools, ours: Vec::new() };
    // Users first: what is stopped starts, and what was begun ends. Then the nodes; who is in charge, and what is kept,
    // last. A stop cord is a person's, and the only thing that keeps a forgotten daemon from beginning anew.
    sheet.each(|kind| matches!(kind, MarkKind::StoppedRole { .. }));
    sheet.each(|kind| matches!(kind, MarkKind::InProgress { .. }));
    for (name, node) in &seen.nodes {
        for (what, commands) in tools.mend(name, node, seen) {
            sheet.put(what, sheet.after_work_on(Some(name)), [commands]);
        }
    }
    sheet.each(|kind| matches!(kind, MarkKind::Pause { .. }));
    sheet.each(|kind| matches!(kind, MarkKind::Quarantine { .. }));
    if let Known::Known { value: Some(claim), .. } = &seen.claim {
        sheet.put(format!("the claim {claim}"), None, [tools.unclaim(claim)]);
    }
    for (name, _) in seen.nodes.iter().filter(|(_, node)| keeps_something(node)) {
        if let Some((what, commands)) = tools.forget(name) {
            sheet.put(format!("on {name}: {what}"), sheet.after_work_on(Some(name)), [commands]);
        }
    }
    sheet.each(|kind| matches!(kind, MarkKind::Stop { .. }));
    let never = seen.nodes.iter().filter_map(|(name, node)| never(name, node, tools)).collect();
    ByHand { never, ours: sheet.ours, check: tools.check() }
}

struct Sheet<'a> {
    seen: &'a Observation,
    tools: &'a dyn Tools,
    ours: Vec<Ours>,
}

impl Sheet<'_> {
    /// Puts something down. A command that stands there already is not said twice.
    fn put(&mut self, what: String, first: Option<String>, commands: impl IntoIterator<Item = Commands>) {
        let mut new: Vec<Commands> = Vec::new();
        for Commands { on, lines } in commands {
            for line in lines {
                let said = |there: &Commands| there.on == on && there.lines.contains(&line);
                if self.ours.iter().flat_map(|ours| &ours.commands).chain(&new).any(said) {
                    continue;
                }
                match new.last_mut().filter(|last| last.on == on) {
                    Some(last) => last.lines.push(line),
                    None => new.push(Commands { on: on.clone(), lines: vec![line] }),
                }
            }
        }
        self.ours.push(Ours { what, first, commands: new });
    }

    fn each(&mut self, is_wanted: impl Fn(&MarkKind) -> bool) {
        let seen = self.seen;
        for mark in seen.known_marks().filter(|mark| is_wanted(&mark.kind)) {
            self.mark(mark);
        }
    }

    fn mark(&mut self, mark: &Mark) {
        let Self { seen, tools, .. } = *self;
        let unmark = tools.unmark(mark);
        match &mark.kind {
            MarkKind::StoppedRole { group, to, deadline } => {
                let online = seen.groups.get(group).is_some_and(|g| g.state.surely(|s| *s == GroupState::Online));
                let start = (!online).then(|| tools.start_role(group, to));
                let what = match online {
                    true => format!("{mark}: it is online"),
                    false => format!("{mark}: it must be online by {deadline}"),
                };
                // Whoever moves it at this moment starts it, too.
                let handing = seen.in_progress().find(|(action, _)| action.group() == Some(group));
                let first = self.after_work_on(handing.and_then(|(action, _)| action.node()));
                self.put(what, first, start.into_iter().chain([unmark]));
            }
            MarkKind::InProgress { action } => {
                let left = tools.left_by(action);
                let with = left.as_ref().map(|(what, _)| format!(", and perhaps {what}")).unwrap_or_default();
                let first = self.after_work_on(action.node());
                self.put(
                    format!("{mark}{with}"),
                    first,
                    left.map(|(_, commands)| commands).into_iter().chain([unmark]),
                );
            }
            MarkKind::Pause { node } => {
                let paused = seen.pause_of(node);
                // An installer that has stopped it starts it, too.
                let is_left = |node: &Node| may_be_at_work(node).is_none() && node.cluster_service.surely(|runs| !runs);
                let stopped = seen.nodes.get(node).is_some_and(is_left);
                let start = stopped.then(|| tools.start_cluster(node));
                let (what, resume) = match &paused {
                    PauseOf::ResumedByPerson(_) => (format!("{mark}, which a person has ended"), None),
                    PauseOf::Unknown(why) => {
                        (format!("{mark}, if it is still there ({why})"), Some(tools.resume(node)))
                    }
                    _ => (mark.to_string(), Some(tools.resume(node))),
                };
                let first = self.after_work_on(Some(node));
                self.put(what, first, start.into_iter().chain(resume).chain([unmark]));
            }
            MarkKind::Quarantine { why, .. } => {
                self.put(format!("{mark}: {why}"), Some("the node is sound".into()), [unmark]);
            }
            MarkKind::Stop { why, .. } => {
                let what = format!("{mark}, a person's: {why}");
                self.put(what, Some("they agree, and no daemon is to go on".into()), [unmark]);
            }
        }
    }

    /// What must be so before anything is touched that work on a node may still need.
    fn after_work_on(&self, node: Option<&NodeName>) -> Option<String> {
        let name = node?;
        let at_work = self.seen.nodes.get(name).is_none_or(|node| may_be_at_work(node).is_some());
        at_work.then(|| format!("nothing of rollward's is at work on {name} any more: print this page again then"))
    }
}

/// Why work of ours may run on a node, if it may.
fn may_be_at_work(node: &Node) -> Option<Result<&Work, &str>> {
    match &node.work {
        Known::Unknown { why } => Some(Err(why)),
        Known::Known { .. } => node.running_work().map(Ok),
    }
}

fn never(name: &NodeName, node: &Node, tools: &dyn Tools) -> Option<Never> {
    let (why, installs) = match may_be_at_work(node)? {
        Ok(work) => {
            let installs = matches!(work.action, Action::Install { .. } | Action::Uninstall { .. });
            let since = work.since.strftime("%Y-%m-%d %H:%M:%SZ");
            (format!("{} is at work since {since} ({}@{})", work.action, work.epoch, work.holder), installs)
        }
        Err(why) => (format!("whether anything of rollward's is at work on {name} is not known: {why}"), true),
    };
    let installer = tools.installer();
    let mut not = Vec::new();
    if installs {
        not.push(format!("end {installer}, switch {name} off, or start it anew: it would be left half installed"));
        not.push(format!("end the pause of {name}, or move anything to it: the installer stops what runs there"));
        not.push(format!("start another installer on {name}"));
    } else {
        not.push("do by hand what is at work, or undo it: it is over in minutes".into());
    }
    not.push(
        "remove its announcement, or anything that is kept on it: another controller would begin beside it".into(),
    );
    Some(Never { why, not, until: tools.at_work(name) })
}

/// Whether something of ours is kept on a node, or may be. The highest epoch obeyed stays, whoever tidies up.
fn keeps_something(node: &Node) -> bool {
    node.work.possibly(Option::is_some)
        || node.verified.possibly(Option::is_some)
        || node.tries.possibly(|tries| !tries.is_empty())
        || node.failed_handoffs.possibly(|failed| !failed.is_empty())
        || node.staged.possibly(|staged| !staged.is_empty())
}
