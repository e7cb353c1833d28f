//! What a document asks for, with numbers in place of names.

use serde_json::{Map, Value, json};

use super::{Document, Names};
use crate::error::{Error, Result};
use crate::model::cohort::CreateCohort;
use crate::model::experiment::{Conclusion, CreateExperiment, ExperimentKind, UpdateExperiment};
use crate::model::flag::{CreateFlag, FlagFilters};
use crate::model::holdout::CreateHoldout;
use crate::model::payload::Payload;
use crate::model::saved_metric::CreateSavedMetric;
use crate::model::settings::LabSettings;

/// The fields of an experiment's document.
pub(super) const EXPERIMENT_FIELDS: [&str; 22] = [
    "feature_flag_key",
    "name",
    "description",
    "type",
    "holdout",
    "parameters",
    "filters",
    "secondary_metrics",
    "metrics",
    "metrics_secondary",
    "saved_metrics",
    "stats_config",
    "exposure_criteria",
    "only_count_matured_users",
    "flag",
    "variants",
    "start_date",
    "end_date",
    "archived",
    "conclusion",
    "conclusion_comment",
    "exposure_cohort",
];

/// The fields of the flag inside an experiment's document.
pub(super) const FLAG_FIELDS: [&str; 6] =
    ["name", "filters", "rollout_percentage", "active", "deleted", "ensure_experience_continuity"];

/// An experiment as a document defines it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentDefinition {
    /// What creates it.
    pub request: CreateExperiment,
    /// How its flag differs from the one that creating it makes.
    pub flag: FlagDefinition,
    /// The variants of a web page, if they say more than the flag does; inner `None` is null.
    pub variants: Option<Option<Map<String, Value>>>,
    /// What of its life is said, in the form of a change; what is `None` stays as it is.
    pub state: UpdateExperiment,
    /// The cohort of the people exposed; `None` when nothing is said.
    pub exposure_cohort: Option<Option<i64>>,
}

/// How the flag of an experiment differs from the one that creating the experiment makes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlagDefinition {
    /// The description.
    pub name: Option<String>,
    /// The parts of the filters that differ; null is a part that the flag does not have.
    pub filters: Map<String, Value>,
    /// The rollout of a flag whose filters have no groups, in percent (F-0).
    pub rollout_percentage: Option<f64>,
    /// Whether it is on; `None` leaves it.
    pub active: Option<bool>,
    /// Whether it is deleted; `None` leaves it.
    pub deleted: Option<bool>,
    /// Whether people keep the variant they had before they signed in.
    pub ensure_experience_continuity: bool,
}

impl FlagDefinition {
    fn read(definition: Option<Value>) -> Result<Self> {
        let Some(definition) = definition.filter(|definition| !definition.is_null()) else {
            return Ok(Self::default());
        };
        let mut payload = Payload::open(definition, &FLAG_FIELDS, &[]).map_err(in_flag)?;
        let boolean = |payload: &mut Payload, field: &str| payload.boolean(field, false);
        let mut read = || {
            Ok(Self {
                name: payload.nullable_text("name")?,
                filters: payload.object("filters")?,
                rollout_percentage: payload.nullable_percentage("rollout_percentage")?,
                active: payload.if_given("active", boolean)?,
                deleted: payload.if_given("deleted", boolean)?,
                ensure_experience_continuity: payload.boolean("ensure_experience_continuity", false)?,
            })
        };
        read().map_err(in_flag)
    }

    /// The filters of the flag where creating the experiment makes `made`.
    ///
    /// # Errors
    /// `Invalid`, with the path, when a part has the wrong form.
    pub fn filters(&self, made: &FlagFilters) -> Result<FlagFilters> {
        let mut fields = super::flag_filters(made)?;
        for (field, value) in &self.filters {
            if value.is_null() && super::strict::FILTERS.contains(&field.as_str()) {
                fields.shift_remove(field);
            } else {
                fields.insert(field.clone(), value.clone());
            }
        }
        super::strict::read_filters(&fields, "flag.filters")
    }
}

