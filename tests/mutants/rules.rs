//! Rules that say yes where they must not: one mistake each, somewhat too trusting; and one that says no to what must
//! be finished. Each asks the real rule, with something of its facts forgotten or taken for better than it is.

use std::sync::Arc;
use std::time::Duration;

use rollward::desired::Cluster;
use rollward::guard::{Facts, FleetFacts, History, RULES, Rule, RuleSet};
use rollward::model::{Action, Hold, Known, MarkKind, RuleName, StopScope};
use rollward::observed::{CopyStatus, GroupState, Membership, Observation};

use super::{Killer, Mutant, Place};
use crate::checker::Wrong;

type Judge = fn(&Action, &Facts<'_>) -> Result<(), Hold>;

/// What the real rule says.
fn ask(rule: RuleName, action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    (of(rule).judge)(action, facts)
}

/// What the real rule says, but for what it is not asked about.
fn unless(passes: bool, rule: RuleName, action: &Action, facts: &Facts<'_>) -> Result<(), Hold> {
    if passes { Ok(()) } else { ask(rule, action, facts) }
}

fn of(rule: RuleName) -> &'static Rule {
    RULES.iter().find(|r| r.name == rule).expect("every rule is in the table")
}

/// What the real rule says of a look that is wrong.
fn seeing(
    rule: RuleName,
    action: &Action,
    facts: &Facts<'_>,
    wrong: impl FnOnce(&mut Observation),
) -> Result<(), Hold> {
    let mut seen = facts.seen.clone();
    wrong(&mut seen);
    ask(rule, action, &Facts { seen: &seen, ..*facts })
}

/// What the real rule says if the manifest were another.
fn wanting(rule: RuleName, action: &Action, facts: &Facts<'_>, other: impl FnOnce(&mut Cluster)) -> Result<(), Hold> {
    let mut desired = facts.desired.clone();
    other(&mut desired);
    ask(rule, action, &Facts { desired: &desired, ..*facts })
}

fn among(rule: RuleName, action: &Action, facts: &Facts<'_>, others: impl FnOnce(&mut FleetFacts)) -> Result<(), Hold> {
    let mut fleet = facts.fleet.clone();
    others(&mut fleet);
    ask(rule, action, &Facts { fleet: &fleet, ..*facts })
}

fn remembering(
    rule: RuleName,
    action: &Action,
    facts: &Facts<'_>,
    wrong: impl FnOnce(&mut History),
) -> Result<(), Hold> {
    let mut history = facts.history.clone();
    wrong(&mut history);
    ask(rule, action, &Facts { history: &history, ..*facts })
}

fn set<T>(fact: &mut Known<T>, to: T) {
    if let Known::Known { value, .. } = fact {
        *value = to;
    }
}

/// The rule judges like this; and has the node check nothing.
fn weak(rule: RuleName, mistake: &'static str, judge: Judge, killer: Killer) -> Mutant {
    instead(rule, mistake, Rule { judge, checks: |_, _, _| {}, ..*of(rule) }, killer)
}

/// The rule judges like this, and the node checks what it should.
fn hasty(rule: RuleName, mistake: &'static str, judge: Judge, killer: Killer) -> Mutant {
    instead(rule, mistake, Rule { judge, ..*of(rule) }, killer)
}

fn instead(rule: RuleName, mistake: &'static str, wrong: Rule, killer: Killer) -> Mutant {
    let table: Vec<Rule> = RULES.iter().map(|real| if real.name == rule { wrong } else { *real }).collect();
    Mutant {
        mistake: format!("{rule}: {mistake}"),
        place: Place::Rule(rule),
        rules: RuleSet::of(table.leak()),
        wrong: Wrong::NOTHING,
        besides: None,
        killer,
    }
}

