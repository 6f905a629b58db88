//! Versions as they are written down: with their kind, so that they can be read back.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::model::{InstallKind, PackageName, Version};

fn text(version: &Version) -> String {
    match version {
        Version::Quad(_) => format!("quad {version}"),
        Version::Deb(v) => format!("deb {v}"),
        Version::Rpm(v) => format!("rpm {v}"),
    }
}

fn read<E: de::Error>(text: &str) -> Result<Version, E> {
    let (kind, version) = text.split_once(' ').ok_or_else(|| E::custom("a version without its kind"))?;
    let kind = match kind {
        "quad" => InstallKind::Msp,
        "deb" => InstallKind::Deb,
        "rpm" => InstallKind::Rpm,
        other => return Err(E::custom(format!("{other:?} is no kind of version"))),
    };
    Version::parse(kind, version).map_err(E::custom)
}

pub(super) mod installed {
    use super::*;

    pub fn serialize<S: Serializer>(map: &BTreeMap<PackageName, Version>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(map.iter().map(|(name, version)| (name, text(version))))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<PackageName, Version>, D::Error> {
        let map = BTreeMap::<PackageName, String>::deserialize(from)?;
        map.into_iter().map(|(name, text)| Ok((name, read(&text)?))).collect()
    }
}

pub(super) mod optional {
    use super::*;

    pub fn serialize<S: Serializer>(version: &Option<Version>, to: S) -> Result<S::Ok, S::Error> {
        version.as_ref().map(text).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Version>, D::Error> {
        Option::<String>::deserialize(from)?.map(|text| read(&text)).transpose()
    }
}
