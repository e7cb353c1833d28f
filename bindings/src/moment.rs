//! Points in time from Python. Here, and nowhere below, the clock is read.

use abduck::model::time;
use abduck::{Error, Result};
use jiff::Timestamp;

/// The present, to the microsecond that all stores keep.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    time::to_microseconds(now).unwrap_or(now)
}

/// Reads ISO 8601; without an offset it is UTC, as in definitions. Nothing is the present.
pub(crate) fn moment(text: Option<&str>) -> Result<Timestamp> {
    let Some(text) = text else { return Ok(now()) };
    time::moment(text).ok_or_else(|| {
        Error::invalid_field("at", "invalid", format!("'{text}' is not a point in time"))
            .hint("give a datetime, or a text such as 2025-01-31T12:00:00Z")
    })
}
