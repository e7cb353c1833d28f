//! What holds for the whole lab.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// Settings that hold for every experiment of a lab. In the outward form, what is left out has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabSettings {
    /// Where days begin and end; an IANA name in the outward form.
    #[serde(with = "zone")]
    pub timezone: TimeZone,
    /// Property filters that leave out the lab's own people.
    pub test_account_filters: Vec<Value>,
    /// Where weeks begin (Q-T7).
    pub week_start_day: WeekStart,
    /// Whether metrics count distinct ids rather than persons.
    pub aggregate_users_by_distinct_id: bool,
}

/// The first day of a week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeekStart {
    /// Weeks begin on Sunday.
    #[default]
    Sunday,
    /// Weeks begin on Monday.
    Monday,
}

impl Default for LabSettings {
    /// The settings of a new lab: UTC, weeks from Sunday, nobody left out.
    fn default() -> Self {
        Self {
            timezone: TimeZone::UTC,
            test_account_filters: Vec::new(),
            week_start_day: WeekStart::default(),
            aggregate_users_by_distinct_id: false,
        }
    }
}

/// Reads the name of a time zone, such as `Europe/Amsterdam`.
///
/// # Errors
/// `Invalid` on the field `timezone` when there is no such zone.
///
/// ```
/// use abduck::model::settings::time_zone;
///
/// assert_eq!(time_zone("US/Pacific")?.iana_name(), Some("US/Pacific"));
/// assert_eq!(time_zone("Mars/Olympus").unwrap_err().code(), "invalid_choice");
/// # Ok::<(), abduck::error::Error>(())
/// ```
pub fn time_zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).map_err(|_| {
        Error::invalid_field("timezone", "invalid_choice", format!("\"{name}\" is not a valid choice."))
            .hint("use a name from the IANA time zone database, such as Europe/Amsterdam or UTC")
    })
}

/// The outward form of a time zone: its name.
mod zone {
    use jiff::tz::TimeZone;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(zone: &TimeZone, serializer: S) -> Result<S::Ok, S::Error> {
        let name = zone.iana_name().ok_or_else(|| serde::ser::Error::custom("the time zone has no IANA name"))?;
        serializer.serialize_str(name)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
        super::time_zone(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
