//! `manifest`: a cluster whose document is broken or gone finishes what is begun and starts nothing.

use super::{Rule, duty, say};
use crate::guard::Facts;
use crate::model::{Action, Evidence, Hold, ReleaseKind, RuleName, Subject};

pub(super) const RULE: Rule = Rule {
    name: RuleName::Manifest,
    judges: "begins",
    judges_finishing: false,
    says_no_to: "anything, while the cluster's document, or one that it needs, is broken or gone",
    judge,
    checks: super::no_checks,
};

fn judge(action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    let Some(broken) = &facts.desired.broken else { return Ok(()) };
    if duty::is_only_way_up(action, facts) {
        return Ok(());
    }
    let evidence = match &broken.place {
        Some(place) => say::line("the manifest", &broken.why, place),
        None => Evidence::timeless("the manifest", &broken.why),
    };
    let what = match (&broken.place, broken.releasing) {
        (_, true) => "its document is gone: what is begun is finished, our marks are removed, then it is forgotten; \
                      released by declaring it again"
            .to_owned(),
        (Some(place), false) => format!("released by mending {place}; `rollward validate` shows every error at once"),
        (None, false) => "released by mending the manifest; `rollward validate` shows every error at once".to_owned(),
    };
    let subject = Subject::Cluster(facts.desired.name.clone());
    Err(say::hold(RuleName::Manifest, subject, vec![evidence], ReleaseKind::Manifest, what))
}
