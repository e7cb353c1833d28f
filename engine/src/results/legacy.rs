//! The reference system's own answer, for clients that expect it.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::model::entity::ALL_EVENTS;
use crate::model::metric::FunnelOrder;
use crate::model::metric_list::{EntryRole, LEGACY, MetricEntry};
use crate::results::{
    ExperimentResult, FunnelSeries, FunnelStep, FunnelVariant, ListedResult, MetricResult, SecondaryResult,
    TrendSeries, TrendVariant,
};
use crate::stats::{Estimates, MissingData, Outcome, number};

/// A result in the reference system's form: `{"result": …, "last_refresh": …, "is_cached": …}`.
///
/// # Errors
/// `NotReady` when the metric could not be judged; the message is the reference's JSON text of four booleans.
pub fn legacy(result: &ExperimentResult) -> Result<Value> {
    let estimates = match result.result.outcome() {
        Outcome::Estimated(estimates) => estimates,
        Outcome::Undecided(missing) => return Err(missing_data(*missing)),
        Outcome::Observed(_) => return Err(no_legacy_form()),
    };
    let mut body = counted(&result.result);
    body.extend(judged(&result.result, estimates));
    Ok(envelope(&body, result))
}

/// A secondary result in the reference system's form: the numbers, and the judgement if there is one.
#[must_use]
pub fn legacy_secondary(secondary: &SecondaryResult) -> Value {
    of_secondary(&secondary.values, &secondary.result)
}

fn of_secondary(values: &IndexMap<String, f64>, result: &ExperimentResult) -> Value {
    let mut body = Map::new();
    body.insert("result".into(), json!(values));
    body.extend(counted(&result.result));
    match result.result.outcome() {
        Outcome::Estimated(estimates) => body.extend(judged(&result.result, estimates)),
        Outcome::Undecided(_) | Outcome::Observed(_) => {}
    }
    envelope(&body, result)
}

/// The result of a listed metric in the reference system's form: as [`legacy`] or [`legacy_secondary`] for metrics in the
/// legacy form, and as the reference's query runners answer for query nodes (Q-N2, Q-N3).
///
/// # Errors
/// `NotReady` when a primary metric or a query node could not be judged.
pub fn legacy_listed(listed: &ListedResult) -> Result<Value> {
    let ListedResult { metric, values, result } = listed;
    match (metric.kind.as_str(), metric.role) {
        (LEGACY, EntryRole::Primary) => legacy(result),
        (LEGACY, EntryRole::Secondary) => Ok(of_secondary(values, result)),
        _ => query_node(metric, result),
    }
}

