//! Points in time, from text.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads a point in time: RFC 3339, or without an offset (then it is UTC), or a date (midnight UTC).
///
/// Precision is the microsecond, which is what every store of the engine keeps. `None` when it is none of these.
///
/// ```
/// use abduck::model::time::moment;
///
/// assert_eq!(moment("2026-03-01").unwrap().to_string(), "2026-03-01T00:00:00Z");
/// assert_eq!(moment("2026-03-01T09:30:00+01:00").unwrap().to_string(), "2026-03-01T08:30:00Z");
/// assert!(moment("tomorrow").is_none());
/// ```
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    // The civil parser ignores offsets, so the exact form comes first.
    let exact = text.parse().ok();
    let moment = exact.or_else(|| {
        let civil: DateTime = text.parse().ok().filter(|_| !has_offset(text))?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    });
    moment.and_then(to_microseconds)
}

/// A point in time without what lies below the microsecond.
#[must_use]
pub fn to_microseconds(moment: Timestamp) -> Option<Timestamp> {
    Timestamp::from_microsecond(moment.as_microsecond()).ok()
}

/// Whether the time of day is followed by an offset or a zone, which a civil time must not have.
fn has_offset(text: &str) -> bool {
    text.get(10..).is_some_and(|time| time.contains(['+', '-', 'Z', 'z', '[']))
}
