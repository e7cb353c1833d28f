//! What counts as being exposed: one definition for results, listings and sizes (Q-X1, Q-X4, B-27).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::experiment::Experiment;
use crate::model::exposure::{CustomExposure, FIELD};
use crate::model::filter::Filter;
use crate::plan::{Condition, EventMatch, Library, Population};

/// What counts as being exposed to a variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exposure {
    /// The events that say so.
    pub matching: EventMatch,
    /// The property of such an event that names the variant.
    pub variant_property: String,
    /// What is counted of them.
    pub unit: ExposureUnit,
    /// What every such event must pass, from the lab's test-account filters (Q-X5, Q-P20).
    pub filter: Condition,
}

/// What an exposure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExposureUnit {
    /// Distinct persons (Q-X1).
    Persons,
    /// Events (Q-X4).
    Events,
}

impl Exposure {
    /// The exposure of an experiment: its own, else the flag's (Q-X1).
    pub(super) fn new(experiment: &Experiment, population: &Population, library: &Library) -> Result<Self> {
        match experiment.custom_exposure()? {
            None => Ok(Self::of_flag(population)),
            Some(custom) => Self::custom(&custom, population, library),
        }
    }

    /// The persons that the flag answered with a variant; the metric's test-account filter applies to them as well (Q-X5).
    fn of_flag(population: &Population) -> Self {
        let is_flag = Condition::property_is("$feature_flag", &population.feature_flag_key);
        Self {
            matching: EventMatch::event(Some("$feature_flag_called"), is_flag),
            variant_property: "$feature_flag_response".to_owned(),
            unit: ExposureUnit::Persons,
            filter: population.filter.clone(),
        }
    }

    fn custom(custom: &CustomExposure, population: &Population, library: &Library) -> Result<Self> {
        let matching = EventMatch::of(&custom.entity, library)?.ok_or_else(|| {
            Error::invalid_field(FIELD, "does_not_exist", "the action of the custom exposure does not exist")
                .hint("create it, or choose another event for the exposure")
        })?;
        Ok(Self {
            matching,
            variant_property: population.variant_property(),
            unit: ExposureUnit::Events,
            filter: test_accounts(custom.filter_test_accounts, library)?,
        })
    }
}

/// What leaves out the lab's test accounts, if that is asked for (Q-P20).
pub(super) fn test_accounts(filter_test_accounts: bool, library: &Library) -> Result<Condition> {
    if !filter_test_accounts {
        return Ok(Condition::EVERYTHING);
    }
    let filters = Value::Array(library.settings.test_account_filters.clone());
    Condition::of(&Filter::parse(&filters, "test_account_filters")?, library)
}
