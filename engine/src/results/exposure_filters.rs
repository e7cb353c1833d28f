//! The exposure of a trend in the reference system's legacy form, prepared as it prepares it (R-4, Q-X1, Q-X4).

use serde_json::{Map, Value, json};

use crate::model::experiment::Experiment;
use crate::model::metric::Metric;
use crate::plan::{ExposureOrigin, Measure, Plan, Semantics};

/// The definition of the exposure with the experiment's dates, variants and breakdown in it; null for a
/// funnel, and for a query node without an exposure query.
pub(super) fn prepared(experiment: &Experiment, filters: &Map<String, Value>, metric: &Metric, plan: &Plan) -> Value {
    let Measure::Trend(trend) = &plan.measure else { return Value::Null };
    if plan.semantics == Semantics::QueryNode {
        return filters.get("exposure_query").cloned().unwrap_or(Value::Null);
    }
    let exposure = &trend.exposure;
    let mut filters = match exposure.origin {
        ExposureOrigin::Custom => custom(experiment),
        ExposureOrigin::Flag => of_flag(metric),
        ExposureOrigin::Metric => of_metric(filters),
    };
    let is = |key: &str, value: Value| json!({"key": key, "value": value, "operator": "exact", "type": "event"});
    let mut properties = vec![is(&exposure.variant_property, json!(plan.population.variants))];
    if exposure.origin == ExposureOrigin::Flag {
        properties.push(is("$feature_flag", json!([plan.population.feature_flag_key])));
    }
    let replaced = [
        ("insight", json!("TRENDS")),
        ("display", json!("ActionsLineGraphCumulative")),
        ("breakdown", json!(exposure.variant_property)),
        ("breakdown_type", json!("event")),
        ("properties", Value::Array(properties)),
        ("date_from", json!(experiment.start_date)),
        ("date_to", json!(experiment.end_date)),
        ("explicit_date", json!(true)),
    ];
    filters.extend(replaced.map(|(key, value)| (key.to_owned(), value)));
    Value::Object(filters)
}

fn custom(experiment: &Experiment) -> Map<String, Value> {
    experiment.custom_exposure_filter().ok().flatten().cloned().unwrap_or_default()
}

/// The events of the metric, once counted and once by the persons they belong to (Q-X7).
fn of_metric(metric: &Map<String, Value>) -> Map<String, Value> {
    let mut filters = metric.clone();
    for list in ["events", "actions"] {
        if let Some(Value::Array(entities)) = filters.get_mut(list) {
            let with = |entity: &Value, math: &str| {
                let mut entity = entity.clone();
                entity["math"] = json!(math);
                entity
            };
            *entities = entities.iter().flat_map(|entity| ["total", "dau"].map(|math| with(entity, math))).collect();
        }
    }
    filters
}

/// Persons that the flag answered, by their `$feature_flag_called` events.
fn of_flag(metric: &Metric) -> Map<String, Value> {
    const EVENT: &str = "$feature_flag_called";
    let event = json!({"id": EVENT, "name": EVENT, "type": "events", "order": 0, "math": "dau"});
    let filters = [("events", json!([event])), ("filter_test_accounts", json!(metric.filter_test_accounts()))];
    filters.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()
}
