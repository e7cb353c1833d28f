//! Runs a journey of the modern generation (rules M-).

use abduck::Error;
use abduck::results::{ExperimentResult, MetricResult, UnitVariant};
use serde_json::{Map, Value, json};

use super::Verdict;
use super::journeys::{Journey, compare};

pub(super) fn run(record: &Value) -> Result<Verdict, Error> {
    let mut journey = Journey::begin(record)?;
    let key = journey.create_experiment(record)?.feature_flag_key;
    let result = journey.lab.try_metric(&key, &metric(record), &journey.request())?;
    Ok(compare(&record["expected"], |name, wanted| match name {
        "variants" => Some(variants(&result)),
        "multiple" => Some(several_variants(&result)),
        "absent" => Some(absent(wanted, &result)),
        _ => None,
    }))
}

/// The metric, with the definition of percentiles that the journey asks for (M-23, M-41).
fn metric(record: &Value) -> Map<String, Value> {
    let mut metric = record["experiment"]["metric"].as_object().unwrap().clone();
    let Some(method) = record.get("quantile") else { return metric };
    if metric["metric_type"] == "mean" {
        metric.insert("percentile_method".into(), method.clone());
    }
    for part in ["numerator_outlier_handling", "denominator_outlier_handling"] {
        if let Some(Value::Object(outliers)) = metric.get_mut(part) {
            outliers.insert("percentile_method".into(), method.clone());
        }
    }
    metric
}

/// The sums by variant, all in one object per variant as the reference has them (M-2).
fn variants(result: &ExperimentResult) -> Value {
    let flat = |variant: &UnitVariant| {
        let Value::Object(mut fields) = json!(variant) else { unreachable!("a variant is an object") };
        for part in ["denominator", "covariate"] {
            if let Some(Value::Object(sums)) = fields.shift_remove(part) {
                fields.extend(sums);
            }
        }
        (variant.key.clone(), Value::Object(fields))
    };
    units(result).iter().map(flat).collect::<Map<_, _>>().into()
}

fn units(result: &ExperimentResult) -> &[UnitVariant] {
    match &result.result {
        MetricResult::Units { variants, .. } => variants,
        MetricResult::Trend { .. } | MetricResult::Funnel { .. } => &[],
    }
}

fn several_variants(result: &ExperimentResult) -> Value {
    match &result.result {
        MetricResult::Units { several_variants, .. } => json!(several_variants.units),
        MetricResult::Trend { .. } | MetricResult::Funnel { .. } => Value::Null,
    }
}

/// Echoes the keys that are rightly absent.
fn absent(wanted: &Value, result: &ExperimentResult) -> Value {
    let present: Vec<_> = units(result).iter().map(|variant| variant.key.as_str()).collect();
    let keys = wanted.as_array().unwrap().iter();
    keys.filter(|key| !present.contains(&key.as_str().unwrap_or_default())).cloned().collect()
}
