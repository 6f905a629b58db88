//! The rules as a table for people. The README's is this one; a test compares them.

use super::RULES;
use crate::model::RuleName;

/// Every rule with what it judges and what it says no to, in Markdown.
pub fn table() -> String {
    let mut text = String::from("| rule | judges | says no to |\n| --- | --- | --- |\n");
    // The physical precondition is no safety rule, and stands in the list of actions instead.
    for rule in RULES.iter().filter(|rule| rule.name != RuleName::Precondition) {
        text.push_str(&format!("| `{}` | {} | {} |\n", rule.name, rule.judges, rule.says_no_to));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_the_rules_as_they_are() {
        let readme = include_str!("../../../README.md");
        let shown = readme.split("<!-- rules -->\n").nth(1).unwrap_or_default();
        assert_eq!(shown, table(), "replace what stands between the markers in README.md by the table on the right");
    }

    #[test]
    fn every_name_of_a_rule_is_a_rule_or_said_to_be_none() {
        let rules: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
        for name in RuleName::ALL {
            let none = matches!(name, RuleName::InProgress | RuleName::Deadlock);
            assert_eq!(rules.iter().filter(|rule| *rule == name).count(), usize::from(!none), "{name}");
        }
        assert!(rules.is_sorted(), "the rules stand in the order of their names, in which holds are shown");
    }
}
