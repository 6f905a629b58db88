//! `truth`: what is so, for tests to compare with what is seen and done. Rollward never asks it.

use std::collections::BTreeMap;

use rollward::drivers::simulator::world::{Machine, PausedBy};
use serde_json::{Value, json};

use crate::estate::{self, Estate};

/// Says the truth of all clusters as one document.
pub fn run() -> Result<u8, String> {
    let estate = Estate::open()?;
    let mut clusters = BTreeMap::new();
    for simulation in estate.simulations() {
        let world = simulation.world();
        let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
        let nodes: BTreeMap<String, Value> = (world.nodes.iter())
            .map(|(name, node)| {
                let versions: Vec<String> = node.installed.values().map(ToString::to_string).collect();
                let paused = match node.paused {
                    None => Value::Null,
                    Some(PausedBy::Person) => json!("person"),
                    Some(PausedBy::Controller) => json!("controller"),
                };
                let truth = json!({
                    "version": versions.join(" "),
                    "paused": paused,
                    "up": node.machine == Machine::Up,
                    "service": text(&node.service),
                    "disabled": node.services.differing.keys().collect::<Vec<_>>(),
                    "work": node.running().map(|work| work.action.to_string()),
                    "locked": estate::is_locked(&estate::disk(name, r"C:\rollward\lock")?),
                });
                Ok((name.to_string(), truth))
            })
            .collect::<Result<_, String>>()?;
        let groups = world.groups.iter().map(|(name, group)| {
            (name.to_string(), json!({"owner": group.owner, "state": group.state, "wanted": group.wanted}))
        });
        let roles = simulation.roles().map(|(name, notes)| {
            let outage = notes.outage(simulation.now()).as_secs();
            let moves = [notes.handoffs, notes.failovers, notes.by_person];
            (
                name.to_string(),
                json!({"handoffs": moves[0], "failovers": moves[1], "byPerson": moves[2], "outageSeconds": outage}),
            )
        });
        let properties = estate.properties.get(simulation.cluster()).cloned().unwrap_or_default();
        let installs = simulation.installs_log().iter();
        clusters.insert(
            simulation.cluster().to_string(),
            json!({
                "nodes": nodes,
                "groups": groups.collect::<BTreeMap<_, _>>(),
                "roles": roles.collect::<BTreeMap<_, _>>(),
                "violations": simulation.violations().iter().map(ToString::to_string).collect::<Vec<_>>(),
                "installs": installs.map(|note| json!([note.node, note.at])).collect::<Vec<_>>(),
                "properties": properties,
            }),
        );
    }
    println!("{}", json!(clusters));
    Ok(0)
}
