//! Dates as definitions and properties write them (Q-P11 to Q-P13).

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use super::time;

/// A length of time before now, such as `-3d` or `2w`: hours, days, weeks, months, quarters or years, at most 9999 of them.
/// The sign may be left out. `None` when the text is something else.
pub(crate) fn span(text: &str) -> Option<Span> {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok().filter(|number| *number < 10_000)?;
    match unit {
        "h" => Some(number.hours()),
        "d" => Some(number.days()),
        "w" => Some(number.weeks()),
        "m" => Some(number.months()),
        "q" => Some((3 * number).months()),
        "y" => Some(number.years()),
        _ => None,
    }
}

/// The moment that lies a [`span`] before `now`, by the calendar and the clocks of a timezone: a month before March 31st is
/// the last day of February. `None` when the text is no span, or the moment lies outside of the calendar.
pub(crate) fn relative(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let moment = now.to_zoned(zone.clone()).checked_sub(span(text)?).ok()?;
    Some(moment.timestamp())
}

/// A point in time as people and programs write it: ISO 8601 with a `T` or a space, with or without a time or an offset, also
/// `2022/05/01`, `… UTC` and `… +01:00`. Without an offset it is UTC.
///
/// Ambiguous forms such as `01/02/03` are no dates here.
pub(crate) fn absolute(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(moment) = time::moment(text) {
        return Some(moment);
    }
    let mut text = text.to_owned();
    if text.get(..10).is_some_and(|date| date.as_bytes()[4] == b'/') {
        text = text.replacen('/', "-", 2);
    }
    if let Some(civil) = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" utc")) {
        text = format!("{civil}Z");
    } else if let Some((civil, offset)) = text.rsplit_once(' ').filter(|(_, offset)| offset.starts_with(['+', '-'])) {
        text = format!("{civil}{offset}");
    }
    time::moment(&text)
}

/// Whether the text names a day and no time of it.
pub(crate) fn is_day(text: &str) -> bool {
    let text = text.trim();
    text.len() == 10 && absolute(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_dates_follow_the_calendar_and_the_clocks() {
        let now = "2024-03-31T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("-3d", "2024-03-28T12:00:00Z"),
            ("3d", "2024-03-28T12:00:00Z"),
            ("-36h", "2024-03-30T00:00:00Z"),
            ("-2w", "2024-03-17T12:00:00Z"),
            ("-1m", "2024-02-29T12:00:00Z"),
            ("-1q", "2023-12-31T12:00:00Z"),
            ("-1y", "2023-03-31T12:00:00Z"),
        ] {
            assert_eq!(relative(text, now, &TimeZone::UTC).unwrap().to_string(), expected, "{text}");
        }
        // The clock of Berlin went forward that night: the same time of the day before is 23 hours ago.
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(relative("-1d", now, &berlin).unwrap().to_string(), "2024-03-30T13:00:00Z");
        for text in ["", "-", "d", "-d", "3", "--3d", "+3d", "3x", "10000d", "3dd", "３d", "3ü"] {
            assert!(span(text).is_none(), "{text}");
        }
    }

    #[test]
    fn dates_are_read_in_the_forms_that_are_not_ambiguous() {
        for text in [
            "2022-05-01T10:00:00Z",
            "2022-05-01 10:00",
            " 2022-05-01T12:00:00+02:00 ",
            "2022-05-01 12:00:00 +02:00",
            "2022-05-01 10:00:00 UTC",
            "2022/05/01 10:00:00",
        ] {
            assert_eq!(
                absolute(text).map(|moment| moment.to_string()).as_deref(),
                Some("2022-05-01T10:00:00Z"),
                "{text}"
            );
        }
        assert!(is_day("2022-05-01") && is_day("2022/05/01") && !is_day("2022-05-01T10") && !is_day("2022-05-1x"));
        for text in ["", "abcdef", "1234", "01/02/03", "2022-02-30", "üüüüüü"] {
            assert_eq!(absolute(text), None, "{text}");
        }
    }
}
