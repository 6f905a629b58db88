//! Texts with a meaning inside manifests: durations, spreads, clock times, weekdays.
//!
//! Drivers use them for their own parts, so that a duration is written in one way everywhere.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use crate::model::{Spread, Time};

/// Nothing that we wait for takes a year; a greater figure is a slip.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A duration as people write it: `45s`, `8m`, `1h 30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationText(pub Duration);

/// How long something takes: one duration, or `{median: 8m, p95: 14m}`.
///
/// Of one duration the 95th percentile is half as much again: a figure that people name is nearer to the middle than
/// to the worst case, and every rule that asks whether something ends in time asks for the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpreadText(pub Spread);

/// A time of day, from `00:00` to `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockText {
    /// The time; midnight for `24:00`.
    pub time: jiff::civil::Time,
    /// True if it was written `24:00`.
    pub end_of_day: bool,
}

/// A moment: `2027-03-01T06:00:00Z`, or with the difference to UTC in place of the `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeText(pub Time);

/// A weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // They are the days of the week.
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Reads a duration.
///
/// # Errors
/// What is wrong with it, and what was expected, as `what; expected`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a duration such as `45s`, `8m` or `1h 30m`";
    let bad = |what: &str| format!("`{text}` {what}; {EXPECTED}");
    if text.trim_start().starts_with('-') {
        return Err(bad("is negative"));
    }
    if !text.trim().is_empty() && text.trim().bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(bad("has no unit"));
    }
    let read = jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(text);
    let duration = read.map_err(|_| bad("is no duration"))?;
    if duration > LONGEST { Err(bad("is more than a year")) } else { Ok(duration) }
}

fn parse_clock(text: &str) -> Option<ClockText> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    if text == "24:00" {
        return Some(ClockText { time: jiff::civil::Time::midnight(), end_of_day: true });
    }
    let time = jiff::civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?;
    Some(ClockText { time, end_of_day: false })
}

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = DurationText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `45s`, `8m` or `1h 30m`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<DurationText, E> {
                parse_duration(text).map(DurationText).map_err(E::custom)
            }
        }
        from.deserialize_any(V)
    }
}

impl<'de> Deserialize<'de> for SpreadText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Key {
            Median,
            P95,
        }
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = SpreadText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `8m`, or `{median: 8m, p95: 14m}`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<SpreadText, E> {
                let median = parse_duration(text).map_err(E::custom)?;
                Ok(SpreadText(Spread { median, p95: median.saturating_add(median / 2) }))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SpreadText, A::Error> {
                let (mut median, mut p95) = (None, None);
                while let Some(key) = map.next_key::<Key>()? {
                    match key {
                        Key::Median => median = Some(map.next_value::<DurationText>()?.0),
                        Key::P95 => p95 = Some(map.next_value::<DurationText>()?.0),
                    }
                }
                let median = median.ok_or_else(|| de::Error::missing_field("median"))?;
                let p95 = p95.ok_or_else(|| de::Error::missing_field("p95"))?;
                if p95 < median {
                    let message = "the 95th percentile is below the median; expected `p95` to be `median` or more";
                    return Err(de::Error::custom(message));
                }
                Ok(SpreadText(Spread { median, p95 }))
            }
        }
        from.deserialize_any(V)
    }
}

impl<'de> Deserialize<'de> for ClockText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = ClockText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time of day such as \"01:00\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<ClockText, E> {
                parse_clock(text).ok_or_else(|| {
                    E::custom(format!("`{text}` is no time of day; expected two digits each, from 00:00 to 24:00"))
                })
            }
        }
        from.deserialize_any(V)
    }
}

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = TimeText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as `2027-03-01T06:00:00Z`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<TimeText, E> {
                let time = text.parse().map(TimeText);
                time.map_err(|_| E::custom(format!("`{text}` is no time; expected one such as `2027-03-01T06:00:00Z`")))
            }
        }
        from.deserialize_any(V)
    }
}

impl JsonSchema for TimeText {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A time such as `2027-03-01T06:00:00Z`.",
            "format": "date-time",
        })
    }
}

impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration such as `45s`, `8m` or `1h 30m`.",
            "pattern": "[0-9] *[a-zA-Zµ]",
        })
    }
}

impl JsonSchema for SpreadText {
    fn schema_name() -> Cow<'static, str> {
        "Spread".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<DurationText>();
        json_schema!({
            "description": "How long something takes: a duration, or its median and 95th percentile.",
            "oneOf": [
                duration,
                {
                    "type": "object",
                    "properties": {"median": duration, "p95": duration},
                    "required": ["median", "p95"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

impl JsonSchema for ClockText {
    fn schema_name() -> Cow<'static, str> {
        "Clock".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A time of day, from `00:00` to `24:00`.",
            "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$",
        })
    }
}

impl Day {
    /// Its index; Monday is 0.
    pub fn index(self) -> usize {
        self as usize
    }
}
