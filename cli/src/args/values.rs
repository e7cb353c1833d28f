//! Values of options, from text.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// A number of seconds, possibly with a fraction.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A point in time: RFC 3339, or without an offset (then it is UTC), or a date (midnight UTC).
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    abduck::model::time::moment(text)
        .ok_or_else(|| "expected a time such as 2026-03-01T09:30:00+01:00, 2026-03-01T09:30 or 2026-03-01".to_owned())
}

/// A point in time as JSON, or null for `none`.
pub(super) fn moment_or_none(text: &str) -> Result<Value, String> {
    if text == "none" { Ok(Value::Null) } else { moment(text).map(|moment| moment.to_string().into()) }
}

/// `KEY=VALUE`; the value may contain further equals signs.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected two names with = between them".to_owned()),
    }
}

/// `KEY=VALUE`, where the value is JSON, or else a text.
pub(super) fn json_pair(text: &str) -> Result<(String, Value), String> {
    let (key, value) = pair(text)?;
    let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
    Ok((key, value))
}

/// `FIELD=JSON`; what begins like a list, an object or a quoted text must be one, everything else may be a text.
pub(super) fn json_field(text: &str) -> Result<(String, Value), String> {
    let (field, value) = pair(text)?;
    match serde_json::from_str(&value) {
        Ok(value) => Ok((field, value)),
        Err(error) if value.starts_with(['{', '[', '"']) => Err(format!("the value is not JSON: {error}")),
        Err(_) => Ok((field, Value::String(value))),
    }
}

/// `TYPE.KEY=VALUE`, where the value is JSON, or else a text.
pub(super) fn group_property(text: &str) -> Result<(String, (String, Value)), String> {
    let split = text.split_once('.').filter(|(group, _)| !group.is_empty() && !group.contains('='));
    let (group, rest) = split.ok_or("expected the number of a group type, a dot and PROPERTY=VALUE")?;
    Ok((group.to_owned(), json_pair(rest)?))
}

/// `KEY=PERCENT`.
pub(super) fn share(text: &str) -> Result<(String, f64), String> {
    let (key, percent) = pair(text)?;
    Ok((key, self::percent(&percent)?))
}

/// A percentage, with or without the sign for it.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let percent: Option<f64> = text.trim_end_matches('%').parse().ok();
    percent.filter(|percent| percent.is_finite()).ok_or_else(|| format!("'{text}' is not a percentage"))
}

/// `INDEX=COLUMN`.
pub(super) fn group(text: &str) -> Result<(u8, String), String> {
    let (index, column) = pair(text)?;
    let index = index.parse().map_err(|_| format!("'{index}' is not the number of a group"))?;
    Ok((index, column))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments_are_utc_unless_they_say_otherwise() {
        let forms = [
            ("2026-03-01", "2026-03-01T00:00:00Z"),
            ("2026-03-01T09:30", "2026-03-01T09:30:00Z"),
            ("2026-03-01 09:30:15.5", "2026-03-01T09:30:15.5Z"),
            ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00Z"),
            ("2026-03-01T09:30:00+01:00", "2026-03-01T08:30:00Z"),
        ];
        for (text, expected) in forms {
            assert_eq!(moment(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "yesterday", "2026-02-30", "2026-03-01T09:30[Europe/Nowhere]"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pairs_split_at_the_first_equals_sign() {
        assert_eq!(pair("url=/a?b=c").unwrap(), ("url".to_owned(), "/a?b=c".to_owned()));
        assert_eq!(share("test=33.3%").unwrap(), ("test".to_owned(), 33.3));
        assert_eq!(group("0=company").unwrap(), (0, "company".to_owned()));
        assert!(percent("nan").is_err() && percent("inf%").is_err());
        assert!(pair("url").is_err() && pair("=x").is_err() && share("test=half").is_err() && group("a=b").is_err());
    }

    #[test]
    fn values_are_json_if_they_can_be() {
        for (text, value) in [("a=5", json!(5)), ("a=true", json!(true)), ("a=[1]", json!([1])), ("a=x", json!("x"))] {
            assert_eq!(json_pair(text).unwrap(), ("a".to_owned(), value), "{text}");
        }
        assert_eq!(json_pair("a=\"5\"").unwrap().1, json!("5"));
        assert_eq!(group_property("0.size.net=7").unwrap(), ("0".to_owned(), ("size.net".to_owned(), json!(7))));
        assert!(
            group_property("size=7").is_err() && group_property("a=b.c=1").is_err() && group_property(".a=1").is_err()
        );
    }

    #[test]
    fn a_field_that_looks_like_json_must_be_json() {
        assert_eq!(json_field("archived=true").unwrap(), ("archived".to_owned(), json!(true)));
        assert_eq!(json_field("conclusion=won").unwrap().1, json!("won"));
        assert_eq!(json_field("name=\"5\"").unwrap().1, json!("5"));
        assert!(json_field("parameters={\"a\": }").is_err() && json_field("metrics=[1").is_err());
    }

    #[test]
    fn a_moment_can_be_taken_away() {
        assert_eq!(moment_or_none("none").unwrap(), Value::Null);
        assert_eq!(moment_or_none("2026-03-01").unwrap(), json!("2026-03-01T00:00:00Z"));
        assert!(moment_or_none("never").is_err());
    }

    #[test]
    fn waiting_has_a_finite_positive_length() {
        assert_eq!(seconds("0.5").unwrap(), Duration::from_millis(500));
        assert!(seconds("-1").is_err() && seconds("inf").is_err() && seconds("soon").is_err());
    }
}
