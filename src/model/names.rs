//! Names. Each kind is its own type, so that a node can never be taken for a group.
//!
//! Names compare exactly. A driver maps what it sees (Windows ignores case and domain) to the manifest's spelling.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(transparent)]
        pub struct $name(#[schemars(with = "String")] Arc<str>);

        impl $name {
            /// Wraps a spelling. Whether something of that name exists is for the manifests' resolver to say.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The spelling.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// One failover cluster, or one standalone standby host.
    ClusterName
);
name!(
    /// A member machine of a cluster.
    NodeName
);
name!(
    /// The unit of failover.
    GroupName
);
name!(
    /// A declared set of packages at exact versions.
    RollupName
);
name!(
    /// A declared policy.
    PolicyName
);
name!(
    /// A package as its package manager knows it. A Windows Installer patch updates one product, so its rollups
    /// have a single package, named [`PackageName::PRODUCT`].
    PackageName
);
name!(
    /// A controller: one daemon on one host with one state folder.
    Holder
);

impl PackageName {
    /// The name of the only package of a rollup whose installer patches one product.
    pub const PRODUCT: &'static str = "product";
}

/// A node of a named cluster, for relations that cross clusters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeRef {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its node.
    pub node: NodeName,
}

impl fmt::Display for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.node)
    }
}
