//! Who counts as exposed in modern metrics (query rules M-10 to M-15), and the experiment's settings for them.

use serde::Serialize;
use serde_json::{Map, Value};

use super::cuped::Cuped;
use super::entity::{Entity, EntitySource};
use super::experiment::Experiment;
use super::filter::Filter;
use crate::error::Result;
use crate::model::fields::{Fields, invalid};

/// What counts as an exposure, and which exposed units count.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureCriteria {
    /// What says that a unit was exposed (M-10).
    pub config: ExposureConfig,
    /// What becomes of units that were exposed to several variants (M-13).
    pub several_variants: SeveralVariants,
    /// Whether the lab's test accounts are left out, of metric events too (M-11).
    pub filter_test_accounts: bool,
    /// Whether only units count whose window has passed (M-15).
    pub only_count_matured_users: bool,
    /// Variants that are left out of results (M-3).
    pub excluded_variants: Vec<String>,
}

/// What says that a unit was exposed (M-10).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ExposureConfig {
    /// The flag's own `$feature_flag_called` events.
    #[default]
    Flag,
    /// Other events; the variant is in their `$feature/<key>`.
    Custom(Entity),
}

/// What becomes of units that were exposed to several variants (M-13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeveralVariants {
    /// They are left out.
    #[default]
    Exclude,
    /// They belong to the variant of their earliest exposure.
    FirstSeen,
}

/// Where the criteria stand in an experiment.
const FIELD: &str = "exposure_criteria";

impl ExposureConfig {
    /// The events by which people come into an experiment that does not exist yet: `{"event": NAME}` or an action, with filters.
    ///
    /// # Errors
    /// `Invalid` when it is malformed or has unknown keys.
    pub fn read(exposure: &Map<String, Value>) -> Result<Self> {
        config(&Fields { map: exposure, place: "exposure".to_owned() })
    }
}

impl ExposureCriteria {
    /// The criteria of an experiment.
    ///
    /// # Errors
    /// `Invalid` when they are malformed or have unknown keys.
    pub fn of(experiment: &Experiment) -> Result<Self> {
        let none = Map::new();
        let fields = Fields { map: experiment.exposure_criteria.as_ref().unwrap_or(&none), place: FIELD.to_owned() };
        fields.refuse_unknown(&["exposure_config", "multiple_variant_handling", "filterTestAccounts"])?;
        let handlings = [("exclude", SeveralVariants::Exclude), ("first_seen", SeveralVariants::FirstSeen)];
        Ok(Self {
            config: fields.object("exposure_config")?.map(|fields| config(&fields)).transpose()?.unwrap_or_default(),
            several_variants: fields.choice("multiple_variant_handling", &handlings)?.unwrap_or_default(),
            filter_test_accounts: fields.boolean("filterTestAccounts")?,
            only_count_matured_users: experiment.only_count_matured_users,
            excluded_variants: excluded_variants(experiment)?,
        })
    }
}

impl Experiment {
    /// How many days before the first exposure the covariate reaches back; `None` when there is none (M-61).
    ///
    /// The days are kept within 1 to 30; what is no number means 14.
    ///
    /// # Errors
    /// `Invalid` when `stats_config.cuped` is malformed.
    pub fn covariate_lookback_days(&self) -> Result<Option<i64>> {
        let fields = Fields { map: &self.stats_config, place: "stats_config".to_owned() };
        let cuped = fields.object("cuped")?.map(|fields| Cuped::read(&fields)).transpose()?;
        Ok(cuped.and_then(Cuped::days))
    }
}

fn config(fields: &Fields<'_>) -> Result<ExposureConfig> {
    fields.refuse_unknown(&["kind", "event", "id", "name", "custom_name", "properties"])?;
    let kinds = [("ExperimentEventExposureConfig", false), ("EventsNode", false), ("ActionsNode", true)];
    let is_action =
        fields.choice("kind", &kinds)?.unwrap_or(fields.get("event").is_none() && fields.get("id").is_some());
    let source = if is_action {
        let id = fields.integer("id", 1, i64::MAX)?;
        EntitySource::Action(id.ok_or_else(|| invalid(&fields.at("id"), "an action is named by its number"))?)
    } else {
        EntitySource::Event(fields.required_text("event")?)
    };
    let filter = Filter::parse(fields.get("properties").unwrap_or(&Value::Null), &fields.at("properties"))?;
    let is_flags_own = source == EntitySource::Event("$feature_flag_called".to_owned()) && filter.is_everything();
    if is_flags_own {
        return Ok(ExposureConfig::Flag);
    }
    Ok(ExposureConfig::Custom(Entity { source, filter, custom_name: None }))
}

/// `parameters.excluded_variants` (M-3).
fn excluded_variants(experiment: &Experiment) -> Result<Vec<String>> {
    let field = "parameters.excluded_variants";
    match experiment.parameters.as_ref().and_then(|parameters| parameters.get("excluded_variants")) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(keys)) => keys
            .iter()
            .map(|key| key.as_str().map(ToOwned::to_owned).ok_or_else(|| invalid(field, format!("{key} is no key"))))
            .collect(),
        Some(other) => Err(invalid(field, format!("must be a list of variant keys, not {other}"))),
    }
}
