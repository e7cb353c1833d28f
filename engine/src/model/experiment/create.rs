//! The request to create an experiment.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ExperimentKind, READ_ONLY};
use crate::error::Result;
use crate::model::definition;
use crate::model::payload::Payload;

/// The request to create an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateExperiment {
    /// The name, 1 to 400 characters.
    #[schemars(length(min = 1, max = 400))]
    pub name: String,
    /// The key of the flag to make; events and assignments carry it.
    #[schemars(length(min = 1, max = 400))]
    pub feature_flag_key: String,
    /// The description, at most 400 characters.
    #[schemars(length(max = 400))]
    pub description: Option<String>,
    /// When the experiment begins; null or absent makes a draft (L-1).
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub start_date: Option<Timestamp>,
    /// When the experiment ends.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub end_date: Option<Timestamp>,
    /// The holdout to use.
    pub holdout_id: Option<i64>,
    /// Variants (`feature_flag_variants`), group type (`aggregation_group_type_index`) and planning numbers (1.2).
    pub parameters: Option<Map<String, Value>>,
    /// The primary metric in the legacy form.
    #[schemars(default)]
    pub filters: Map<String, Value>,
    /// The secondary metrics in the legacy form, each `{"name", "filters"}`.
    pub secondary_metrics: Option<Vec<Value>>,
    /// The saved metrics to use, each `{"id", "metadata": {"type"}}`.
    pub saved_metrics_ids: Option<Vec<Value>>,
    /// The primary metrics in the modern form.
    pub metrics: Option<Vec<Value>>,
    /// The secondary metrics in the modern form.
    pub metrics_secondary: Option<Vec<Value>>,
    /// How the results are judged.
    #[schemars(default)]
    pub stats_config: Map<String, Value>,
    /// Who counts as exposed in modern metrics: `exposure_config`, `multiple_variant_handling`, `filterTestAccounts`.
    pub exposure_criteria: Option<Map<String, Value>>,
    /// Whether modern metrics count only units whose window has passed.
    #[schemars(default)]
    pub only_count_matured_users: bool,
    /// What the experiment runs on; absent means `product`.
    #[serde(rename = "type")]
    pub kind: Option<ExperimentKind>,
    /// Whether the experiment is put away at once.
    #[schemars(default)]
    pub archived: bool,
}

/// What a client may give when it creates an experiment.
const WRITABLE: [&str; 17] = [
    "name",
    "feature_flag_key",
    "description",
    "start_date",
    "end_date",
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
    "type",
    "archived",
];

const KINDS: [(&str, ExperimentKind); 2] = [("web", ExperimentKind::Web), ("product", ExperimentKind::Product)];

impl CreateExperiment {
    /// The JSON Schema (2020-12) of a request.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Reads the request from JSON.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is missing, unknown or of the wrong form (V-1).
    ///
    /// ```
    /// use abduck::model::experiment::CreateExperiment;
    ///
    /// let request = serde_json::json!({"name": "Checkout", "feature_flag_key": "checkout", "start_date": "2024-01-01T10:23"});
    /// let request = CreateExperiment::from_json(request)?;
    /// assert_eq!(request.start_date.unwrap().to_string(), "2024-01-01T10:23:00Z");
    ///
    /// let error = CreateExperiment::from_json(serde_json::json!({"name": null})).unwrap_err();
    /// assert_eq!(error.to_string(), "This field may not be null.");
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    pub fn from_json(request: Value) -> Result<Self> {
        let mut payload = Payload::open(request, &WRITABLE, &READ_ONLY)?;
        Ok(Self {
            name: payload.required_text("name")?,
            feature_flag_key: payload.required_text("feature_flag_key")?,
            description: payload.nullable_text("description")?,
            start_date: payload.nullable_timestamp("start_date")?,
            end_date: payload.nullable_timestamp("end_date")?,
            holdout_id: payload.nullable_id("holdout_id")?,
            // Absent parameters count as null (B-3).
            parameters: payload.nullable_object("parameters")?,
            filters: payload.object("filters")?,
            secondary_metrics: payload.nullable_list("secondary_metrics")?,
            saved_metrics_ids: payload.nullable_list("saved_metrics_ids")?,
            metrics: payload.nullable_list("metrics")?,
            metrics_secondary: payload.nullable_list("metrics_secondary")?,
            stats_config: payload.object("stats_config")?,
            exposure_criteria: payload.nullable_object("exposure_criteria")?,
            only_count_matured_users: payload.boolean("only_count_matured_users", false)?,
            kind: payload.nullable_choice("type", &KINDS, ExperimentKind::Product)?,
            archived: payload.boolean("archived", false)?,
        })
    }

    /// Reads the request from YAML (JSON is YAML, too).
    ///
    /// # Errors
    /// `Invalid` as [`definition::read`] when the text is no YAML, and as [`CreateExperiment::from_json`].
    ///
    /// ```
    /// use abduck::model::experiment::CreateExperiment;
    ///
    /// let request = CreateExperiment::from_yaml("name: Checkout\nfeature_flag_key: checkout\n")?;
    /// assert_eq!(request.name, "Checkout");
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    pub fn from_yaml(request: &str) -> Result<Self> {
        Self::from_json(definition::read(request)?)
    }
}
