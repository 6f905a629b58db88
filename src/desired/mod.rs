//! What we want: manifests as typed ([`document`]), as meant ([`resolved`]), and what is wrong with them
//! ([`diagnostics`], drawn by [`render`]); what is in force while people save files ([`keeper`]). The only place that
//! knows YAML is [`yaml`].

pub mod diagnostics;
pub mod document;
pub mod keeper;
pub mod parts;
pub mod render;
pub mod resolve;
pub mod resolved;
pub mod schema;
pub mod source;
pub mod text;
pub mod typed;
pub mod window;
pub mod yaml;

pub use diagnostics::{Diagnostic, Severity};
pub use resolve::{Reading, read};
pub use resolved::{
    ApprovalAnnotation, Asks, Broken, Cluster, Desired, DriverPart, FleetPolicy, GroupSpec, HandoffPolicy, HandoffWhen,
    Limits, Minimise, Mode, NodeSpec, PackageAt, Place, Policy, Probe, Staging, StopDocument, Topology, WorkWhen,
};
pub use source::{At, SourceFile};
pub use window::{Opening, Window};
