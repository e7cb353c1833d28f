//! Trends in the legacy form (query rules Q-T).

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Entity, Metric, entities_with_math, invalid, no_entity, test_accounts};
use crate::error::{Error, Result};
use crate::model::math::Math;

/// A trend: something computed from events, interval by interval (Q-T3 to Q-T8).
#[derive(Clone, Debug, PartialEq)]
pub struct TrendMetric {
    /// What counts.
    pub counted: TrendSource,
    /// What is computed from them.
    pub math: Math,
    /// The width of the buckets of the series (Q-T7).
    pub interval: Interval,
    /// Whether the lab's test accounts are left out (Q-P20).
    pub filter_test_accounts: bool,
}

/// What a trend counts.
#[derive(Clone, Debug, PartialEq)]
pub enum TrendSource {
    /// Events.
    Events(Entity),
    /// Rows of a table.
    Rows(TableRows),
}

/// Rows of a table of the lab, each with the variant of its person's last exposure before it (Q-N6).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableRows {
    /// The name of the table in the lab.
    pub table: String,
    /// The column that says when something happened.
    pub timestamp_column: String,
    /// The column that says to whom: one of the person's distinct ids.
    pub distinct_id_column: String,
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
        // Q-T2: the reference shows a series of each, and compares variants by the first; one number per variant decides.
        return Err(Error::invalid_field("filters.events", "unsupported", "a trend compares one number per variant")
            .hint("make an action of the events if any of them counts, or give each its own metric"));
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
    Ok(Metric::Trend(TrendMetric { counted: TrendSource::Events(entity), math, interval, filter_test_accounts }))
}
