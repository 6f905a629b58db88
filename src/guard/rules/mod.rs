//! The rules, one file each. The list below is the order in which holds are shown.

use super::facts::Facts;
use super::permit::Check;
use crate::model::{Action, Hold, RuleName};

mod active_node;

/// One rule.
pub struct Rule {
    /// Its stable name.
    pub name: RuleName,
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
pub static RULES: &[Rule] = &[active_node::RULE];

/// Which rules are in force: all of them, but for tests that show what each is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuleSet(u32);

impl RuleSet {
    /// Every rule: the only set that the product itself uses.
    pub const ALL: RuleSet = RuleSet(u32::MAX);

    /// No rule, for the test that shows that the simulator counts what the guard prevents.
    pub const NONE: RuleSet = RuleSet(0);

    /// Every rule but this one and those taken out before.
    #[must_use]
    pub fn without(self, rule: RuleName) -> RuleSet {
        RuleSet(self.0 & !(1 << rule as u32))
    }

    /// Whether a rule is in force.
    pub fn has(self, rule: RuleName) -> bool {
        self.0 & (1 << rule as u32) != 0
    }
}
