//! `observe`, laid out: votes and claim, then the nodes, then the groups.

use std::fmt::Write as _;

use comfy_table::Color;

use super::layout::{Column, stamp, table};
use super::style::{FAINT, HEAD};
use crate::model::Standing;
use crate::observed::GroupKind;
use crate::output::{Clusters, Duty, GroupState, Membership, Node, Observed, PausedBy, Quorum};

/// All looks.
pub fn text(document: &Clusters<Observed>) -> String {
    let mut text = String::new();
    for (i, look) in document.clusters.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        one(&mut text, look);
    }
    text
}

fn one(text: &mut String, look: &Observed) {
    let _ = writeln!(text, "{HEAD}{}{HEAD:#} {FAINT}(looked at {}){FAINT:#}", look.name, stamp(look.observed_at));
    let claim = look.claim.as_ref().map_or_else(|| "nobody".into(), |c| format!("{}@{}", c.epoch, c.holder));
    let _ = writeln!(text, "  quorum: {}; in charge: {}", quorum(&look.quorum), if_seen(look, "claim", claim));
    text.push('\n');
    nodes_and_groups(text, look);
    super::plan::unknown(text, &look.unknown);
}

/// The nodes and the groups, as tables.
pub fn nodes_and_groups(text: &mut String, look: &Observed) {
    let rows = look.nodes.iter().map(|node| self::node(look, node)).collect();
    text.push_str(&table(&["NODE", "IS", "", "VERSION", "TARGET", "", "OWNS", "NOTES"], rows));
    text.push('\n');
    let rows = look
        .groups
        .iter()
        .map(|group| {
            let owner = group.owner.clone().unwrap_or_else(|| "nobody".into());
            let (state, colour) = match group.state {
                Some(GroupState::Online) => ("online", Color::Green),
                Some(GroupState::PartiallyOnline) => ("partially online", Color::DarkYellow),
                Some(GroupState::Pending) => ("pending", Color::DarkYellow),
                Some(GroupState::Offline) => ("offline", Color::Red),
                Some(GroupState::Failed) => ("failed", Color::Red),
                None => ("unknown", Color::DarkYellow),
            };
            let mut copies: Vec<_> = group.copies.iter().map(ToString::to_string).collect();
            if group.backup == Some(true) {
                copies.push("backup running".into());
            }
            vec![
                Column::new(&group.name),
                Column::new(if group.kind == GroupKind::Role { "role" } else { "auxiliary" }),
                Column::new(if_seen(look, &format!("groups.{}.owner", group.name), owner)),
                Column::new(state).fg(colour),
                Column::new(copies.join("; ")),
            ]
        })
        .collect();
    text.push_str(&table(&["GROUP", "KIND", "OWNER", "STATE", "COPIES"], rows));
}

/// The words, or "unknown" if the look says that it could not see this.
pub fn if_seen(look: &Observed, path: &str, words: String) -> String {
    if look.unknown.iter().any(|unknown| unknown.path == path) { "unknown".into() } else { words }
}

fn quorum(quorum: &Quorum) -> String {
    if quorum.standalone == Some(true) {
        return "standalone host".into();
    }
    let (Some(present), Some(needed)) = (quorum.present, quorum.needed) else { return "unknown".into() };
    let witness = match &quorum.witness {
        None => "",
        Some(witness) => match witness.reachable_from.as_deref() {
            None => ", witness unknown",
            Some([]) => ", witness out of reach",
            Some(_) => " and the witness",
        },
    };
    format!("{present} votes{witness}, {needed} needed")
}

fn node(look: &Observed, node: &Node) -> Vec<Column> {
    let (membership, colour) = match node.membership {
        Some(Membership::Up) => ("up", Color::Green),
        Some(Membership::Joining) => ("joining", Color::DarkYellow),
        Some(Membership::Down) => ("down", Color::Red),
        None => ("unknown", Color::DarkYellow),
    };
    let duty = match node.duty {
        Some(Duty::Active) => "active",
        Some(Duty::Passive) => "passive",
        Some(Duty::Empty) => "empty",
        Some(Duty::Out) | None => "",
    };
    let versions: Vec<_> = node
        .versions
        .iter()
        .map(|(package, version)| {
            let path = format!("nodes.{}.versions.{package}", node.name);
            let version = if_seen(look, &path, version.clone().unwrap_or_else(|| "not installed".into()));
            if package == crate::model::PackageName::PRODUCT { version } else { format!("{package} {version}") }
        })
        .collect();
    let (standing, standing_colour) = match node.standing {
        Some(Standing::Current) => ("current", Color::Green),
        Some(Standing::Stale) => ("stale", Color::DarkYellow),
        Some(Standing::Ahead) => ("ahead", Color::DarkYellow),
        None => ("", Color::DarkYellow),
    };
    vec![
        Column::new(&node.name),
        Column::new(membership).fg(colour),
        Column::new(duty),
        Column::new(versions.join("\n")),
        Column::new(node.target.as_deref().unwrap_or("none declared")),
        Column::new(standing).fg(standing_colour),
        Column::new(node.owns.join(", ")),
        Column::new(notes(node).join("; ")),
    ]
}

/// What is out of the ordinary about a node.
fn notes(node: &Node) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(paused) = &node.paused {
        notes.push(match (paused.by, paused.resumed_by_person) {
            (_, Some(true)) => "paused by rollward, resumed by a person".into(),
            (PausedBy::Rollward, _) => "paused by rollward".into(),
            (PausedBy::Person, _) => "paused by a person".into(),
            (PausedBy::Unknown, _) => "pause unknown".to_owned(),
        });
    }
    notes.extend(node.marks.iter().filter(|mark| !mark.starts_with("pause of ")).cloned());
    if let Some(work) = &node.work {
        match (&work.failure, work.ended_at) {
            (Some(failure), _) => notes.push(format!("{} failed: {failure}", work.action)),
            (None, None) => notes.push(format!("{} running", work.action)),
            // What ended well shows in the other facts.
            (None, Some(_)) => {}
        }
    }
    notes.extend(node.rival.iter().map(|rival| format!("{rival} at work")));
    if node.cluster_service == Some(false) {
        notes.push("cluster service stopped".into());
    }
    if node.pending_reboot == Some(true) {
        notes.push("waits for a reboot".into());
    }
    notes.extend(node.interim_updates.iter().flatten().map(|update| format!("interim update {update}")));
    notes.extend(node.services.iter().flat_map(|s| &s.differing).map(|(name, how)| format!("{name} {how}")));
    notes.extend(node.tries.iter().flatten().map(|t| format!("{} failed tries: {}", t.failed, t.signature)));
    let failed_handoffs = node.failed_handoffs.iter().flatten();
    notes.extend(failed_handoffs.map(|h| format!("{} failed handoffs of {}: {}", h.failed, h.group, h.signature)));
    if let Some(disk) = node.disk.as_ref().filter(|disk| disk.free_mib < disk.needed_mib) {
        notes.push(format!("{} MiB free, {} needed", disk.free_mib, disk.needed_mib));
    }
    notes
}
