//! Dates in conditions of flags.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

pub(super) use crate::model::date::{absolute, is_day};

/// Whether the text is a point in time before now, such as `-3d` or `2w`: hours, days, weeks, months or years, at most 9999
/// of them. The sign may be left out, as in the SDK.
pub(super) fn is_relative(text: &str) -> bool {
    span(text).is_some()
}

/// See [`is_relative`]; `None` also when the moment lies outside of the calendar.
pub(super) fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let moment = now.to_zoned(TimeZone::UTC).checked_sub(span(text)?).ok()?;
    Some(moment.timestamp())
}

/// The SDK knows no quarters.
fn span(text: &str) -> Option<Span> {
    crate::model::date::span(text).filter(|_| !text.ends_with('q'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_dates_are_those_of_the_sdk() {
        let now = "2024-03-31T12:00:00Z".parse().unwrap();
        assert_eq!(relative("-1m", now).unwrap().to_string(), "2024-02-29T12:00:00Z");
        assert!(is_relative("2w") && !is_relative("-1q") && !is_relative("+3d"));
    }
}
