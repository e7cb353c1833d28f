//! Lengths of time of modern metrics.

use crate::error::Result;
use crate::model::fields::{Fields, invalid};

/// A fixed length of time; a month is 30 days (M-36).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// How many units.
    pub length: i64,
    /// The unit.
    pub unit: SpanUnit,
}

/// The unit of a [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SpanUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

/// The units by name.
pub(super) const UNITS: [(&str, SpanUnit); 6] = [
    ("second", SpanUnit::Second),
    ("minute", SpanUnit::Minute),
    ("hour", SpanUnit::Hour),
    ("day", SpanUnit::Day),
    ("week", SpanUnit::Week),
    ("month", SpanUnit::Month),
];

/// The longest span accepted: about a century.
const SECONDS_MAX: i64 = 36_500 * 86_400;

impl Span {
    /// Reads a span from the keys of its length and its unit; days when only a length is given.
    pub(super) fn read(fields: &Fields<'_>, key: &str, unit_key: &str) -> Result<Option<Self>> {
        let unit = fields.choice(unit_key, &UNITS)?;
        match (fields.integer(key, 1, SECONDS_MAX)?, unit) {
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err(invalid(&fields.at(unit_key), format!("a unit needs a {key}")).hint("give the length, too"))
            }
            (Some(length), unit) => {
                let unit = unit.unwrap_or(SpanUnit::Day);
                if length > SECONDS_MAX / unit.seconds() {
                    let most = SECONDS_MAX / unit.seconds();
                    return Err(invalid(
                        &fields.at(key),
                        format!("must be a whole number from 1 to {most}, not {length}"),
                    ));
                }
                Ok(Some(Self { length, unit }))
            }
        }
    }

    /// The length in microseconds.
    #[must_use]
    pub fn microseconds(self) -> i64 {
        self.length * self.unit.seconds() * 1_000_000
    }
}

impl SpanUnit {
    fn seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
            Self::Month => 30 * 86_400,
        }
    }

    /// The length in microseconds.
    #[must_use]
    pub fn microseconds(self) -> i64 {
        self.seconds() * 1_000_000
    }
}
