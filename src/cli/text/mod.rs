//! What people read: the machine documents, laid out.

pub(super) mod commanded;
pub(super) mod doctor;
pub(super) mod explain;
pub(super) mod history;
mod holds;
mod layout;
pub(super) mod live;
pub(super) mod log;
pub(super) mod observe;
pub(super) mod plan;
pub(super) mod replay;
pub(super) mod report;
pub(super) mod run;
pub(super) mod sheet;
pub(super) mod simulate;
pub(super) mod status;
pub(super) mod style;
