//! Names. Each kind is its own type, so that a node can never be taken for a group.
//!
//! Names compare exactly. A driver maps what it sees (Windows ignores case and domain) to the manifest's spelling.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text with how it begins beside it: mostly enough to tell two of them apart, without fetching either. Compares,
/// hashes and is written as its text.
#[derive(Clone)]
struct Spelling {
    /// The first eight bytes, big end first and filled up with zeros: in order as the texts are, or equal.
    begin: u64,
    text: Arc<str>,
}

impl Spelling {
    fn new(text: Arc<str>) -> Self {
        let mut begin = [0; 8];
        begin.iter_mut().zip(text.bytes()).for_each(|(to, byte)| *to = byte);
        Self { begin: u64::from_be_bytes(begin), text }
    }
}

impl Ord for Spelling {
    fn cmp(&self, other: &Self) -> Ordering {
        self.begin.cmp(&other.begin).then_with(|| {
            let (ours, theirs) = (self.text.len(), other.text.len());
            if ours.max(theirs) <= 8 {
                // They begin alike, and that is all of them: the rest of what was compared are zeros.
                ours.cmp(&theirs)
            } else if Arc::ptr_eq(&self.text, &other.text) {
                Ordering::Equal
            } else {
                self.text.cmp(&other.text)
            }
        })
    }
}

impl PartialOrd for Spelling {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Spelling {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Spelling {}

impl Hash for Spelling {
    fn hash<H: Hasher>(&self, to: &mut H) {
        self.text.hash(to);
    }
}

impl Serialize for Spelling {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Spelling {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Arc::deserialize(from).map(Self::new)
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(transparent)]
        pub struct $name(#[schemars(with = "String")] Spelling);

        impl $name {
            /// Wraps a spelling. Whether something of that name exists is for the manifests' resolver to say.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(Spelling::new(name.into()))
            }

            /// The spelling.
            pub fn as_str(&self) -> &str {
                &self.0.text
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0.text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0.text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0.text, f)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_compare_and_hash_as_their_spellings(a in "[a-c\u{0}é]{0,11}", b in "[a-c\u{0}é]{0,11}") {
            let (first, second) = (NodeName::from(&*a), NodeName::from(&*b));
            prop_assert_eq!(first.cmp(&second), a.cmp(&b));
            prop_assert_eq!(first == second, a == b);
            let hash = |thing: &dyn Fn(&mut std::hash::DefaultHasher)| {
                let mut hasher = std::hash::DefaultHasher::new();
                thing(&mut hasher);
                hasher.finish()
            };
            prop_assert_eq!(hash(&|h| first.hash(h)), hash(&|h| a.as_str().hash(h)));
        }
    }
}
