//! The exposure of a trend in the reference system's legacy form, prepared as it prepares it (R-4, Q-X1, Q-X4).

use serde_json::{Map, Value, json};

use crate::model::experiment::Experiment;
use crate::model::metric::Metric;
use crate::plan::{ExposureUnit, Measure, Plan};

/// The definition of the exposure with the experiment's dates, variants and breakdown in it; null for a funnel.
pub(super) fn prepared(experiment: &Experiment, metric: &Metric, plan: &Plan) -> Value {
    let Measure::Trend(trend) = &plan.measure else { return Value::Null };
    let exposure = &trend.exposure;
    let mut filters = match exposure.unit {
        ExposureUnit::Events => custom(experiment),
        ExposureUnit::Persons => of_flag(metric),
    };
    let is = |key: &str, value: Value| json!({"key": key, "value": value, "operator": "exact", "type": "event"});
    let mut properties = vec![is(&exposure.variant_property, json!(plan.population.variants))];
    if exposure.unit == ExposureUnit::Persons {
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

/// Persons that the flag answered, by their `$feature_flag_called` events.
fn of_flag(metric: &Metric) -> Map<String, Value> {
    const EVENT: &str = "$feature_flag_called";
    let event = json!({"id": EVENT, "name": EVENT, "type": "events", "order": 0, "math": "dau"});
    let filters = [("events", json!([event])), ("filter_test_accounts", json!(metric.filter_test_accounts()))];
    filters.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()
}
