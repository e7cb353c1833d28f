//! Trends in the legacy form (query rules Q-T).

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Entity, Metric, given_entities, invalid, test_accounts, unsupported};
use crate::error::Result;

/// A trend: the number of events (Q-T3).
#[derive(Clone, Debug, PartialEq)]
pub struct TrendMetric {
    /// The events that count.
    pub entity: Entity,
    /// The width of the buckets of the series (Q-T7).
    pub interval: Interval,
    /// Whether the lab's test accounts are left out (Q-P20).
    pub filter_test_accounts: bool,
}

/// The width of the buckets of a series (Q-T7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// One hour.
    Hour,
    /// One day of the lab's timezone.
    #[default]
    Day,
    /// One week of the lab's timezone.
    Week,
    /// One month of the lab's timezone.
    Month,
}

pub(super) fn trend(filters: &Map<String, Value>) -> Result<Metric> {
    let mut entities = given_entities(filters)?;
    if entities.len() > 1 {
        return Err(unsupported("filters.events", "a trend of several events", "one event or action"));
    }
    let entity = entities.swap_remove(0);
    let interval = match filters.get("interval").filter(|interval| !interval.is_null()).map(Value::as_str) {
        None | Some(Some("day")) => Interval::Day,
        Some(Some("hour")) => Interval::Hour,
        Some(Some("week")) => Interval::Week,
        Some(Some("month")) => Interval::Month,
        Some(_) => return Err(invalid("filters.interval", "the interval must be hour, day, week or month")),
    };
    Ok(Metric::Trend(TrendMetric { entity, interval, filter_test_accounts: test_accounts(filters, "filters")? }))
}
