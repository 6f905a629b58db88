//! Versions, ordered as their installer orders them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

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

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
