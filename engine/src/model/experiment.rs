//! Experiments: the noun, its status, and the requests to create and to change one (lifecycle rules 1.1 and 1.2).

mod create;
mod update;
mod web;

pub use create::CreateExperiment;
pub use update::UpdateExperiment;
pub use web::CreateWebExperiment;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::saved_metric::ExperimentSavedMetric;

/// An experiment, as it is stored.
///
/// The flag and the holdout are entities of their own; the experiment names them by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Chosen by the catalog; 0 until then.
    pub id: i64,
    /// The name, 1 to 400 characters.
    pub name: String,
    /// The description, at most 400 characters.
    pub description: Option<String>,
    /// When the experiment began, or will begin; null means draft (L-1).
    pub start_date: Option<Timestamp>,
    /// When the experiment ended, or will end.
    pub end_date: Option<Timestamp>,
    /// The flag that splits the traffic.
    pub feature_flag_id: i64,
    /// The key of that flag.
    pub feature_flag_key: String,
    /// The holdout, if there is one.
    pub holdout_id: Option<i64>,
    /// The cohort of the people exposed, once it has been made (L-55).
    pub exposure_cohort: Option<i64>,
    /// Variants, group type and planning numbers, as the client gave them (1.2).
    pub parameters: Option<Map<String, Value>>,
    /// The primary metric in the legacy form, as the client gave it; may be empty (L-7).
    pub filters: Map<String, Value>,
    /// The secondary metrics in the legacy form, each `{"name", "filters"}`.
    pub secondary_metrics: Option<Vec<Value>>,
    /// The saved metrics in use, in the order they were linked.
    pub saved_metrics: Vec<ExperimentSavedMetric>,
    /// The primary metrics in the modern form, as the client gave them (V-5).
    pub metrics: Option<Vec<Value>>,
    /// The secondary metrics in the modern form, as the client gave them.
    pub metrics_secondary: Option<Vec<Value>>,
    /// How the results are judged.
    pub stats_config: Map<String, Value>,
    /// Who counts as exposed in modern metrics, as the client gave it (M-10, M-13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure_criteria: Option<Map<String, Value>>,
    /// Whether modern metrics count only units whose window has passed (M-15).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_count_matured_users: bool,
    /// What the experiment runs on.
    #[serde(rename = "type")]
    pub kind: Option<ExperimentKind>,
    /// The variants and their shares, of a web experiment only (L-20).
    pub variants: Option<Map<String, Value>>,
    /// Whether the experiment was put away.
    pub archived: bool,
    /// What was concluded at the end (M-68).
    pub conclusion: Option<Conclusion>,
    /// Why.
    pub conclusion_comment: Option<String>,
    /// Who made the experiment.
    pub created_by: Option<String>,
    /// When the experiment was made.
    pub created_at: Timestamp,
    /// When the experiment was last changed.
    pub updated_at: Timestamp,
}

/// What an experiment runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExperimentKind {
    /// A web page, changed without code.
    Web,
    /// A product, with the flag in its code.
    Product,
}

/// What was concluded from an experiment (M-68).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// A test variant is better.
    Won,
    /// The test variants are worse.
    Lost,
    /// The data do not tell.
    Inconclusive,
    /// It was ended before the data could tell.
    StoppedEarly,
    /// Something was wrong with it.
    Invalid,
}

/// The conclusions by name.
const CONCLUSIONS: [(&str, Conclusion); 5] = [
    ("won", Conclusion::Won),
    ("lost", Conclusion::Lost),
    ("inconclusive", Conclusion::Inconclusive),
    ("stopped_early", Conclusion::StoppedEarly),
    ("invalid", Conclusion::Invalid),
];

/// Where an experiment is in its life. It is derived, never stored (L-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not launched.
    Draft,
    /// Launched, also when its start is still to come (L-9).
    Running,
    /// Past its end.
    Complete,
    /// Put away.
    Archived,
}

impl Experiment {
    /// Whether the experiment has not been launched (L-1).
    #[must_use]
    pub fn is_draft(&self) -> bool {
        self.start_date.is_none()
    }

    /// Whether the experiment's end has come.
    #[must_use]
    pub fn has_ended(&self, as_of: Timestamp) -> bool {
        self.end_date.is_some_and(|end| end <= as_of)
    }

    /// Where the experiment is in its life.
    #[must_use]
    pub fn status(&self, as_of: Timestamp) -> Status {
        if self.archived {
            Status::Archived
        } else if self.is_draft() {
            Status::Draft
        } else if self.has_ended(as_of) {
            Status::Complete
        } else {
            Status::Running
        }
    }
}

/// What a client may send back, without effect (L-10).
const READ_ONLY: [&str; 11] = [
    "id",
    "feature_flag",
    "feature_flag_id",
    "holdout",
    "exposure_cohort",
    "saved_metrics",
    "status",
    "created_by",
    "created_at",
    "updated_at",
    "variants",
];