impl Document {
    /// The experiment that the document defines.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is missing, unknown or of the wrong form, or names what does not exist.
    pub fn experiment(&self, names: &Names) -> Result<ExperimentDefinition> {
        let mut fields = self.checked(names)?;
        let flag = FlagDefinition::read(fields.shift_remove("flag"))?;
        let variants = fields.shift_remove("variants").map(read_variants).transpose()?;
        let exposure_cohort = match fields.shift_remove("exposure_cohort") {
            None => None,
            Some(Value::Null) => Some(None),
            Some(name) => Some(Some(names.cohorts.referred(&name, "exposure_cohort")?)),
        };
        let state = state(&mut fields)?;
        if let Some(holdout) = fields.shift_remove("holdout").filter(|holdout| !holdout.is_null()) {
            let id = names.holdouts.referred(&holdout, "holdout")?;
            fields.insert("holdout_id".to_owned(), id.into());
        }
        if let Some(uses) = fields.shift_remove("saved_metrics") {
            let ids = saved_metrics(&uses, names)?;
            fields.insert("saved_metrics_ids".to_owned(), ids);
        }
        let request = CreateExperiment::from_json(Value::Object(fields))?;
        if variants.is_some() && request.kind != Some(ExperimentKind::Web) {
            let message = "only a web experiment has variants of a page";
            return Err(Error::invalid_field("variants", "invalid", message)
                .hint("other experiments have theirs under parameters: feature_flag_variants"));
        }
        Ok(ExperimentDefinition { request, flag, variants, state, exposure_cohort })
    }

    /// The flag that the document defines.
    ///
    /// # Errors
    /// As [`Document::experiment`].
    pub fn flag(&self, names: &Names) -> Result<CreateFlag> {
        let mut fields = self.checked(names)?;
        let filters = match fields.shift_remove("filters") {
            Some(Value::Object(filters)) => Some(super::strict::read_filters(&filters, "filters")?),
            // The request says what is wrong with it.
            Some(other) => {
                fields.insert("filters".to_owned(), other);
                None
            }
            None => None,
        };
        let request = CreateFlag::from_json(Value::Object(fields))?;
        Ok(CreateFlag { filters: filters.unwrap_or_default(), ..request })
    }

    /// The holdout that the document defines.
    ///
    /// # Errors
    /// As [`Document::experiment`].
    pub fn holdout(&self, names: &Names) -> Result<CreateHoldout> {
        CreateHoldout::from_json(Value::Object(self.checked(names)?))
    }

    /// The saved metric that the document defines.
    ///
    /// # Errors
    /// As [`Document::experiment`].
    pub fn saved_metric(&self, names: &Names) -> Result<CreateSavedMetric> {
        CreateSavedMetric::from_json(Value::Object(self.checked(names)?))
    }

    /// The cohort that the document defines, and its members if it lists them.
    ///
    /// # Errors
    /// As [`Document::experiment`].
    pub fn cohort(&self, names: &Names) -> Result<(CreateCohort, Option<Vec<String>>)> {
        let mut fields = self.checked(names)?;
        let members = fields.shift_remove("members").filter(|members| !members.is_null());
        let request = CreateCohort::from_json(Value::Object(fields))?;
        let Some(members) = members else { return Ok((request, None)) };
        if !request.is_static {
            return Err(Error::invalid_field("members", "invalid", "only a static cohort has listed members")
                .hint("say is_static: true, or describe the members by filters"));
        }
        let Value::Array(items) = &members else {
            return Err(Error::invalid_field("members", "not_a_list", "the members must be a list of texts"));
        };
        let member = |(index, item): (usize, &Value)| {
            let text = item.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            text.ok_or_else(|| Error::invalid_field(format!("members[{index}]"), "invalid", "a member must be a text"))
        };
        let mut members = items.iter().enumerate().map(member).collect::<Result<Vec<_>>>()?;
        members.sort_unstable();
        members.dedup();
        Ok((request, Some(members)))
    }

