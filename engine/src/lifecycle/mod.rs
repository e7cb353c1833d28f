//! What may be done now, and what it changes.
//!
//! Each rule is a pure function from the present state and a request to the new state, or a refusal; whoever calls it
//! loads the state, stores the outcome, and does both in one transaction, so that a refused request changes nothing
//! (B-11). The clock comes in as `now`.
//!
//! Rule numbers (`L-…`, `V-…`, `B-…`) are those of the compatible reference system; a `B-…` is a fault of that system
//! which this one does not have.

mod action;
mod again;
mod cohort;
mod create;
mod define;
mod end;
mod exposure_cohort;
mod flag;
mod flag_rules;
mod holdout;
mod launch;
mod parameters;
mod pause;
mod saved_metric;
mod update;
mod variants;
mod web;

pub use action::{create_action, delete_action, update_action};
pub use again::{Copy, duplicate, reset};
pub use cohort::{create_cohort, delete_cohort, named_cohorts, update_cohort};
pub use create::{NewExperiment, create};
pub use define::{define, flag_differences, page_variants, redefine};
pub use end::{Ending, archive, delete, end, ship};
pub use exposure_cohort::{create_exposure_cohort, exposure_cohort_definition, exposure_cohort_name};
pub use flag::{ExistingFlag, NewFlag, UpdatedFlag, create_flag, update_flag};
pub use holdout::{UpdatedHoldout, create_holdout, delete_holdout, numbered_holdout, update_holdout};
pub use launch::launch;
pub use pause::{pause, resume};
pub use saved_metric::{NewLink, create_saved_metric, update_saved_metric};
pub use update::{UpdatedExperiment, update};
pub use web::create_web;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::model::cohort::Cohort;
use crate::model::entity::is_absent;
use crate::model::experiment_metric::{self, ExperimentMetric};
use crate::model::holdout::Holdout;
use crate::model::metric::Metric;

/// What the lab holds that bears on a new or changed experiment.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The flag that has the requested key already, if there is one.
    pub flag: Option<ExistingFlag>,
    /// The holdout the request names, if it names one that exists.
    pub holdout: Option<Holdout>,
    /// The ids of all saved metrics.
    pub saved_metrics: Vec<i64>,
    /// The cohorts that the flag names, and those that these name in turn.
    pub cohorts: Vec<Cohort>,
}

impl Surroundings {
    /// The holdout that a request names exists (V-16).
    fn check_holdout(&self, id: Option<i64>) -> Result<()> {
        match id {
            Some(id) if self.holdout.as_ref().is_none_or(|holdout| holdout.id != id) => {
                let message = format!("Invalid pk \"{id}\" - object does not exist.");
                Err(Error::invalid_field("holdout_id", "does_not_exist", message)
                    .hint("list them with `abduck holdout list`"))
            }
            _ => Ok(()),
        }
    }
}

/// An experiment does not end before it begins (B-17).
fn check_dates(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<()> {
    match (start, end) {
        (Some(start), Some(end)) if end < start => {
            let message = format!("the end date ({end}) is before the start date ({start})");
            Err(Error::invalid_field("end_date", "invalid_input", message))
        }
        _ => Ok(()),
    }
}

/// A metric that is malformed is refused now rather than when results are asked for. It may be absent (L-7), and it may
/// be one that is not built yet: results then say so by name.
fn check_metrics(primary: Option<&Map<String, Value>>, secondary: Option<&[Value]>) -> Result<()> {
    if let Some(filters) = primary {
        check_metric(filters)?;
    }
    for (index, metric) in secondary.unwrap_or_default().iter().enumerate() {
        let field = format!("secondary_metrics[{index}]");
        let Some(filters) = metric.get("filters").and_then(Value::as_object) else {
            let message = "a secondary metric must be an object with a name and filters";
            return Err(Error::invalid_field(field, "invalid_input", message));
        };
        match check_metric(filters) {
            // Another insight is refused when its results are asked for, with the text that clients match on.
            Err(error) if is_about(&error, "filters.insight") => {}
            checked => checked.map_err(|error| within(&field, error))?,
        }
    }
    Ok(())
}

/// The same of modern metrics; `field` is where they stand. One without a type is a placeholder, which the reference keeps.
fn check_modern_metrics(field: &str, metrics: Option<&[Value]>) -> Result<()> {
    for (index, metric) in metrics.unwrap_or_default().iter().enumerate() {
        let is_modern = metric.get("kind").is_some_and(|kind| kind == experiment_metric::KIND)
            && metric.get("metric_type").is_some();
        let Some(metric) = metric.as_object().filter(|_| is_modern) else { continue };
        match ExperimentMetric::parse(metric, &format!("{field}[{index}]")) {
            Err(error) if error.code() != "unsupported" => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn check_metric(filters: &Map<String, Value>) -> Result<()> {
    match Metric::parse(filters) {
        Err(error) if error.code() != "unsupported" && !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_about(error: &Error, name: &str) -> bool {
    matches!(error.kind(), ErrorKind::Invalid { field: Some(field), .. } if field == name)
}

/// The error with the place where its field stands.
fn within(place: &str, error: Error) -> Error {
    match error.kind() {
        ErrorKind::Invalid { field, code, message } => {
            let field = field.as_ref().map_or_else(|| place.to_owned(), |field| format!("{place}.{field}"));
            let hints = error.hints().iter().cloned();
            hints.fold(Error::invalid_field(field, code, message), Error::hint)
        }
        _ => error,
    }
}
