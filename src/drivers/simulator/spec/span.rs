//! Durations as they are typed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::desired::text::parse_duration;
use crate::model::Spread;

/// A duration such as `45s`, `8m`, `1h 20m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

impl Span {
    /// A duration of so many seconds.
    pub fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Duration {
        span.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_duration(text).map(Self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::model::time::words(self.0))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "description": "A duration, such as 45s, 8m or 1h 20m.", "pattern": "^ *[0-9]"
        })
    }
}

/// How long something takes: one duration, or the middle and the 95th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum DurationSpec {
    /// The middle; the 95th percentile is half as much again.
    Middle(Span),
    /// Both.
    Spread(SpreadSpec),
}

/// The middle and the 95th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpreadSpec {
    /// Half of all cases take at most this long.
    pub median: Span,
    /// 95 of 100 cases take at most this long.
    pub p95: Span,
}

impl<'de> Deserialize<'de> for DurationSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> de::Visitor<'de> for Either {
            type Value = DurationSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `8m`, or `{median: 8m, p95: 14m}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<DurationSpec, E> {
                text.parse().map(DurationSpec::Middle).map_err(E::custom)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<DurationSpec, A::Error> {
                SpreadSpec::deserialize(de::value::MapAccessDeserializer::new(map)).map(DurationSpec::Spread)
            }
        }
        from.deserialize_any(Either)
    }
}

impl From<DurationSpec> for Spread {
    fn from(spec: DurationSpec) -> Spread {
        match spec {
            DurationSpec::Middle(Span(median)) => Spread { median, p95: median + median / 2 },
            DurationSpec::Spread(SpreadSpec { median, p95 }) => Spread { median: median.0, p95: p95.0 },
        }
    }
}
