//! The definition of the cohort of people exposed to an experiment (L-51 to L-53).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::model::cohort::Cohort;
use crate::model::entity::{GivenEntity, action_id, ordered};
use crate::model::experiment::Experiment;
use crate::model::exposure::FIELD;

/// The longest name of a cohort, in characters.
const NAME_LENGTH_MAX: usize = 400;

/// The types of property filters that a behavioural condition keeps (L-53).
const KEPT_TYPES: [&str; 4] = ["event", "feature", "element", "hogql"];

/// The name of the cohort (L-51).
#[must_use]
pub fn exposure_cohort_name(experiment: &Experiment) -> String {
    format!("Users exposed to experiment \"{}\"", experiment.name)
}

/// Creates the cohort of the people exposed to an experiment (L-50, L-51). It follows the experiment by being linked to it
/// (L-55), which is for the caller to store.
///
/// An experiment of this engine always has a flag, so the reference's first refusal cannot occur.
///
/// # Errors
/// `NotReady` for a draft, `NotAllowed` when it has such a cohort (L-50); as [`exposure_cohort_definition`].
pub fn create_exposure_cohort(experiment: &Experiment, now: Timestamp, created_by: Option<&str>) -> Result<Cohort> {
    let filters = exposure_cohort_definition(experiment)?;
    if let Some(cohort) = experiment.exposure_cohort {
        return Err(Error::not_allowed("Experiment already has an exposure cohort")
            .hint(format!("list its members: `abduck cohort members {cohort}`")));
    }
    // A name that fills its length would grow beyond it by what stands around it.
    let name = exposure_cohort_name(experiment).chars().take(NAME_LENGTH_MAX).collect();
    Ok(Cohort {
        id: 0,
        name,
        description: None,
        is_static: false,
        filters,
        experiment_set: vec![experiment.id],
        created_by: created_by.map(str::to_owned),
        created_at: now,
        updated_at: now,
    })
}

/// The `filters` of the cohort: whoever the flag answered (L-52), or whoever did what the experiment's own exposure says
/// (L-53), since its start.
///
/// An exposure by every event (a null id) means whoever did anything; the reference silently takes the flag's then (B-26).
///
/// # Errors
/// `NotReady` for a draft (L-50); `Invalid` when the experiment's own exposure names no event (B-26) or an action by
/// something that is no number (`Invalid action ID`).
pub fn exposure_cohort_definition(experiment: &Experiment) -> Result<Map<String, Value>> {
    let start = experiment.start_date.ok_or_else(|| {
        Error::not_ready("Experiment does not have a start date")
            .hint("launch it first: `abduck experiment launch KEY`")
    })?;
    let (key, event_type, event_filters) = match experiment.custom_exposure_filter()? {
        None => (json!("$feature_flag_called"), "events", vec![of_flag(experiment)]),
        Some(exposure) => of_exposure(exposure)?,
    };
    let condition = json!({
        "type": "behavioral", "value": "performed_event", "key": key, "negation": false, "event_type": event_type,
        "event_filters": event_filters, "explicit_datetime": iso_8601(start),
    });
    let group = json!({"type": "OR", "values": [{"type": "OR", "values": [condition]}]});
    Ok(Map::from_iter([("properties".to_owned(), group)]))
}

fn of_flag(experiment: &Experiment) -> Value {
    json!({"key": "$feature_flag", "value": [experiment.feature_flag_key], "operator": "exact", "type": "event"})
}

/// Key, type and filters of the first entity.
fn of_exposure(exposure: &Map<String, Value>) -> Result<(Value, &'static str, Vec<Value>)> {
    let entities = ordered(exposure, FIELD)?;
    let Some(GivenEntity { list, place, fields: entity }) = entities.first() else {
        return Err(Error::invalid_field(FIELD, "invalid_input", "the custom exposure names no event"));
    };
    let key = match *list {
        "actions" => json!(action_id(entity, place)?),
        _ => entity.get("id").cloned().unwrap_or_default(),
    };
    let mut filters = Vec::new();
    collect(entity.get("properties").unwrap_or(&Value::Null), &mut filters);
    Ok((key, *list, filters))
}

/// The kept property filters of a list or group, flat, each with its type and without nulls (L-53).
fn collect(properties: &Value, filters: &mut Vec<Value>) {
    match properties {
        Value::Array(items) => items.iter().for_each(|item| collect(item, filters)),
        Value::Object(group) if group.contains_key("values") => collect(&group["values"], filters),
        Value::Object(filter) if !filter.is_empty() => {
            let kind = filter.get("type").and_then(Value::as_str).unwrap_or("event");
            if KEPT_TYPES.contains(&kind) {
                let mut kept = filter.clone();
                kept.insert("type".to_owned(), json!(kind));
                kept.retain(|_, value| !value.is_null());
                filters.push(Value::Object(kept));
            }
        }
        _ => {}
    }
}

/// A point in time with an offset, as the reference writes it: a fraction only where there is one.
fn iso_8601(moment: Timestamp) -> String {
    let format = if moment.subsec_microsecond() == 0 { "%Y-%m-%dT%H:%M:%S%:z" } else { "%Y-%m-%dT%H:%M:%S.%6f%:z" };
    moment.to_zoned(TimeZone::UTC).strftime(format).to_string()
}