fn query_node(metric: &MetricEntry, result: &ExperimentResult) -> Result<Value> {
    let estimates = match result.result.outcome() {
        Outcome::Estimated(estimates) => estimates,
        Outcome::Undecided(missing) => return Err(missing_data(*missing)),
        Outcome::Observed(_) => return Err(no_legacy_form()),
    };
    let mut body = counted(&result.result);
    body.retain(|key, _| key == "insight");
    body.extend(judged(&result.result, estimates));
    for key in ["kind", "count_query", "exposure_query", "funnels_query"] {
        body.extend(metric.query.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    if let MetricResult::Trend { variants, .. } = &result.result {
        body.insert("variants".into(), variants.iter().map(whole_variant).collect());
    }
    body.insert("stats_version".into(), json!(estimates.stats_version));
    body.insert("last_refresh".into(), json!(result.last_refresh));
    body.insert("is_cached".into(), json!(result.is_cached));
    Ok(Value::Object(body))
}

/// Q-N2: nothing is truncated, and no exposure is 0.
fn whole_variant(variant: &TrendVariant) -> Value {
    json!({
        "key": variant.key, "count": plain(variant.count), "exposure": variant.exposure,
        "absolute_exposure": plain(variant.absolute_exposure),
    })
}

fn envelope(body: &Map<String, Value>, result: &ExperimentResult) -> Value {
    json!({"result": body, "last_refresh": result.last_refresh, "is_cached": result.is_cached})
}

/// Without any series the code says so; otherwise it is the reference's default.
fn missing_data(missing: MissingData) -> Error {
    let code = if missing.no_events { "no-results" } else { "invalid_input" };
    let MissingData { no_events, no_flag_info, no_control_variant, no_test_variant, no_exposures, negative_count } =
        missing;
    let reasons = match no_exposures {
        None => json!({
            "no-events": no_events, "no-flag-info": no_flag_info, "no-control-variant": no_control_variant,
            "no-test-variant": no_test_variant,
        }),
        // Q-N3
        Some(no_exposures) => json!({
            "no-exposures": no_exposures, "no-control-variant": no_control_variant, "no-test-variant": no_test_variant,
        }),
    };
    if negative_count {
        return Error::not_ready_because(code, "the sum of some variant is negative".to_owned())
            .hint("the statistics are those of counts: choose a property without negative numbers");
    }
    Error::not_ready_because(code, reasons.to_string())
        .hint("some variant has no data yet: check that the flag is rolled out and that events carry `$feature/<key>`")
}

/// What was counted, and by which definition.
fn counted(result: &MetricResult) -> Map<String, Value> {
    let fields = match result {
        MetricResult::Trend { filters, exposure_filters, insight, .. } => vec![
            ("insight", insight.iter().map(trend_series).collect()),
            ("filters", filters.clone()),
            ("exposure_filters", exposure_filters.clone()),
        ],
        MetricResult::Funnel { filters, order, insight, .. } => {
            let series = |series| funnel_steps(series, *order);
            vec![("insight", insight.iter().map(series).collect()), ("filters", filters.clone())]
        }
        MetricResult::Units { metric, .. } => vec![("metric", metric.clone())],
    };
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// What was judged.
fn judged(result: &MetricResult, estimates: &Estimates) -> Map<String, Value> {
    let significance = &estimates.significance;
    let mut body = Map::new();
    body.insert("probability".into(), json!(estimates.probability));
    body.insert("significant".into(), json!(significance.is_significant()));
    body.insert("significance_code".into(), json!(significance.code));
    body.insert("credible_intervals".into(), json!(estimates.credible_intervals));
    match result {
        MetricResult::Trend { variants, .. } => {
            body.insert("variants".into(), variants.iter().map(trend_variant).collect());
            // Trends of version 2 have a loss, which the reference puts here (reference statistics, section 3).
            body.insert("p_value".into(), json!(significance.p_value.or(significance.expected_loss)));
        }
        MetricResult::Funnel { variants, .. } => {
            body.insert("variants".into(), variants.iter().map(funnel_variant).collect());
            body.insert("expected_loss".into(), json!(significance.expected_loss));
        }
        MetricResult::Units { .. } => {}
    }
    body
}

/// The reference of 2024 knows no such metrics.
fn no_legacy_form() -> Error {
    Error::not_allowed("a modern metric has no legacy form").hint("leave the shape out")
}

fn trend_series(series: &TrendSeries) -> Value {
    json!({
        "label": series.variant, "breakdown_value": series.variant, "count": plain(series.count),
        "data": series.data.iter().copied().map(plain).collect::<Value>(), "days": series.labels, "labels": series.labels,
    })
}

/// Counts are whole (Q-T12), and a variant nobody was exposed to counts as one (Q-X6).
fn trend_variant(variant: &TrendVariant) -> Value {
    let absolute_exposure = if variant.absolute_exposure > 0.0 { variant.absolute_exposure } else { 1.0 };
    json!({
        "key": variant.key, "count": plain(variant.count.trunc()), "exposure": variant.exposure,
        "absolute_exposure": plain(absolute_exposure),
    })
}

/// A whole number as an integer.
fn plain(value: f64) -> Value {
    number::whole(value).map_or_else(|| json!(value), |whole| json!(whole))
}

fn funnel_steps(series: &FunnelSeries, order: FunnelOrder) -> Value {
    series.steps.iter().map(|step| funnel_step(step, &series.variant, order)).collect()
}

fn funnel_step(step: &FunnelStep, variant: &str, order: FunnelOrder) -> Value {
    let (id, own_name, kind) = match &step.action {
        // Q-O3: a number of completed steps is neither an event nor an action.
        _ if order == FunnelOrder::Unordered => (Value::Null, Some(step.name.as_str()), None),
        Some(action) => (json!(action.id), Some(action.name.as_str()), Some("actions")),
        None => (json!(step.event), step.event.as_deref(), Some("events")),
    };
    let custom_name = Some(&step.name).filter(|name| *name != own_name.unwrap_or(ALL_EVENTS));
    json!({
        "action_id": id, "name": own_name, "custom_name": custom_name, "order": step.order, "people": [],
        "count": step.count, "type": kind, "breakdown": [variant], "breakdown_value": [variant],
        "average_conversion_time": step.average_conversion_seconds,
        "median_conversion_time": step.median_conversion_seconds,
    })
}

fn funnel_variant(variant: &FunnelVariant) -> Value {
    json!({"key": variant.key, "success_count": variant.success_count, "failure_count": variant.failure_count})
}
