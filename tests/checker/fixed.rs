//! What the controllers of a setting have in common.

use std::sync::Arc;

use rollward::desired::{Cluster, Desired};
use rollward::drivers::simulator::look::{Blindness, Declared};
use rollward::drivers::simulator::world::{Order, World};
use rollward::guard::{Check, DriverTraits, FleetFacts, Forecast, History, RuleSet};
use rollward::model::{Answer, Time};
use rollward::plan;

/// What of the loop is the same in every state of a setting.
pub struct Fixed {
    pub desired: Arc<Cluster>,
    pub revision: Arc<str>,
    pub forecast: Arc<Forecast>,
    pub traits: DriverTraits,
    pub fleet: FleetFacts,
    pub declared: Declared,
    /// Everything that a controller remembers is lost whenever its turn ends.
    pub forgets: bool,
    /// Which rules are in force.
    pub rules: RuleSet,
    /// What is done otherwise than by the protocol.
    pub wrong: Wrong,
}

/// What is done otherwise than by the protocol, between a controller and its cluster. Nothing, but for tests that show
/// what each step is for.
#[derive(Clone, Copy)]
pub struct Wrong {
    /// A check that the node leaves out.
    pub skips: fn(&Check) -> bool,
    /// The node refuses this besides.
    pub refuses: fn(&World, &Order) -> bool,
    /// What happens to the world before an order is carried out.
    pub before: fn(&mut World, &Order),
    /// What happens to it after.
    pub after: fn(&mut World, &Order, &Answer),
    /// What a controller forgets within its turn.
    pub forgets: fn(&mut History),
    /// It judges on the look that it decided on, and only the claim is what it is now.
    pub looks_once: bool,
}

impl Wrong {
    pub const NOTHING: Wrong = Wrong {
        skips: |_| false,
        refuses: |_, _| false,
        before: |_, _| {},
        after: |_, _, _| {},
        forgets: |_| {},
        looks_once: false,
    };
}

impl Fixed {
    pub fn new(desired: &Desired, world: &World, forgets: bool) -> Self {
        let cluster = &desired.clusters["it"];
        let traits = DriverTraits {
            pause_keeps_groups: true,
            staging_disturbs: false,
            can_stop_cluster_service: !world.is_standalone(),
        };
        let mut fleet = FleetFacts { policy: desired.fleet.clone(), ..FleetFacts::default() };
        fleet.policy.canaries = 0;
        Self {
            desired: Arc::clone(cluster),
            revision: Arc::clone(&desired.revision),
            forecast: Arc::new(plan::forecast(cluster, &Default::default())),
            traits,
            fleet,
            declared: Declared {
                nodes: cluster.nodes.keys().cloned().collect(),
                groups: cluster.groups.keys().cloned().collect(),
            },
            forgets,
            rules: RuleSet::ALL,
            wrong: Wrong::NOTHING,
        }
    }

    pub fn look(&self, world: &World, now: Time) -> rollward::observed::Observation {
        world.look(&self.desired.name, now, &Blindness::default(), &self.declared)
    }
}
