//! The rules, one file each. The list below is the order in which holds are shown.

use super::facts::Facts;
use super::permit::Check;
use crate::model::{Action, Hold, MarkKind, NodeName, Phase, RuleName};
use crate::observed::Node;

mod active_node;
mod approval;
mod budget;
mod declared;
mod empty_node;
mod fence;
mod fleet;
mod fresh;
mod manifest;
mod max_unavailable;
mod mode;
mod package;
mod people;
mod precondition;
mod preflight;
mod quorum;
mod ready_target;
mod record;
mod ripple;
mod rival;
mod soak;
mod standby_first;
mod stop;
mod version;
mod window;

mod duty;
mod prospect;
mod say;
mod table;

pub(super) use duty::is_only_way_up;
pub(crate) use fence::{claim_on_node, under_way};
pub use fence::{claimable, unclaimed};
pub(super) use fleet::SHOWN as FLEET_SHOWN;
pub use table::table;
pub(crate) use window::left_of_way;

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its stable name.
    pub name: RuleName,
    /// Which actions it judges, in words.
    pub judges: &'static str,
    /// Whether it may refuse what finishes, too.
    pub judges_finishing: bool,
    /// What it says no to, in one line; the README's table is made from it.
    pub says_no_to: &'static str,
    /// The rule.
    pub judge: fn(&Action, &Facts<'_>) -> Result<(), Hold>,
    /// What the node itself can check of it, just before acting.
    pub checks: fn(&Action, &Facts<'_>, &mut Vec<Check>),
}

/// Every rule.
pub static RULES: &[Rule] = &[
    active_node::RULE,
    empty_node::RULE,
    ripple::RULE,
    standby_first::RULE,
    quorum::RULE,
    max_unavailable::RULE,
    preflight::RULE,
    ready_target::RULE,
    version::RULE,
    package::RULE,
    window::RULE,
    approval::RULE,
    fresh::RULE,
    fence::RULE,
    people::RULE,
    budget::RULE,
    soak::RULE,
    fleet::RULE,
    stop::RULE,
    rival::RULE,
    mode::RULE,
    declared::RULE,
    manifest::RULE,
    record::RULE,
    precondition::RULE,
];

/// What one rule says of an action, waivers considered.
pub(super) fn verdict(rule: &Rule, action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    (rule.judge)(action, facts).or_else(|hold| facts.waiver_of(&hold, action).map(|_| ()).ok_or(hold))
}

/// For rules of which the node itself can check nothing.
fn no_checks(_: &Action, _: &Facts<'_>, _: &mut Vec<Check>) {}

/// A node that is down and under a pause mark of a controller is out by our doing, whatever can be seen of its pause.
pub(crate) fn our_mark_while_down(node: &NodeName, facts: &Facts<'_>) -> bool {
    let down = facts.seen.is_down(node);
    down && facts.seen.known_marks().any(|mark| matches!(&mark.kind, MarkKind::Pause { node: n } if n == node))
}

/// Beside others the node is being worked on, or will be as soon as its turn comes: it may leave the cluster at any
/// moment. Where one node is out at a time `max-unavailable` sees to that.
fn is_worked_on(node: &NodeName, facts: &Facts<'_>) -> bool {
    if !facts.desired.policy.limits.several_out() {
        return false;
    }
    let seen = facts.seen.nodes.get(node);
    facts.seen.known_marks().any(|mark| match &mark.kind {
        MarkKind::Pause { node: ours } => ours == node && seen.is_some_and(|n| n.paused.possibly(|paused| *paused)),
        MarkKind::InProgress { action } => action.needs_empty_node() && action.node() == Some(node),
        _ => false,
    }) || seen.and_then(Node::running_work).is_some_and(|work| work.action.needs_empty_node())
}

/// Which rules are in force, and the table they stand in: all of them, as they are, but for tests that show what each is
/// for.
#[derive(Clone, Copy, Debug)]
pub struct RuleSet {
    table: &'static [Rule],
    /// A bit for each name.
    in_force: u32,
}

impl RuleSet {
    /// Every rule: the only set that the product itself uses.
    pub const ALL: RuleSet = RuleSet::of(RULES);

    /// No rule, for the test that shows that the simulator counts what the guard prevents.
    pub const NONE: RuleSet = RuleSet { table: RULES, in_force: 0 };

    /// Every rule of another table: for tests that show that a rule is found out that says yes where it must not.
    pub const fn of(table: &'static [Rule]) -> RuleSet {
        RuleSet { table, in_force: u32::MAX }
    }

    /// Every rule but this one and those taken out before.
    #[must_use]
    pub fn without(self, rule: RuleName) -> RuleSet {
        RuleSet { in_force: self.in_force & !(1 << rule as u32), ..self }
    }

    /// Whether a rule is in force.
    pub fn has(self, rule: RuleName) -> bool {
        self.in_force & (1 << rule as u32) != 0
    }

    /// The rules in force that judge an action.
    pub(crate) fn judging(self, action: &Action) -> impl Iterator<Item = &'static Rule> {
        let phase = action.phase();
        let asked = move |rule: &&Rule| self.has(rule.name) && (phase == Phase::Begin || rule.judges_finishing);
        self.table.iter().filter(asked)
    }

    /// Those of the rules named that are in force, in this order.
    fn those(self, names: &[RuleName]) -> impl Iterator<Item = &'static Rule> {
        let named = move |name: &RuleName| self.table.iter().find(|rule| rule.name == *name);
        names.iter().filter(move |name| self.has(**name)).filter_map(named)
    }
}
