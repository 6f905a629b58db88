//! What `run` says while it works, as lines of a log: for a journal, or for programs. Each says which cluster, which action
//! and which commit of the manifests it is about.

use tracing::Level;

use crate::model::Answer;
use crate::record::{Entry, EntryKind};

/// Writes a line of the journal to the log.
pub fn entry(entry: &Entry) {
    let Entry { cluster, at, revision, what } = entry;
    // Levels are constants where a line is written.
    macro_rules! say {
        ($level:expr) => {
            tracing::event!(
                $level,
                cluster = %cluster,
                action = what.action().map(|action| action.kind().word()),
                node = what.node().map(display),
                group = what.group().map(display),
                commit = %revision,
                at = %at,
                kind = what.word(),
                "{}", what.to_string().trim_start()
            )
        };
    }
    match what {
        EntryKind::Alarm { .. } => say!(Level::ERROR),
        EntryKind::Answered { answer: Answer::Accepted, .. } | EntryKind::Claimed { .. } | EntryKind::Pruned { .. } => {
            say!(Level::DEBUG);
        }
        EntryKind::Answered { .. }
        | EntryKind::Outcome { failure: Some(_), .. }
        | EntryKind::ApprovalVoid { .. }
        | EntryKind::Failover { .. }
        | EntryKind::Outage { .. } => say!(Level::WARN),
        EntryKind::RollStarted { .. }
        | EntryKind::Intended { .. }
        | EntryKind::Outcome { failure: None, .. }
        | EntryKind::Decided { .. }
        | EntryKind::Measured { .. }
        | EntryKind::Approved { .. }
        | EntryKind::WaiverGiven { .. }
        | EntryKind::WaiverLifted { .. }
        | EntryKind::StopPulled { .. }
        | EntryKind::StopLifted { .. }
        | EntryKind::Commanded { .. }
        | EntryKind::Converged { .. } => say!(Level::INFO),
    }
}

/// What is wrong with manifests: drawn for people, and told without its colours.
pub fn manifests(drawn: &str) {
    let plain = anstream::adapter::strip_str(drawn.trim_end()).to_string();
    tracing::warn!("{plain}");
}

/// Something about the daemon itself.
pub fn note(text: &str) {
    tracing::info!("{}", text.trim_end());
}
