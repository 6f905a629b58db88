//! What `doctor` looks for before anybody trusts a roll to this cluster: some thirty checks, each with what was seen and
//! what to do.

mod cluster;
mod machines;

use std::collections::BTreeMap;

use super::look::{Asked, Raw, Said, look};
use super::wire::Answer;
use crate::drivers::{Readiness, ReadinessState};
use crate::model::{Known, NodeName, Time};
use crate::observed::{Group, Node, Observation};

/// What each machine says of how it is set up.
pub(super) struct Checkup {
    pub management: Said,
    pub nodes: BTreeMap<NodeName, Said>,
    /// Whether an order that does nothing went its way on each node; of none where the manifest only observes.
    pub orders: BTreeMap<NodeName, Result<(), String>>,
}

/// What was answered, and what follows from it.
struct Evidence<'a> {
    asked: &'a Asked,
    raw: &'a Raw,
    checkup: &'a Checkup,
    seen: &'a Observation,
}

/// A finding: how it stands, what was seen, what to do.
type Finding = (ReadinessState, String, &'static str);

/// What is wrong with one of several, and how bad it is; `Ok` if nothing is.
type Verdict = Result<(), (ReadinessState, String)>;

type Check = fn(&Evidence<'_>) -> Finding;

const CHECKS: &[(&str, Check)] = &[
    ("management-host", machines::management_host),
    ("nodes-answer", machines::nodes_answer),
    ("powershell", machines::powershell),
    ("tools", machines::tools),
    ("language", machines::language),
    ("login-domain", machines::login_domain),
    ("login-rights", machines::login_rights),
    ("clocks", machines::clocks),
    ("exchange-tools", cluster::exchange_tools),
    ("cluster-answers", cluster::cluster_answers),
    ("views-agree", cluster::views_agree),
    ("nodes-declared", cluster::nodes_declared),
    ("groups-declared", cluster::groups_declared),
    ("marks", cluster::marks),
    ("paused", machines::paused),
    ("quorum", cluster::quorum),
    ("failback", cluster::failback),
    ("roles", cluster::roles),
    ("role-owners", cluster::role_owners),
    ("redundant-machines", cluster::redundant_machines),
    ("copies", cluster::copies),
    ("standby-declared", cluster::standby_declared),
    ("standby-copies", cluster::standby_copies),
    ("backup-running", cluster::backup_running),
    ("backup-age", cluster::backup_age),
    ("builds", machines::builds),
    ("service-pack", machines::service_pack),
    ("interim-updates", machines::interim_updates),
    ("pending-reboot", machines::pending_reboot),
    ("other-installers", machines::other_installers),
    ("installer-service", machines::installer_service),
    ("disk", machines::disk),
    ("services", machines::services),
    ("services-declared", machines::services_declared),
    ("revocation", machines::revocation),
    ("exchange-tools-on-nodes", machines::exchange_tools),
    ("orders", machines::orders),
];

/// Makes every check.
pub(super) fn check(asked: &Asked, raw: &Raw, checkup: &Checkup, at: Time) -> Vec<Readiness> {
    let seen = look(asked, raw, at);
    let evidence = Evidence { asked, raw, checkup, seen: &seen };
    let made = CHECKS.iter().map(|(name, check)| {
        let (state, evidence, fix) = check(&evidence);
        let fix = (state != ReadinessState::Good && !fix.is_empty()).then(|| fix.to_owned());
        Readiness { name, state, evidence, fix }
    });
    made.collect()
}

fn good(evidence: impl Into<String>) -> Finding {
    (ReadinessState::Good, evidence.into(), "")
}

/// The worst of several verdicts, with all that is as bad; what is fine if none has anything to say.
fn together(verdicts: impl Iterator<Item = Verdict>, fine: &str, fix: &'static str) -> Finding {
    let wrong: Vec<(ReadinessState, String)> = verdicts.filter_map(Result::err).collect();
    match wrong.iter().map(|(state, _)| *state).max_by_key(|state| rank(*state)) {
        None => good(fine),
        Some(worst) => {
            let said = wrong.into_iter().map(|(_, said)| said).collect::<Vec<_>>().join("; ");
            (worst, said, fix)
        }
    }
}

/// How bad a state is. Bad is certain; what is unknown may be.
fn rank(state: ReadinessState) -> u8 {
    match state {
        ReadinessState::Bad => 3,
        ReadinessState::Unknown => 2,
        ReadinessState::Warning => 1,
        ReadinessState::Good => 0,
    }
}

/// The worst of several verdicts.
fn worst(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts.filter_map(Result::err).max_by_key(|(state, _)| rank(*state)).map_or(Ok(()), Err)
}

fn bad(said: impl Into<String>) -> Verdict {
    Err((ReadinessState::Bad, said.into()))
}

fn warning(said: impl Into<String>) -> Verdict {
    Err((ReadinessState::Warning, said.into()))
}

fn unknown(said: impl Into<String>) -> Verdict {
    Err((ReadinessState::Unknown, said.into()))
}

/// Judges a fact, if it is known.
fn fact<T>(of: impl std::fmt::Display, known: &Known<T>, judge: impl FnOnce(&T) -> Verdict) -> Verdict {
    match known {
        Known::Known { value, .. } => judge(value),
        Known::Unknown { why } => unknown(format!("{of}: {why}")),
    }
}

/// Judges every declared node as it was seen.
fn nodes(of: &Evidence<'_>, fine: &str, fix: &'static str, judge: impl Fn(&NodeName, &Node) -> Verdict) -> Finding {
    let declared = of.asked.nodes.keys().filter_map(|name| Some((name, of.seen.nodes.get(name)?)));
    together(declared.map(|(name, node)| judge(name, node)), fine, fix)
}

/// Judges every declared role as it was seen.
fn each_role(of: &Evidence<'_>, fine: &str, fix: &'static str, judge: impl Fn(&str, &Group) -> Verdict) -> Finding {
    let mut roles = of.asked.roles().filter_map(|name| Some((name, of.seen.groups.get(name)?))).peekable();
    match roles.peek() {
        None => good("no role is declared"),
        Some(_) => together(roles.map(|(name, role)| judge(name.as_str(), role)), fine, fix),
    }
}

/// Judges what every machine that answered says of how it is set up.
fn every_machine(
    of: &Evidence<'_>,
    fine: &str,
    fix: &'static str,
    judge: impl Fn(&str, &Answer) -> Verdict,
) -> Finding {
    let management = (of.asked.spec.management_host.as_str(), &of.checkup.management);
    let all = of.checkup.nodes.iter().map(|(name, said)| (name.as_str(), said)).chain([management]);
    let verdict = |(name, said): (&str, &Said)| match said.heard() {
        Ok((answer, _)) => judge(name, answer),
        Err(why) => unknown(why),
    };
    together(all.map(verdict), fine, fix)
}

/// Judges what every node that answered says of how it is set up.
fn node_machines(
    of: &Evidence<'_>,
    fine: &str,
    fix: &'static str,
    judge: impl Fn(&str, &Answer) -> Verdict,
) -> Finding {
    let verdict = |(name, said): (&NodeName, &Said)| match said.heard() {
        Ok((answer, _)) => judge(name.as_str(), answer),
        Err(why) => unknown(why),
    };
    together(of.checkup.nodes.iter().map(verdict), fine, fix)
}

/// Judges a fact of a machine, if it was said.
fn said<const N: usize>(name: &str, answer: &Answer, tag: &str, judge: impl FnOnce([&str; N]) -> Verdict) -> Verdict {
    match answer.one::<N>(tag) {
        Ok(fields) => judge(fields),
        Err(why) => unknown(format!("{name}: {why}")),
    }
}

#[cfg(test)]
mod tests;
