//! Versions, ordered as their installer orders them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rollup::InstallKind;

/// A package's version, parsed. Versions of different kinds of installer do not compare.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Version {
    /// Four integers, as Windows Installer products have. Written short (`8.3.83.6`) or long (`08.03.0083.006`).
    Quad([u32; 4]),
    /// A Debian version.
    Deb(Arc<str>),
    /// An RPM epoch, version and release.
    Rpm(Arc<str>),
}

/// A text that is no version of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {kind} version; expected {expected}")]
pub struct VersionError {
    /// The text.
    pub text: String,
    /// The installer whose versions were expected.
    pub kind: InstallKind,
    /// What such a version looks like.
    pub expected: &'static str,
}

impl Version {
    /// Reads a version as the installer of this kind would.
    ///
    /// # Errors
    /// The text is no such version.
    pub fn parse(kind: InstallKind, text: &str) -> Result<Version, VersionError> {
        let bad = |expected| VersionError { text: text.to_owned(), kind, expected };
        match kind {
            InstallKind::Msp | InstallKind::Command => {
                let expected = "four numbers, such as 8.3.83.6";
                let mut parts = [0u32; 4];
                let mut count = 0;
                for part in text.split('.') {
                    let slot = parts.get_mut(count).ok_or_else(|| bad(expected))?;
                    if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                        return Err(bad(expected));
                    }
                    *slot = part.parse().map_err(|_| bad(expected))?;
                    count += 1;
                }
                if count == 4 { Ok(Version::Quad(parts)) } else { Err(bad(expected)) }
            }
            InstallKind::Deb => match text.parse::<debversion::Version>() {
                Ok(_) if !text.is_empty() => Ok(Version::Deb(text.into())),
                _ => Err(bad("a Debian version, such as 1:2.1.5-1+deb12u1")),
            },
            InstallKind::Rpm => {
                if text.is_empty() || text.chars().any(char::is_whitespace) {
                    Err(bad("an RPM version, such as 2.1.5-3.el9"))
                } else {
                    Ok(Version::Rpm(text.into()))
                }
            }
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Version::Quad(a), Version::Quad(b)) => Some(a.cmp(b)),
            (Version::Deb(a), Version::Deb(b)) => {
                let a: debversion::Version = a.parse().ok()?;
                let b: debversion::Version = b.parse().ok()?;
                Some(a.cmp(&b))
            }
            (Version::Rpm(a), Version::Rpm(b)) => Some(rpm_version::rpm_evr_compare(a, b)),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Quad([a, b, c, d]) => f.pad(&format!("{a}.{b}.{c}.{d}")),
            Version::Deb(text) | Version::Rpm(text) => f.pad(text),
        }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What stands before a version of a package manager's where it is kept, so that it is read as what it was.
const KEPT: [(&str, InstallKind); 2] = [("deb=", InstallKind::Deb), ("rpm=", InstallKind::Rpm)];

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Version::Quad(_) => to.collect_str(self),
            Version::Deb(_) => to.collect_str(&format_args!("deb={self}")),
            Version::Rpm(_) => to.collect_str(&format_args!("rpm={self}")),
        }
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let of_manager = KEPT.iter().find_map(|(mark, kind)| Some((*kind, text.strip_prefix(mark)?)));
        let (kind, version) = of_manager.unwrap_or((InstallKind::Msp, &text));
        Version::parse(kind, version).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_as_what_it_was() {
        // Each of them could be another's.
        for (kind, text) in
            [(InstallKind::Msp, "8.3.83.6"), (InstallKind::Deb, "8.3.83.6"), (InstallKind::Rpm, "8.3.83.6")]
        {
            let version = Version::parse(kind, text).expect("a version");
            let kept = serde_json::to_string(&version).expect("text");
            assert_eq!(serde_json::from_str::<Version>(&kept).expect("as it was kept"), version);
        }
    }
}
