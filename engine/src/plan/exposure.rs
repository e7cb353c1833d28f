//! What counts as being exposed: one definition for results, listings and sizes (Q-X1, Q-X4, B-27).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::exposure::{CustomExposure, FIELD};
use crate::model::filter::Filter;
use crate::model::metric::{TrendMetric, TrendSource};
use crate::plan::{Condition, Counting, EventMatch, Library, Population, TrendValue, Unit};

/// What counts as being exposed to a variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exposure {
    /// The events that say so.
    pub matching: EventMatch,
    /// The property of such an event that names the variant.
    pub variant_property: String,
    /// What is counted of them.
    pub counting: Counting,
    /// Where the definition comes from.
    pub origin: ExposureOrigin,
    /// What every such event must pass, from the lab's test-account filters (Q-X5, Q-P20).
    pub filter: Condition,
}

/// Where the definition of an exposure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposureOrigin {
    /// The flag's own events (Q-X1).
    Flag,
    /// The experiment's definition (Q-X4).
    Custom,
    /// The events of the metric themselves (Q-X7).
    Metric,
}

/// What an exposure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExposureUnit {
    /// Distinct persons (Q-X1).
    Persons,
    /// Distinct ids, whoever's they are, where the lab counts these instead of persons.
    DistinctIds,
    /// Distinct groups (Q-X4).
    Groups,
    /// Distinct sessions (Q-X4).
    Sessions,
    /// Distinct values of an expression.
    Values,
    /// Events (Q-X4).
    Events,
    /// The sum of a property of events (Q-X4).
    Sum,
}

impl Exposure {
    /// What a trend is compared with: for statistics of single intervals the units of its own events (Q-X7), else the
    /// experiment's exposure.
    pub(super) fn of_trend(
        metric: &TrendMetric,
        custom: Option<&CustomExposure>,
        population: &Population,
        library: &Library,
    ) -> Result<Self> {
        match (TrendValue::of(&metric.math, &population.unit), &metric.counted) {
            (TrendValue::Cumulative(_), _) | (_, TrendSource::Rows(_)) => {
                Self::of_experiment(custom, population, library)
            }
            (TrendValue::PerInterval(_), TrendSource::Events(entity)) => Ok(Self {
                matching: EventMatch::of(entity, library)?.unwrap_or(EventMatch::NOTHING),
                variant_property: population.variant_property(),
                counting: Counting::Units(population.unit.clone()),
                origin: ExposureOrigin::Metric,
                filter: population.filter.clone(),
            }),
        }
    }

    /// The exposure of an experiment: its own, else the flag's (Q-X1).
    pub(super) fn of_experiment(
        custom: Option<&CustomExposure>,
        population: &Population,
        library: &Library,
    ) -> Result<Self> {
        match custom {
            None => Ok(Self::of_flag(population)),
            Some(custom) => Self::custom(custom, population, library),
        }
    }

    /// The persons that the flag answered with a variant; the metric's test-account filter applies to them as well (Q-X5).
    pub(super) fn of_flag(population: &Population) -> Self {
        let is_flag = Condition::property_is("$feature_flag", &population.feature_flag_key);
        Self {
            matching: EventMatch::event(Some("$feature_flag_called"), is_flag),
            variant_property: "$feature_flag_response".to_owned(),
            counting: Counting::Units(population.unit.clone()),
            origin: ExposureOrigin::Flag,
            filter: population.filter.clone(),
        }
    }

    fn custom(custom: &CustomExposure, population: &Population, library: &Library) -> Result<Self> {
        let matching = EventMatch::of(&custom.entity, library)?.ok_or_else(|| {
            Error::invalid_field(FIELD, "does_not_exist", "the action of the custom exposure does not exist")
                .hint("create it, or choose another event for the exposure")
        })?;
        let TrendValue::Cumulative(counting) = TrendValue::of(&custom.math, &population.unit) else {
            return Err(Error::bug("a custom exposure is an amount"));
        };
        Ok(Self {
            matching,
            variant_property: population.variant_property(),
            counting,
            origin: ExposureOrigin::Custom,
            filter: test_accounts(custom.filter_test_accounts, library)?,
        })
    }

    /// What the exposure is counted in.
    #[must_use]
    pub fn unit(&self) -> ExposureUnit {
        match &self.counting {
            Counting::Events => ExposureUnit::Events,
            Counting::Sum(_) => ExposureUnit::Sum,
            Counting::Units(Unit::Person) => ExposureUnit::Persons,
            Counting::Units(Unit::DistinctId) => ExposureUnit::DistinctIds,
            Counting::Units(Unit::Group { .. }) => ExposureUnit::Groups,
            Counting::Units(Unit::Session) => ExposureUnit::Sessions,
            Counting::Units(Unit::Expression(_)) => ExposureUnit::Values,
        }
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
