//! What the cluster tools' tables say, in English and, from memory, as a German Windows has it.

use rollward::drivers::simulator::world::{ClusterService, NodeTruth};
use rollward::observed::GroupState;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    German,
}

impl Language {
    pub fn pick(self, english: &'static str, german: &'static str) -> &'static str {
        match self {
            Language::English => english,
            Language::German => german,
        }
    }

    pub fn node(self, truth: &NodeTruth, member: bool) -> &'static str {
        match (member, truth.service) {
            (true, _) if truth.paused.is_some() => self.pick("Paused", "Angehalten"),
            (true, _) => self.pick("Up", "Aktiv"),
            (false, ClusterService::Joining) => self.pick("Joining", "Wird hinzugefügt"),
            _ => self.pick("Down", "Inaktiv"),
        }
    }

    pub fn group(self, state: GroupState) -> &'static str {
        match state {
            GroupState::Online => "Online",
            GroupState::PartiallyOnline => self.pick("Partially Online", "Teilweise online"),
            GroupState::Pending => self.pick("Pending", "Ausstehend"),
            GroupState::Offline => "Offline",
            GroupState::Failed => self.pick("Failed", "Fehlgeschlagen"),
        }
    }

    pub fn resource(self, state: GroupState) -> &'static str {
        match state {
            GroupState::Pending => self.pick("Online Pending", "Online ausstehend"),
            other => self.group(other),
        }
    }
}

/// Windows' own errors, as far as the cluster tools meet them.
pub fn win32(code: u32) -> &'static str {
    match code {
        5 => "Access is denied.",
        87 => "The parameter is incorrect.",
        997 => "Overlapped I/O operation is in progress.",
        1722 => "The RPC server is unavailable.",
        1753 => "There are no more endpoints available from the endpoint mapper.",
        5002 => "The cluster resource cannot be found.",
        5012 => "The cluster group is not available for this request.",
        5013 => "The cluster group could not be found.",
        5042 => "The cluster node was not found.",
        5050 => "The cluster node is down.",
        5058 => "The cluster node is not paused.",
        5070 => "The cluster node is paused.",
        5071 => "The owner node cannot run this resource.",
        _ => "The operation could not be completed.",
    }
}
