//! Plans do not flutter: neither noise in durations nor another look changes what is to be handed over, in which order,
//! or what an approval of it binds to.

use std::time::Duration;

use proptest::prelude::*;

use super::worlds::any_world;
use crate::desired::HandoffWhen;
use crate::guard::PlannedHandoff;
use crate::model::time::later;
use crate::model::{ActionKind, Claim, HandoffStyle, Known};
use crate::observed::effect;
use crate::plan::testing::{World, now};

/// How long each kind of action takes, in hundredths of what is declared; and how much later somebody looks.
type Noise = (Vec<u32>, u64);

fn noise() -> impl Strategy<Value = Noise> {
    (proptest::collection::vec(prop_oneof![1 => Just(100), 4 => 10..400u32], ActionKind::ALL.len()), 0..25u64)
}

/// Looked at later, by somebody who has measured other durations.
fn with(world: &World, (percents, seconds): &Noise) -> World {
    let mut world = world.clone();
    world.now = later(world.now, Duration::from_secs(*seconds));
    effect::look_again(&mut world.seen, world.now);
    for (kind, percent) in ActionKind::ALL.iter().zip(percents) {
        if let Some(spread) = world.forecast.by_kind.get_mut(kind) {
            spread.median = spread.median * *percent / 100;
            spread.p95 = spread.p95.max(spread.median);
        }
    }
    world
}

prop_compose! {
    fn approved_world()(world in any_world(), out in 1..=3u32, offline in any::<bool>()) -> World {
        world.policy(|policy| {
            policy.handoff.when = HandoffWhen::Approval;
            policy.handoff.style = if offline { HandoffStyle::Offline } else { HandoffStyle::Online };
            policy.limits.max_unavailable = out;
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_approval_binds_to_the_same_plan_however_long_things_take(world in approved_world(), noise in noise()) {
        let (before, after) = (world.plan(), with(&world, &noise).plan());
        prop_assert_eq!((&before.hash, &before.sequence), (&after.hash, &after.sequence), "{}", world.story());
        if !world.desired.policy.limits.several_out() {
            let steps = |plan: &crate::plan::Plan| plan.steps.iter().map(|step| step.action.clone()).collect::<Vec<_>>();
            prop_assert_eq!(steps(&before), steps(&after));
        }
    }

    /// After each step, in the midst of others, what is left of the plan is what a new plan says.
    #[test]
    fn what_is_left_of_a_plan_is_the_plan_from_there(world in approved_world(), noises in proptest::collection::vec(noise(), 8)) {
        let plan = world.plan();
        let mut left: &[PlannedHandoff] = &plan.sequence;
        let mut world = world;
        world.seen.claim = Known::seen(Some(Claim { epoch: 9, holder: "us".into(), heartbeat: 0 }), now());
        world.history.claimed_at = Some(now());
        for (step, noise) in plan.steps.iter().zip(noises.iter().cycle()) {
            world.now = world.now.max(later(step.at, step.predicted.median));
            effect::apply(&step.action, &mut world.seen, &world.desired, world.now);
            effect::look_again(&mut world.seen, world.now);
            effect::settle(&mut world.seen, world.now);
            let done = |next: &PlannedHandoff| step.action.kind() == ActionKind::Handoff && step.action.group() == Some(&next.group);
            if left.first().is_some_and(done) {
                left = &left[1..];
            }
            let again = with(&world, noise).plan();
            prop_assert_eq!(&again.sequence[..], left, "after {}:\n{}\nnow:\n{}", &step.action, world.story(), with(&world, noise).story());
        }
    }
}