    /// The settings that the document defines.
    ///
    /// # Errors
    /// As [`Document::experiment`].
    pub fn settings(&self, names: &Names) -> Result<LabSettings> {
        let fields = self.checked(names)?;
        if let Some(name) = fields.get("timezone").and_then(Value::as_str) {
            crate::model::settings::time_zone(name)?;
        }
        for (field, value) in &fields {
            serde_json::from_value::<LabSettings>(json!({field: value}))
                .map_err(|error| Error::invalid_field(field, "invalid", error.to_string()))?;
        }
        serde_json::from_value(Value::Object(fields)).map_err(|error| Error::invalid(error.to_string()))
    }

    /// The fields, known and with the numbers of cohorts.
    fn checked(&self, names: &Names) -> Result<Map<String, Value>> {
        self.check_fields()?;
        names.number_cohorts(&self.fields)
    }
}

/// What the document says of the experiment's life. The dates and whether it is archived are also part of what creates it.
fn state(fields: &mut Map<String, Value>) -> Result<UpdateExperiment> {
    let mut given = Map::new();
    for field in ["start_date", "end_date", "archived"] {
        given.extend(fields.get(field).map(|value| (field.to_owned(), value.clone())));
    }
    for field in ["conclusion", "conclusion_comment"] {
        given.extend(fields.shift_remove(field).map(|value| (field.to_owned(), value)));
    }
    let comment = given.get("conclusion_comment").and_then(Value::as_str).map(str::to_owned);
    let mut state = UpdateExperiment::from_json(Value::Object(given))?;
    // As it was given when the experiment ended, blanks around it included.
    if let Some(comment) = comment {
        state.conclusion_comment = Some(Some(comment));
    }
    Ok(state)
}

impl ExperimentDefinition {
    /// What was concluded, once the experiment is made.
    #[must_use]
    pub fn conclusion(&self) -> (Option<Conclusion>, Option<String>) {
        (self.state.conclusion.flatten(), self.state.conclusion_comment.clone().flatten())
    }
}

fn read_variants(variants: Value) -> Result<Option<Map<String, Value>>> {
    match variants {
        Value::Null => Ok(None),
        Value::Object(variants) => Ok(Some(variants)),
        _ => Err(Error::invalid_field("variants", "not_a_dict", "the variants of a page must be an object by key")),
    }
}

/// The uses of saved metrics in the form of the request: `{name, type}` or `{name, metadata}`.
fn saved_metrics(uses: &Value, names: &Names) -> Result<Value> {
    let items = match uses {
        Value::Null => return Ok(Value::Null),
        Value::Array(items) => items,
        _ => return Err(Error::invalid_field("saved_metrics", "not_a_list", "the saved metrics must be a list")),
    };
    let one = |(index, item): (usize, &Value)| {
        let place = format!("saved_metrics[{index}]");
        let Value::Object(fields) = item else {
            return Err(Error::invalid_field(place, "invalid", "a saved metric must be an object with a name")
                .hint("write it as {name: Revenue, type: primary}"));
        };
        let name = fields
            .get("name")
            .ok_or_else(|| Error::invalid_field(place.clone(), "required", "a saved metric must have a name"))?;
        let id = names.saved_metrics.referred(name, &format!("{place}.name"))?;
        match (fields.get("metadata"), fields.get("type")) {
            (Some(_), Some(_)) => {
                Err(Error::invalid_field(place, "invalid", "give either the type or the metadata, which hold the type"))
            }
            (Some(metadata), None) => Ok(json!({"id": id, "metadata": metadata})),
            (None, Some(kind)) => Ok(json!({"id": id, "metadata": {"type": kind}})),
            (None, None) => Ok(json!({"id": id})),
        }
    };
    items.iter().enumerate().map(one).collect()
}

/// The error with its field inside `flag`.
fn in_flag(error: Error) -> Error {
    match error.kind() {
        crate::error::ErrorKind::Invalid { field, code, message } => {
            let field = field.as_ref().map_or_else(|| "flag".to_owned(), |field| format!("flag.{field}"));
            error.hints().iter().cloned().fold(Error::invalid_field(field, code, message), Error::hint)
        }
        _ => error,
    }
}
