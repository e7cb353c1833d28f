//! Trends in the legacy form (query rules Q-T).

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Entity, Metric, entities_with_math, invalid, no_entity, test_accounts, unsupported};
use crate::error::Result;
use crate::model::math::Math;

/// A trend: something computed from events, interval by interval (Q-T3 to Q-T8).
#[derive(Clone, Debug, PartialEq)]
pub struct TrendMetric {
    /// The events that count.
    pub entity: Entity,
    /// What is computed from them.
    pub math: Math,
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
    let mut entities = entities_with_math(filters, "filters")?;
    if entities.len() > 1 {
        return Err(unsupported("filters.events", "a trend of several events", "one event or action"));
    }
    let (entity, math) = entities.pop().ok_or_else(no_entity)?;
    let interval = match filters.get("interval").filter(|interval| !interval.is_null()).map(Value::as_str) {
        None | Some(Some("day")) => Interval::Day,
        Some(Some("hour")) => Interval::Hour,
        Some(Some("week")) => Interval::Week,
        Some(Some("month")) => Interval::Month,
        Some(_) => return Err(invalid("filters.interval", "the interval must be hour, day, week or month")),
    };
    let filter_test_accounts = test_accounts(filters, "filters")?;
    Ok(Metric::Trend(TrendMetric { entity, math, interval, filter_test_accounts }))
}
