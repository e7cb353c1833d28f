//! The request to change an experiment.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{CONCLUSIONS, Conclusion, READ_ONLY};
use crate::error::{Error, Result};
use crate::model::payload::Payload;
use crate::model::suggest::closest;

/// The request to change an experiment: what is `None` was not given and stays as it is (L-10).
///
/// For a field that may be null, `Some(None)` sets it to null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateExperiment {
    /// The name, 1 to 400 characters.
    pub name: Option<String>,
    /// The description, at most 400 characters.
    pub description: Option<Option<String>>,
    /// When the experiment begins: giving one to a draft launches it (L-16), null makes it a draft again.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub start_date: Option<Option<Timestamp>>,
    /// When the experiment ends.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub end_date: Option<Option<Timestamp>>,
    /// The key of the flag; it can only be the one it has.
    pub feature_flag_key: Option<String>,
    /// The holdout to use; of a draft only (L-14).
    pub holdout_id: Option<Option<i64>>,
    /// Variants, group type and planning numbers; replaced as a whole (L-17).
    pub parameters: Option<Option<Map<String, Value>>>,
    /// The primary metric in the legacy form.
    pub filters: Option<Map<String, Value>>,
    /// The secondary metrics in the legacy form.
    pub secondary_metrics: Option<Option<Vec<Value>>>,
    /// The saved metrics to use; all links are made anew (L-41).
    pub saved_metrics_ids: Option<Option<Vec<Value>>>,
    /// The primary metrics in the modern form.
    pub metrics: Option<Option<Vec<Value>>>,
    /// The secondary metrics in the modern form.
    pub metrics_secondary: Option<Option<Vec<Value>>>,
    /// How the results are judged.
    pub stats_config: Option<Map<String, Value>>,
    /// Who counts as exposed in modern metrics.
    pub exposure_criteria: Option<Option<Map<String, Value>>>,
    /// Whether modern metrics count only units whose window has passed.
    pub only_count_matured_users: Option<bool>,
    /// Whether the experiment is put away.
    pub archived: Option<bool>,
    /// What was concluded.
    pub conclusion: Option<Option<Conclusion>>,
    /// Why.
    pub conclusion_comment: Option<Option<String>>,
}

/// What can be changed (L-10).
const UPDATABLE: [&str; 18] = [
    "name",
    "description",
    "start_date",
    "end_date",
    "feature_flag_key",
    "holdout_id",
    "parameters",
    "filters",
    "secondary_metrics",
    "saved_metrics_ids",
    "metrics",
    "metrics_secondary",
    "stats_config",
    "exposure_criteria",
    "only_count_matured_users",
    "archived",
    "conclusion",
    "conclusion_comment",
];

impl UpdateExperiment {
    /// The JSON Schema (2020-12) of a request.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Reads the request from JSON.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field has the wrong form (V-1, V-11), and without one when a field cannot be
    /// changed (V-12).
    ///
    /// ```
    /// use abduck::model::experiment::UpdateExperiment;
    ///
    /// let request = UpdateExperiment::from_json(serde_json::json!({"description": null, "id": 7}))?;
    /// assert_eq!((request.description, request.name), (Some(None), None));
    ///
    /// let error = UpdateExperiment::from_json(serde_json::json!({"type": "web"})).unwrap_err();
    /// assert_eq!(error.to_string(), "Can't update keys: type on Experiment");
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    pub fn from_json(request: Value) -> Result<Self> {
        refuse_other_keys(&request)?;
        let mut payload = Payload::open(request, &UPDATABLE, &READ_ONLY)?;
        Ok(Self {
            name: payload.if_given("name", Payload::required_text)?,
            description: payload.if_given("description", Payload::nullable_text)?,
            start_date: payload.if_given("start_date", Payload::nullable_timestamp)?,
            end_date: payload.if_given("end_date", Payload::nullable_timestamp)?,
            feature_flag_key: payload.if_given("feature_flag_key", Payload::required_text)?,
            holdout_id: payload.if_given("holdout_id", Payload::nullable_id)?,
            parameters: payload.if_given("parameters", Payload::nullable_object)?,
            filters: payload.if_given("filters", Payload::object)?,
            secondary_metrics: payload.if_given("secondary_metrics", Payload::nullable_list)?,
            saved_metrics_ids: payload.if_given("saved_metrics_ids", Payload::nullable_list)?,
            metrics: payload.if_given("metrics", Payload::nullable_list)?,
            metrics_secondary: payload.if_given("metrics_secondary", Payload::nullable_list)?,
            stats_config: payload.if_given("stats_config", Payload::object)?,
            exposure_criteria: payload.if_given("exposure_criteria", Payload::nullable_object)?,
            only_count_matured_users: payload
                .if_given("only_count_matured_users", |payload, field| payload.boolean(field, false))?,
            archived: payload.if_given("archived", |payload, field| payload.boolean(field, false))?,
            conclusion: payload.if_given("conclusion", |payload, field| payload.choice_or_null(field, &CONCLUSIONS))?,
            conclusion_comment: payload.if_given("conclusion_comment", Payload::nullable_text)?,
        })
    }
}

/// Refuses what cannot be changed, all at once (V-12).
fn refuse_other_keys(request: &Value) -> Result<()> {
    let keys = request.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    let mut others: Vec<&str> = keys.filter(|key| !UPDATABLE.contains(key) && !READ_ONLY.contains(key)).collect();
    let Some(first) = others.first().copied() else { return Ok(()) };
    others.sort_unstable();
    let error = Error::invalid(format!("Can't update keys: {} on Experiment", others.join(", ")));
    Err(match closest(first, UPDATABLE) {
        Some(meant) => error.hint(format!("did you mean '{meant}'?")),
        None => error.hint(format!("what can be changed: {}", UPDATABLE.join(", "))),
    })
}
