//! The fencing protocol with one step left out or done too early, between a controller and its cluster.
//!
//! Its steps stand behind one another: who claims first and reads the marks second seldom needs to be refused on the
//! node. So where one step would do in the place of another, that one is left out besides, and the test shows that with
//! it gone nothing goes wrong as long as this one is there.

use rollward::drivers::simulator::world::{Order, World};
use rollward::guard::{Check, RuleSet};
use rollward::model::{Answer, Mark, MarkKind};

use super::{Killer, Mutant, Place, Step};
use crate::checker::{NOW, Setting, Shape, Wrong};

const RIGHT: Wrong = Wrong::NOTHING;

/// A node forgets which epochs it has obeyed, and does not read the claim again.
const UNCLAIMED: Wrong = Wrong { skips: |check| matches!(check, Check::ClaimIsOurs), before: forget_epochs, ..RIGHT };

/// It forgets them, and does not read the marks of others.
const UNMARKED: Wrong =
    Wrong { skips: |check| matches!(check, Check::NothingElseInProgress { .. }), before: forget_epochs, ..RIGHT };

/// It reads neither, and remembers epochs.
const REMEMBERING: Wrong =
    Wrong { skips: |check| matches!(check, Check::ClaimIsOurs | Check::NothingElseInProgress { .. }), ..RIGHT };

/// Nothing of that.
const NEITHER: Wrong = Wrong { before: forget_epochs, ..REMEMBERING };

/// It forgets epochs, does not read the claim again, and of work elsewhere it sees only what was announced.
const ANNOUNCED_ONLY: Wrong = Wrong { refuses: another_is_announced, ..NEITHER };

/// It does not ask for its pause either.
const UNPAUSED: Wrong = Wrong {
    skips: |check| matches!(check, Check::ClaimIsOurs | Check::PausedByUs { .. }),
    before: forget_epochs,
    ..RIGHT
};

fn forget_epochs(world: &mut World, _: &Order) {
    world.nodes.values_mut().for_each(|node| node.epoch_seen = 0);
}

fn another_is_announced(world: &World, order: &Order) -> bool {
    order.checks.iter().any(|check| match check {
        Check::NothingElseInProgress { beside } => world.store.marks.iter().any(|mark| match &mark.kind {
            MarkKind::InProgress { action } => **action != order.action && !beside.contains(&**action),
            _ => false,
        }),
        _ => false,
    })
}

fn without(step: Step, mistake: &str, besides: Option<Wrong>, wrong: Wrong, killer: Killer) -> Mutant {
    let mistake = format!("{step:?}: {mistake}");
    Mutant { mistake, place: Place::Step(step), rules: RuleSet::ALL, besides, wrong, killer }
}

/// Two nodes with a copy each, one role, one fault.
const PAIR: Killer = Killer::Checker(|| Setting::new(Shape::Ccr, "fileShare", "online").forgetful());

/// The same in the hands of two controllers, and nothing befalls.
const TWO: Killer = Killer::Checker(|| Setting::new(Shape::Ccr, "fileShare", "online").two().faults(0).forgetful());

/// Two controllers on nodes that may take their time between their checks and their deeds.
const HESITANT: Killer =
    Killer::Checker(|| Setting::new(Shape::Idle, "fileShare", "online").two().faults(0).hesitant().forgetful());

/// One mistake for each step, and more for some.
pub fn mutants() -> Vec<Mutant> {
    vec![
        without(
            Step::MarksSecond,
            "the marks are read before the claim is written, and not after",
            None,
            Wrong { looks_once: true, ..RIGHT },
            PAIR,
        ),
        without(
            Step::Announce,
            "nothing is announced",
            Some(ANNOUNCED_ONLY),
            Wrong {
                after: |world, order, _| {
                    let own = |m: &Mark| matches!(&m.kind, MarkKind::InProgress { action } if **action == order.action);
                    world.store.marks.retain(|m| !own(m));
                },
                ..ANNOUNCED_ONLY
            },
            HESITANT,
        ),
        without(
            Step::RecheckClaim,
            "the claim is compared before the mark is written, and not after",
            Some(UNMARKED),
            NEITHER,
            HESITANT,
        ),
        without(
            Step::RecheckMarks,
            "the marks of others are read before one's own is written, and not after",
            Some(UNCLAIMED),
            NEITHER,
            HESITANT,
        ),
        without(
            Step::HighestEpoch,
            "a node obeys whoever asks, however old the epoch",
            Some(REMEMBERING),
            NEITHER,
            HESITANT,
        ),
        without(
            Step::RecheckOwners,
            "who owns what is asked before the mark is written, and not after",
            Some(UNPAUSED),
            Wrong {
                skips: |check| {
                    matches!(
                        check,
                        Check::OwnsNothing { .. }
                            | Check::OwnsNoRole { .. }
                            | Check::ClaimIsOurs
                            | Check::PausedByUs { .. }
                    )
                },
                ..UNPAUSED
            },
            TWO,
        ),
        without(
            Step::RecheckQuorum,
            "the votes are counted before the mark is written, and not after",
            None,
            Wrong { skips: |check| matches!(check, Check::QuorumWithout { .. }), ..RIGHT },
            PAIR,
        ),
        without(
            Step::RecheckPauses,
            "the node's pause is asked for before the mark is written, and not after",
            None,
            Wrong { skips: |check| matches!(check, Check::PausedByUs { .. } | Check::NotPaused { .. }), ..RIGHT },
            PAIR,
        ),
        without(
            Step::TakesBack,
            "who refuses leaves the announcement where it is",
            None,
            Wrong {
                after: |world, order, answer| {
                    if let (Answer::Refused { .. }, Some(claim)) = (answer, &order.claim) {
                        let kind = MarkKind::InProgress { action: Box::new(order.action.clone()) };
                        world.store.marks.retain(|m| m.kind != kind);
                        world.store.marks.push(Mark {
                            kind,
                            epoch: claim.epoch,
                            holder: claim.holder.clone(),
                            at: NOW,
                        });
                    }
                },
                ..RIGHT
            },
            PAIR,
        ),
        without(
            Step::Lock,
            "a node begins anew while it is at work",
            Some(UNCLAIMED),
            Wrong {
                before: |world, order| {
                    forget_epochs(world, order);
                    if let Some(node) = order.action.node().and_then(|n| world.nodes.get_mut(n)) {
                        node.work = None;
                        node.task = None;
                    }
                },
                ..UNCLAIMED
            },
            HESITANT,
        ),
        without(
            Step::MembershipChange,
            "a change of membership is not noticed",
            None,
            Wrong { forgets: |history| history.membership_changed_at = None, ..RIGHT },
            PAIR,
        ),
    ]
}
