//! The reference system's own answer, for clients that expect it.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::model::metric::ALL_EVENTS;
use crate::results::{
    ExperimentResult, FunnelSeries, FunnelStep, FunnelVariant, MetricResult, TrendSeries, TrendVariant,
};
use crate::stats::{Estimates, MissingData, Outcome};

/// A result in the reference system's form: `{"result": …, "last_refresh": …, "is_cached": …}`.
///
/// # Errors
/// `NotReady` when the metric could not be judged; the message is the reference's JSON text of four booleans.
pub fn legacy(result: &ExperimentResult) -> Result<Value> {
    let estimates = match result.result.outcome() {
        Outcome::Estimated(estimates) => estimates,
        Outcome::Undecided(missing) => return Err(missing_data(*missing)),
    };
    let body = match &result.result {
        MetricResult::Trend { filters, insight, variants, .. } => trend(filters, insight, variants, estimates),
        MetricResult::Funnel { filters, insight, variants, .. } => funnel(filters, insight, variants, estimates),
    };
    Ok(json!({
        "result": body,
        "last_refresh": result.last_refresh,
        "is_cached": result.is_cached,
    }))
}

fn missing_data(missing: MissingData) -> Error {
    Error::not_ready(json!(missing).to_string())
        .hint("some variant has no data yet: check that the flag is rolled out and that events carry `$feature/<key>`")
}

/// The fields that both kinds share.
fn judged(filters: &Value, estimates: &Estimates) -> Map<String, Value> {
    let significance = &estimates.significance;
    let mut body = Map::new();
    body.insert("filters".into(), filters.clone());
    body.insert("probability".into(), json!(estimates.probability));
    body.insert("significant".into(), json!(significance.is_significant()));
    body.insert("significance_code".into(), json!(significance.code));
    body.insert("credible_intervals".into(), json!(estimates.credible_intervals));
    body
}

fn trend(filters: &Value, insight: &[TrendSeries], variants: &[TrendVariant], estimates: &Estimates) -> Value {
    let mut body = judged(filters, estimates);
    let series = |series: &TrendSeries| {
        json!({
            "label": series.variant, "breakdown_value": series.variant, "count": series.count,
            "data": series.data, "days": series.labels, "labels": series.labels,
        })
    };
    // A variant nobody was exposed to counts as one (Q-X6).
    let variant = |variant: &TrendVariant| {
        json!({
            "key": variant.key, "count": variant.count, "exposure": variant.exposure,
            "absolute_exposure": variant.absolute_exposure.max(1),
        })
    };
    body.insert("insight".into(), insight.iter().map(series).collect());
    body.insert("variants".into(), variants.iter().map(variant).collect());
    body.insert("p_value".into(), json!(estimates.significance.p_value));
    Value::Object(body)
}

fn funnel(filters: &Value, insight: &[FunnelSeries], variants: &[FunnelVariant], estimates: &Estimates) -> Value {
    let mut body = judged(filters, estimates);
    let steps = |series: &FunnelSeries| -> Value {
        let step = |step: &FunnelStep| {
            let own_name = step.event.as_deref().unwrap_or(ALL_EVENTS);
            let custom_name = Some(&step.name).filter(|name| *name != own_name);
            json!({
                "action_id": step.event, "name": step.event, "custom_name": custom_name, "order": step.order, "people": [],
                "count": step.count, "type": "events", "breakdown": [series.variant],
                "breakdown_value": [series.variant], "average_conversion_time": step.average_conversion_seconds,
                "median_conversion_time": step.median_conversion_seconds,
            })
        };
        series.steps.iter().map(step).collect()
    };
    let variant = |variant: &FunnelVariant| {
        json!({
            "key": variant.key, "success_count": variant.success_count, "failure_count": variant.failure_count,
        })
    };
    body.insert("insight".into(), insight.iter().map(steps).collect());
    body.insert("variants".into(), variants.iter().map(variant).collect());
    body.insert("expected_loss".into(), json!(estimates.significance.expected_loss));
    Value::Object(body)
}
