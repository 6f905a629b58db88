//! What we want: manifests as typed ([`document`]), as meant ([`resolved`]), and what is wrong with them
//! ([`diagnostics`]). The only place that knows YAML is [`yaml`].

pub mod parts;
pub mod resolved;
pub mod window;

pub use resolved::{
    ApprovalAnnotation, Broken, Cluster, Desired, DriverPart, FleetPolicy, GroupSpec, HandoffPolicy, HandoffWhen,
    Limits, Minimise, Mode, NodeSpec, PackageAt, Place, Policy, Staging, StopDocument, Topology, WorkWhen,
};
pub use window::{Opening, Window};
