//! Funnels in the legacy form (query rules Q-F).

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Entity, Metric, given_entities, invalid, test_accounts};
use crate::error::Result;

/// An ordered funnel (Q-F, Q-O1).
#[derive(Clone, Debug, PartialEq)]
pub struct FunnelMetric {
    /// The steps, in order (Q-A2); at least one.
    pub steps: Vec<Entity>,
    /// How long after the first step the last one may happen (Q-F4).
    pub window: ConversionWindow,
    /// Whether the lab's test accounts are left out (Q-P20).
    pub filter_test_accounts: bool,
}

/// A length of time in calendar units (Q-F4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ConversionWindow {
    /// How many units; at least one.
    pub length: u32,
    /// The unit.
    pub unit: WindowUnit,
}

/// The unit of a [`ConversionWindow`]. A month is a calendar month, the others have a fixed length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum WindowUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

/// The most steps a funnel can have: one bit of a 32-bit mask each.
pub const STEPS_MAX: usize = 32;

/// The default window of a funnel, 14 days (Q-F4).
const DEFAULT_WINDOW: ConversionWindow = ConversionWindow { length: 14, unit: WindowUnit::Day };

/// The longest window accepted, in days: about a century.
const WINDOW_DAYS_MAX: u32 = 36_500;

pub(super) fn funnel(filters: &Map<String, Value>) -> Result<Metric> {
    let steps = given_entities(filters)?;
    if steps.len() > STEPS_MAX {
        return Err(invalid(
            "filters.events",
            format!("a funnel has at most {STEPS_MAX} steps, this one has {}", steps.len()),
        ));
    }
    Ok(Metric::Funnel(FunnelMetric {
        steps,
        window: window(filters)?,
        filter_test_accounts: test_accounts(filters, "filters")?,
    }))
}

fn window(filters: &Map<String, Value>) -> Result<ConversionWindow> {
    // Q-F4: `funnel_window_days` wins.
    if let Some(length) = window_length(filters, "funnel_window_days", WINDOW_DAYS_MAX)? {
        return Ok(ConversionWindow { length, unit: WindowUnit::Day });
    }
    let field = "filters.funnel_window_interval_unit";
    let (unit, length_max) = match filters.get("funnel_window_interval_unit").filter(|unit| !unit.is_null()) {
        None => (WindowUnit::Day, WINDOW_DAYS_MAX),
        Some(unit) => match unit.as_str() {
            Some("second") => (WindowUnit::Second, WINDOW_DAYS_MAX * 86_400),
            Some("minute") => (WindowUnit::Minute, WINDOW_DAYS_MAX * 1_440),
            Some("hour") => (WindowUnit::Hour, WINDOW_DAYS_MAX * 24),
            Some("day") => (WindowUnit::Day, WINDOW_DAYS_MAX),
            Some("week") => (WindowUnit::Week, WINDOW_DAYS_MAX / 7),
            Some("month") => (WindowUnit::Month, WINDOW_DAYS_MAX / 31),
            _ => return Err(invalid(field, "the unit must be second, minute, hour, day, week or month")),
        },
    };
    match window_length(filters, "funnel_window_interval", length_max)? {
        Some(length) => Ok(ConversionWindow { length, unit }),
        None if unit != WindowUnit::Day => {
            Err(invalid(field, "a unit needs a funnel_window_interval").hint("give the length of the window, too"))
        }
        None => Ok(DEFAULT_WINDOW),
    }
}

fn window_length(filters: &Map<String, Value>, key: &str, length_max: u32) -> Result<Option<u32>> {
    let value = match filters.get(key) {
        None | Some(Value::Null) => return Ok(None),
        // Clients send the number as text, too.
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_u64().and_then(|length| u32::try_from(length).ok()),
    };
    match value {
        Some(length) if (1..=length_max).contains(&length) => Ok(Some(length)),
        _ => {
            let message = format!("the window must be a whole number from 1 to {length_max}");
            Err(invalid(&format!("filters.{key}"), message))
        }
    }
}
