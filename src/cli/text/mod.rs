//! What people read: the machine documents, laid out.

pub(super) mod style;
