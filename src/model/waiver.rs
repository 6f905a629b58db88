//! Waivers: a person takes one rule out of force for one subject and one action, for a reason and until a time.
//!
//! Only rules that cost patience can be waived. Those that keep an active node, the quorum, the claim, the sight of the
//! cluster or other people's marks safe have no name here, so no manifest and no command can waive them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::{Action, ActionKind};
use super::hold::{RuleName, Subject};
use super::names::{GroupName, NodeName};
use super::time::{Time, stamp};

macro_rules! waivable {
    ($($rule:ident $name:literal),* $(,)?) => {
        /// A rule that may be waived.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Waivable { $(#[doc = $name] $rule),* }

        impl Waivable {
            /// All of them.
            pub const ALL: &[Waivable] = &[$(Waivable::$rule),*];

            /// The rule.
            pub fn rule(self) -> RuleName {
                match self { $(Waivable::$rule => RuleName::$rule),* }
            }
        }
    };
}

waivable! {
    StandbyFirst "standby-first", Window "window", Soak "soak", Budget "budget", Approval "approval", Fleet "fleet",
}

/// What may be done although the rule says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum WaivedAction {
    /// The update of a node: its install or uninstall, and every step that leads there.
    Install,
    /// The handoff of a role; with a node as its subject, every handoff that leaves the node or goes to it.
    Handoff,
}

impl WaivedAction {
    /// All of them.
    pub const ALL: &[WaivedAction] = &[WaivedAction::Install, WaivedAction::Handoff];
}

/// For whom the rule is waived.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WaivedFor {
    /// A node.
    Node(NodeName),
    /// A role.
    Group(GroupName),
}

/// One rule, waived for one subject and one action.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiver {
    /// Which rule.
    pub rule: Waivable,
    /// For whom.
    pub subject: WaivedFor,
    /// For which action.
    pub action: WaivedAction,
    /// Why, in a person's words.
    pub why: String,
    /// Until when. From then on the rule holds again.
    pub until: Time,
    /// Who waived it: a person, or a line of a manifest.
    pub by: String,
}

impl Waiver {
    /// Whether it lets the action through at this time, although the rule holds this subject.
    pub fn covers(&self, rule: RuleName, held: &Subject, action: &Action, now: Time) -> bool {
        rule == self.rule.rule() && now < self.until && self.is_about(held, action)
    }

    fn is_about(&self, held: &Subject, action: &Action) -> bool {
        use ActionKind::{Handoff, Install, MoveGroup, Pause, Reboot, Stage, StopCluster, StopRole, Uninstall};
        let hands_over = matches!(action.kind(), Handoff | StopRole);
        match (self.action, &self.subject) {
            (WaivedAction::Install, WaivedFor::Node(node)) => match action.kind() {
                Stage | Pause | MoveGroup | StopCluster | Install | Uninstall | Reboot => action.node() == Some(node),
                // What stands against the install of a node stands already against the handoff that vacates it.
                _ => hands_over && action.node() == Some(node) && matches!(held, Subject::Node(n) if n == node),
            },
            (WaivedAction::Handoff, WaivedFor::Node(node)) => {
                hands_over && (action.node() == Some(node) || action.to() == Some(node))
            }
            (WaivedAction::Handoff, WaivedFor::Group(group)) => hands_over && action.group() == Some(group),
            // A group is not installed on; manifests and commands refuse it.
            (WaivedAction::Install, WaivedFor::Group(_)) => false,
        }
    }

    /// Whether it waives the same as another, whatever the reason and the time: the later one takes its place.
    pub fn is_for_the_same(&self, other: &Waiver) -> bool {
        (self.rule, &self.subject, self.action) == (other.rule, &other.subject, other.action)
    }

    /// The answer to somebody who wants to take back what nobody waived by command.
    pub fn is_not_there(&self) -> String {
        format!("{} is not waived by command; a waiver in the manifest ends with its lines", self.what())
    }

    /// What is waived, without who, why and until when.
    pub fn what(&self) -> String {
        format!("{} of {} for {}", self.rule.rule(), self.subject, self.action)
    }
}

impl fmt::Display for WaivedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaivedFor::Node(node) => write!(f, "{node}"),
            WaivedFor::Group(group) => write!(f, "{group}"),
        }
    }
}

impl fmt::Display for WaivedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WaivedAction::Install => "Install",
            WaivedAction::Handoff => "Handoff",
        })
    }
}

impl fmt::Display for Waiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, waived until {} by {}: {}", self.what(), stamp(self.until), self.by, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiver(subject: WaivedFor, action: WaivedAction) -> Waiver {
        let until = "2017-04-01T06:00:00Z".parse().unwrap();
        Waiver { rule: Waivable::Soak, subject, action, why: "piloted".into(), until, by: "ann".into() }
    }

    fn handoff(from: &str, to: &str) -> Action {
        let (group, style) = ("MBX1".into(), super::super::HandoffStyle::Online);
        Action::Handoff { group, from: from.into(), to: to.into(), style }
    }

    #[test]
    fn a_waiver_is_for_its_rule_its_subject_its_action_and_its_time() {
        let before: Time = "2017-04-01T05:59:59Z".parse().unwrap();
        let install = waiver(WaivedFor::Node("N2".into()), WaivedAction::Install);
        let held = |node: &str| Subject::Node(node.into());
        let pause = |node: &str| Action::Pause { node: node.into() };
        assert!(install.covers(RuleName::Soak, &held("N2"), &pause("N2"), before));
        assert!(!install.covers(RuleName::Soak, &held("N2"), &pause("N2"), install.until), "its time is over");
        assert!(!install.covers(RuleName::Window, &held("N2"), &pause("N2"), before), "another rule");
        assert!(!install.covers(RuleName::Soak, &held("N1"), &pause("N1"), before), "another node");
        assert!(install.covers(RuleName::Soak, &held("N2"), &handoff("N2", "N1"), before), "what vacates the node");
        assert!(!install.covers(RuleName::Soak, &held("N1"), &handoff("N2", "N1"), before), "the target's own soak");

        let role = waiver(WaivedFor::Group("MBX1".into()), WaivedAction::Handoff);
        assert!(role.covers(RuleName::Soak, &held("N1"), &handoff("N2", "N1"), before));
        assert!(!role.covers(RuleName::Soak, &held("N2"), &pause("N2"), before), "no handoff");
        let through = waiver(WaivedFor::Node("N1".into()), WaivedAction::Handoff);
        assert!(through.covers(RuleName::Soak, &held("N1"), &handoff("N2", "N1"), before), "a handoff to the node");
        assert!(through.covers(RuleName::Soak, &held("N1"), &handoff("N1", "N2"), before), "a handoff from the node");
        assert!(!through.covers(RuleName::Soak, &held("N3"), &handoff("N2", "N3"), before), "past the node");
    }

    #[test]
    fn nothing_that_keeps_users_safe_can_be_waived() {
        let rules: Vec<_> = Waivable::ALL.iter().map(|waivable| waivable.rule()).collect();
        use RuleName::{ActiveNode, EmptyNode, Fence, Fresh, People, Quorum, Ripple};
        for rule in [ActiveNode, EmptyNode, Ripple, Quorum, Fresh, Fence, People] {
            assert!(!rules.contains(&rule), "{rule}");
        }
    }
}