/// One mistake for each rule, and a second for some.
pub fn mutants() -> Vec<Mutant> {
    use Killer::Scenario;
    use RuleName as R;
    vec![
        weak(
            R::ActiveNode,
            "counts roles only that are online",
            |action, facts| {
                seeing(R::ActiveNode, action, facts, |seen| {
                    seen.groups.retain(|_, g| g.state.possibly(|s| *s == GroupState::Online));
                })
            },
            Scenario("rules/active-node-stands-alone"),
        ),
        hasty(
            R::ActiveNode,
            "does not judge the pause",
            |action, facts| unless(matches!(action, Action::Pause { .. }), R::ActiveNode, action, facts),
            Scenario("ccr/active-node-dies"),
        ),
        weak(
            R::EmptyNode,
            "forgets the default cluster group",
            |action, facts| {
                seeing(R::EmptyNode, action, facts, |seen| {
                    seen.groups.retain(|name, _| name.as_str() != "Cluster Group")
                })
            },
            Scenario("rules/empty-node-stands-alone"),
        ),
        weak(
            R::EmptyNode,
            "takes a paused node for one that we paused",
            |action, facts| {
                let paused =
                    action.node().and_then(|n| facts.seen.nodes.get(n)).is_some_and(|n| n.paused.surely(|p| *p));
                let empty = action.node().is_some_and(|n| facts.seen.maybe_owned_by(n).next().is_none());
                unless(paused && empty, R::EmptyNode, action, facts)
            },
            Scenario("rules/empty-node-stands-alone"),
        ),
        weak(
            R::Ripple,
            "minds what stops or restarts, and not what the cluster moves by itself",
            |action, facts| {
                let stays = |e: &rollward::observed::SideEffect| {
                    !matches!(e.kind, rollward::observed::SideEffectKind::Moves { .. })
                };
                let foreseen = match facts.foreseen {
                    Known::Known { value, at } => {
                        Known::seen(value.iter().filter(|e| stays(e)).cloned().collect(), *at)
                    }
                    unknown @ Known::Unknown { .. } => unknown.clone(),
                };
                ask(R::Ripple, action, &Facts { foreseen: &foreseen, ..*facts })
            },
            Scenario("rules/ripple-stands-alone"),
        ),
        weak(
            R::StandbyFirst,
            "asks the first standby target of a role only",
            |action, facts| {
                wanting(R::StandbyFirst, action, facts, |desired| {
                    for group in desired.groups.values_mut() {
                        group.standby_targets.truncate(1);
                    }
                })
            },
            Scenario("scr/two-targets"),
        ),
        weak(
            R::StandbyFirst,
            "does not ask whether a source is in the middle of a node",
            |action, facts| {
                among(R::StandbyFirst, action, facts, |fleet| {
                    for cluster in fleet.clusters.values_mut() {
                        set(&mut cluster.in_the_middle, Default::default());
                    }
                })
            },
            Scenario("scr/target-first"),
        ),
        weak(
            R::Quorum,
            "needs one vote less than a majority",
            |action, facts| {
                seeing(R::Quorum, action, facts, |seen| {
                    if let Known::Known { value, .. } = &mut seen.quorum {
                        value.needed = value.needed.saturating_sub(1);
                    }
                })
            },
            Scenario("ccr/witness-lost-meanwhile"),
        ),
        weak(
            R::Quorum,
            "counts a witness that nobody sees",
            |action, facts| {
                seeing(R::Quorum, action, facts, |seen| {
                    let all = seen.nodes.keys().cloned().collect();
                    let at = seen.at;
                    if let Known::Known { value, .. } = &mut seen.quorum
                        && value.witness.is_some()
                    {
                        value.witness = Some(Known::seen(all, at));
                    }
                })
            },
            Scenario("rules/quorum-stands-alone"),
        ),
        weak(
            R::MaxUnavailable,
            "counts nodes that are paused, and not those that are down",
            |action, facts| {
                seeing(R::MaxUnavailable, action, facts, |seen| {
                    for node in seen.nodes.values_mut() {
                        set(&mut node.membership, Membership::Up);
                    }
                })
            },
            Scenario("ccr/passive-node-down"),
        ),
        weak(
            R::Preflight,
            "does not look for room on the node that a handoff vacates",
            |action, facts| {
                seeing(R::Preflight, action, facts, |seen| {
                    for node in seen.nodes.values_mut() {
                        if let Known::Known { value, .. } = &mut node.disk {
                            value.needed_mib = 0;
                        }
                    }
                })
            },
            Scenario("rules/preflight-stands-alone"),
        ),
        weak(
            R::Preflight,
            "does not ask for a pending reboot or a running backup",
            |action, facts| {
                seeing(R::Preflight, action, facts, |seen| {
                    seen.nodes.values_mut().for_each(|n| set(&mut n.pending_reboot, false));
                    seen.groups.values_mut().for_each(|g| set(&mut g.backup, false));
                })
            },
            Scenario("ccr/backup-running"),
        ),
        weak(
            R::ReadyTarget,
            "does not ask for the copy on the target",
            |action, facts| {
                seeing(R::ReadyTarget, action, facts, |seen| {
                    for copy in seen.groups.values_mut().flat_map(|g| g.copies.values_mut()) {
                        if let Known::Known { value, .. } = copy {
                            value.status = CopyStatus::Healthy;
                            value.queue = 0;
                        }
                    }
                })
            },
            Scenario("ccr/copy-lags"),
        ),
        weak(
            R::ReadyTarget,
            "does not ask whether the target's services run",
            |action, facts| {
                seeing(R::ReadyTarget, action, facts, |seen| {
                    for node in seen.nodes.values_mut() {
                        if let Known::Known { value, .. } = &mut node.services {
                            value.differing.clear();
                        }
                    }
                })
            },
            Scenario("rules/ready-target-stands-alone"),
        ),
        weak(
            R::Version,
            "takes a downgrade for what the manifest asks",
            |action, facts| wanting(R::Version, action, facts, |desired| desired.allow_downgrade = true),
            Scenario("rules/version-stands-alone"),
        ),
        weak(
            R::Package,
            "takes any file of the right name",
            |action, facts| {
                let named = action
                    .node()
                    .and_then(|n| facts.seen.nodes.get(n))
                    .is_some_and(|n| n.staged.surely(|staged| !staged.is_empty()));
                unless(named, R::Package, action, facts)
            },
            Scenario("rules/package-stands-alone"),
        ),
        weak(
            R::Window,
            "asks whether it is open, and not whether the work would end inside",
            |action, facts| {
                let mut forecast = facts.forecast.clone();
                let spreads = forecast.by_kind.values_mut().chain(forecast.by_group.values_mut());
                let spreads = spreads.chain(forecast.by_way.values_mut());
                spreads.for_each(|s| (s.median, s.p95) = (Duration::ZERO, Duration::ZERO));
                ask(R::Window, action, &Facts { forecast: &forecast, ..*facts })
            },
            Scenario("rules/window-stands-alone"),
        ),
        weak(
            R::Approval,
            "takes silence for consent",
            |action, facts| unless(facts.history.approvals.is_empty(), R::Approval, action, facts),
            Scenario("rules/approval-stands-alone"),
        ),
        weak(
            R::Fresh,
            "takes a minority's view",
            |action, facts| {
                seeing(R::Fresh, action, facts, |seen| {
                    if let Some(first) = seen.views.first().cloned() {
                        seen.views = vec![rollward::observed::View { quorate: true, ..first }];
                    }
                })
            },
            Scenario("faults/split-active"),
        ),
        weak(
            R::Fresh,
            "does not ask how old a look is",
            |action, facts| ask(R::Fresh, action, &Facts { now: facts.seen.at, ..*facts }),
            Scenario("rules/fresh-stands-alone"),
        ),
        weak(
            R::Fence,
            "begins beside what is under way",
            |action, facts| {
                seeing(R::Fence, action, facts, |seen| {
                    seen.nodes.values_mut().for_each(|n| set(&mut n.work, None));
                    if let Known::Known { value, .. } = &mut seen.marks {
                        value.retain(|m| !matches!(m.kind, MarkKind::InProgress { .. }));
                    }
                })
            },
            Scenario("faults/dies-while-its-role-stops"),
        ),
        weak(
            R::Fence,
            "takes another's claim for its own",
            |action, facts| {
                remembering(R::Fence, action, facts, |history| {
                    if let Known::Known { value: Some(claim), .. } = &facts.seen.claim {
                        history.holder = claim.holder.clone();
                    }
                })
            },
            Scenario("faults/second-controller"),
        ),
        weak(
            R::People,
            "takes a person's pause for its own",
            |action, facts| {
                seeing(R::People, action, facts, |seen| {
                    let at = seen.at;
                    let Known::Known { value: marks, .. } = &mut seen.marks else { return };
                    for (name, node) in &mut seen.nodes {
                        let kind = MarkKind::Pause { node: name.clone() };
                        let marked = marks.iter().any(|m| m.kind == kind);
                        if node.paused.surely(|p| *p) && !marked {
                            let holder = facts.history.holder.clone();
                            marks.push(rollward::model::Mark { kind, epoch: 0, holder, at });
                        }
                    }
                })
            },
            Scenario("rules/people-stands-alone"),
        ),
        weak(
            R::People,
            "pauses again what a person has resumed",
            |action, facts| {
                unless(matches!(action, Action::Pause { .. } | Action::Install { .. }), R::People, action, facts)
            },
            Scenario("faults/paused-between-look-and-pause"),
        ),
        weak(
            R::Budget,
            "never has enough of trying",
            |action, facts| {
                wanting(R::Budget, action, facts, |desired| {
                    let mut policy = rollward::desired::Policy::clone(&desired.policy);
                    policy.limits.retries += 1;
                    desired.policy = Arc::new(policy);
                })
            },
            Scenario("ccr/install-fails-for-good"),
        ),
        weak(
            R::Soak,
            "does not begin anew for a node that was lost meanwhile",
            |action, facts| remembering(R::Soak, action, facts, |history| history.rejoined_at.clear()),
            Scenario("ccr/passive-node-dies-after-its-update"),
        ),
        weak(
            R::Soak,
            "is not for pauses",
            |action, facts| unless(matches!(action, Action::Pause { .. }), R::Soak, action, facts),
            Scenario("ccr/active-node-dies"),
        ),
        weak(
            R::Fleet,
            "does not wait for the canaries",
            |action, facts| among(R::Fleet, action, facts, |fleet| fleet.policy.canaries = 0),
            Scenario("rules/fleet-stands-alone"),
        ),
        weak(
            R::Stop,
            "does not know the cord of a node",
            |action, facts| {
                seeing(R::Stop, action, facts, |seen| {
                    if let Known::Known { value, .. } = &mut seen.marks {
                        value.retain(|m| !matches!(&m.kind, MarkKind::Stop { scope: StopScope::Node(_), .. }));
                    }
                })
            },
            Scenario("people/stop-and-go-node"),
        ),
        weak(
            R::Stop,
            "knows the cord of a node only, and not the cluster's",
            |action, facts| {
                seeing(R::Stop, action, facts, |seen| {
                    if let Known::Known { value, .. } = &mut seen.marks {
                        value.retain(|m| !matches!(&m.kind, MarkKind::Stop { scope: StopScope::Cluster, .. }));
                    }
                })
            },
            Scenario("rules/stop-stands-alone"),
        ),
        weak(
            R::Rival,
            "looks before the pause, and not before the install",
            |action, facts| unless(matches!(action, Action::Install { .. }), R::Rival, action, facts),
            Scenario("rules/rival-stands-alone"),
        ),
        hasty(
            R::Rival,
            "keeps a role stopped as long as another installer works where it was",
            |action, facts| {
                seeing(R::Rival, action, facts, |seen| {
                    if let Known::Known { value, .. } = &mut seen.marks {
                        value.retain(|m| !matches!(m.kind, MarkKind::StoppedRole { .. }));
                    }
                })
            },
            Scenario("people/pauses-where-an-installer-works-and-a-role-is-stopped"),
        ),
        weak(
            R::Mode,
            "takes a cluster that is only looked at for one to be acted on, except for installs",
            |action, facts| unless(!matches!(action, Action::Install { .. }), R::Mode, action, facts),
            Scenario("rules/mode-stands-alone"),
        ),
        weak(
            R::Declared,
            "keeps a held node from the install, and not from being paused",
            |action, facts| unless(!matches!(action, Action::Install { .. }), R::Declared, action, facts),
            Scenario("rules/declared-stands-alone"),
        ),
        weak(
            R::Manifest,
            "starts with a document that is broken where the last good one is known",
            |action, facts| {
                wanting(R::Manifest, action, facts, |desired| {
                    if desired.broken.as_ref().is_some_and(|b| !b.releasing) {
                        desired.broken = None;
                    }
                })
            },
            Scenario("rules/manifest-stands-alone"),
        ),
        weak(
            R::Record,
            "lets everything but an install begin that cannot be written down",
            |action, facts| unless(!matches!(action, Action::Install { .. }), R::Record, action, facts),
            Scenario("rules/record-stands-alone"),
        ),
        weak(
            R::Precondition,
            "does not ask whether it is possible at all",
            |_, _| Ok(()),
            Scenario("ccr/passive-node-down"),
        ),
    ]
}
