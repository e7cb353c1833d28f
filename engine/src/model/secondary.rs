//! Secondary metrics: finding one by the id a client gives (rules R-9, B-1, B-2).

use serde_json::{Map, Value};

use super::experiment::Experiment;
use super::metric::Metric;
use crate::error::{Error, ErrorKind, Result};

/// A secondary metric of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondaryMetric {
    /// Its place among the experiment's secondary metrics, from 0; its id in requests.
    pub index: usize,
    /// Its name; empty when the definition gives none.
    pub name: String,
    /// Its definition in the legacy form.
    pub filters: Map<String, Value>,
}

impl Experiment {
    /// The secondary metric with an id: a number, or its text.
    ///
    /// # Errors
    /// `Invalid`, in this order (R-9): when the experiment has none, no id is given, it is not an integer, there is no
    /// such metric (B-1, B-2), or it is neither a trend nor a funnel.
    ///
    /// ```
    /// use abduck::lifecycle::{Surroundings, create};
    /// use abduck::model::experiment::CreateExperiment;
    ///
    /// let metrics = "[{name: Visits, filters: {insight: TRENDS, events: [{id: visit}]}}]";
    /// let request = format!("{{name: Checkout, feature_flag_key: checkout, secondary_metrics: {metrics}}}");
    /// let now = "2024-01-01T00:00:00Z".parse().unwrap();
    /// let experiment = create(CreateExperiment::from_yaml(&request)?, &Surroundings::default(), now, None)?.experiment;
    /// assert_eq!(experiment.secondary_metric(Some(&"0".into()))?.name, "Visits");
    /// let error = experiment.secondary_metric(Some(&(-1).into())).unwrap_err();
    /// assert_eq!(error.to_string(), "Invalid metric ID");
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn secondary_metric(&self, id: Option<&Value>) -> Result<SecondaryMetric> {
        let metrics = self.secondary_metrics.as_deref().unwrap_or_default();
        if metrics.is_empty() {
            return Err(Error::invalid("Experiment has no secondary metrics"));
        }
        let id = match id {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            given => given,
        };
        let id = id.ok_or_else(|| Error::invalid("Secondary metric id is required"))?;
        let index = integer(id).ok_or_else(|| Error::invalid("Secondary metric id must be an integer"))?;
        let index = usize::try_from(index).ok().filter(|index| *index < metrics.len());
        let index = index.ok_or_else(|| {
            Error::invalid("Invalid metric ID")
                .hint(format!("the ids of this experiment are 0 to {}", metrics.len() - 1))
        })?;
        read(index, &metrics[index])
    }
}

impl SecondaryMetric {
    /// The metric that the definition describes.
    ///
    /// # Errors
    /// As [`Metric::parse`], with the field in the experiment.
    pub fn metric(&self) -> Result<Metric> {
        Metric::parse(&self.filters).map_err(|error| self.located(error))
    }

    /// An error in the definition, with the field in the experiment.
    pub(crate) fn located(&self, error: Error) -> Error {
        let ErrorKind::Invalid { field: Some(field), code, message } = error.kind() else { return error };
        if !field.starts_with("filters") {
            return error;
        }
        let located = Error::invalid_field(format!("secondary_metrics[{}].{field}", self.index), code, message);
        error.hints().iter().fold(located, Error::hint)
    }
}

/// The integer in an id. Its size does not matter: what is too large for the type is no metric's place either.
fn integer(id: &Value) -> Option<i64> {
    match id {
        Value::Number(number) => number.as_i64().or_else(|| number.as_u64().map(|_| i64::MAX)),
        Value::String(text) => {
            let digits = text.trim();
            let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
            let is_integer = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
            is_integer.then(|| digits.parse().unwrap_or(i64::MAX))
        }
        _ => None,
    }
}

fn read(index: usize, metric: &Value) -> Result<SecondaryMetric> {
    let place = format!("secondary_metrics[{index}]");
    let malformed =
        || Error::invalid_field(&place, "invalid_input", "a secondary metric must be an object with `filters`");
    let Value::Object(fields) = metric else { return Err(malformed()) };
    let Some(Value::Object(filters)) = fields.get("filters") else { return Err(malformed()) };
    let is_known = match filters.get("insight") {
        None | Some(Value::Null) => true,
        Some(Value::String(insight)) => ["trends", "funnels"].iter().any(|known| insight.eq_ignore_ascii_case(known)),
        Some(_) => false,
    };
    if !is_known {
        return Err(Error::invalid("Secondary metrics need to be funnel or trend insights"));
    }
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(SecondaryMetric { index, name, filters: filters.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lifecycle::{Surroundings, create};
    use crate::model::experiment::CreateExperiment;

    fn refusal(metrics: &Value, id: Option<&Value>) -> String {
        let request = json!({"name": "a", "feature_flag_key": "a", "secondary_metrics": metrics});
        let request = CreateExperiment::from_json(request).unwrap();
        let now = "2024-01-01T00:00:00Z".parse().unwrap();
        let experiment = create(request, &Surroundings::default(), now, None).unwrap().experiment;
        experiment.secondary_metric(id).map_or_else(|error| error.to_string(), |metric| metric.index.to_string())
    }

    #[test]
    fn ids_are_checked_in_order() {
        // R-9, B-1, B-2
        let trend = json!({"name": "t", "filters": {"events": [{"id": "x"}]}});
        let other = json!({"name": "p", "filters": {"insight": "PATHS"}});
        let metrics = json!([trend, other]);
        for (id, text) in [
            (None, "Secondary metric id is required"),
            (Some(json!(null)), "Secondary metric id is required"),
            (Some(json!("")), "Secondary metric id is required"),
            (Some(json!("first")), "Secondary metric id must be an integer"),
            (Some(json!("1.0")), "Secondary metric id must be an integer"),
            (Some(json!(0.5)), "Secondary metric id must be an integer"),
            (Some(json!([0])), "Secondary metric id must be an integer"),
            (Some(json!(2)), "Invalid metric ID"),
            (Some(json!("2")), "Invalid metric ID"),
            (Some(json!(-1)), "Invalid metric ID"),
            (Some(json!("-1")), "Invalid metric ID"),
            (Some(json!("99999999999999999999")), "Invalid metric ID"),
            (Some(json!(1)), "Secondary metrics need to be funnel or trend insights"),
            (Some(json!(0)), "0"),
            (Some(json!(" 0 ")), "0"),
        ] {
            assert_eq!(refusal(&metrics, id.as_ref()), text, "{id:?}");
        }
        for none in [json!([]), json!(null)] {
            assert_eq!(refusal(&none, None), "Experiment has no secondary metrics");
        }
    }
}
