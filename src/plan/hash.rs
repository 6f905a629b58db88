//! What an approval binds to, in sixteen hexadecimal digits. Durations are left out: they change with every look.

use sha2::{Digest, Sha256};

use crate::desired::Cluster;
use crate::guard::PlannedHandoff;

/// The hash that a person approves: cluster, targets, the policy's handoff part, and the handoffs in their order.
pub fn plan_hash(desired: &Cluster, sequence: &[PlannedHandoff]) -> String {
    let mut text = scope(desired);
    for PlannedHandoff { group, from, to, style } in sequence {
        line(&mut text, &["handoff", group.as_str(), from.as_str(), to.as_str(), &style.to_string()]);
    }
    digest(&text)
}

/// The hash of what an approval binds to besides the handoffs: once it changes, nothing of the approval is left.
pub fn scope_hash(desired: &Cluster) -> String {
    digest(&scope(desired))
}

fn scope(desired: &Cluster) -> String {
    let mut text = String::new();
    line(&mut text, &["cluster", desired.name.as_str()]);
    for (name, spec) in &desired.nodes {
        line(&mut text, &["node", name.as_str(), spec.rollup.name.as_str()]);
        for package in &spec.rollup.packages {
            line(&mut text, &["package", package.name.as_str(), &package.version.to_string()]);
        }
    }
    let handoff = &desired.policy.handoff;
    line(
        &mut text,
        &[
            "policy",
            &format!("{:?} {:?} {:?} {:?}", handoff.when, handoff.style, handoff.failback, handoff.minimise),
            &handoff.stopped_at_most.as_secs().to_string(),
        ],
    );
    text
}

/// Appends fields with their lengths, so that no two different lists read the same.
fn line(text: &mut String, fields: &[&str]) {
    for field in fields {
        text.push_str(&field.len().to_string());
        text.push(':');
        text.push_str(field);
    }
    text.push('\n');
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
