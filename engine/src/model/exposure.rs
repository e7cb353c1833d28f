//! Exposures of an experiment's own: `parameters.custom_exposure_filter` (query rule Q-X4).

use serde_json::{Map, Value};

use super::entity::{Entity, entities_with_math, known_keys, test_accounts, unsupported};
use super::experiment::Experiment;
use super::math::{Math, Statistic};
use crate::error::{Error, Result};

/// Where the definition stands in an experiment.
pub(crate) const FIELD: &str = "parameters.custom_exposure_filter";

/// What counts as being exposed, in place of the flag's own events.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomExposure {
    /// The events that say so.
    pub entity: Entity,
    /// What is counted of them: events, unique persons, groups or sessions, or the sum of a property.
    pub math: Math,
    /// Whether the lab's test accounts are left out; apart from the metric's own setting (Q-X4).
    pub filter_test_accounts: bool,
}

/// What exposures can be counted in, for messages.
const AMOUNTS: &str = "total, dau, unique_group, unique_session, sum";

/// Keys that are read, and keys that change nothing here, since the experiment replaces them (Q-X4).
const KEYS: [&str; 15] = [
    "actions",
    "events",
    "filter_test_accounts",
    "breakdown",
    "breakdown_type",
    "date_from",
    "date_to",
    "display",
    "entity_type",
    "explicit_date",
    "insight",
    "interval",
    "layout",
    "properties",
    "shown_as",
];

impl Experiment {
    /// The definition of the experiment's own exposure as the client gave it, if there is one.
    ///
    /// # Errors
    /// `Invalid` when it is not an object, or names no event and no action (B-26).
    pub fn custom_exposure_filter(&self) -> Result<Option<&Map<String, Value>>> {
        let parameters = self.parameters.as_ref();
        let definition = match parameters.and_then(|parameters| parameters.get("custom_exposure_filter")) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(definition)) => definition,
            Some(_) => {
                return Err(Error::invalid_field(FIELD, "invalid_input", "the custom exposure must be an object"));
            }
        };
        let is_given = |list: &str| {
            !matches!(definition.get(list), None | Some(Value::Null)) && definition[list] != Value::Array(Vec::new())
        };
        if !is_given("events") && !is_given("actions") {
            return Err(Error::invalid_field(FIELD, "invalid_input", "the custom exposure names no event").hint(
                "give `events` a list with {\"id\": \"event name\"}, or leave it out to use the default exposure",
            ));
        }
        Ok(Some(definition))
    }

    /// The experiment's own exposure, if it has one.
    ///
    /// # Errors
    /// `Invalid` when it is malformed, names no event (B-26), or asks for what is not built: several events, or a math that
    /// is no amount, such as a median.
    pub fn custom_exposure(&self) -> Result<Option<CustomExposure>> {
        match self.custom_exposure_filter()? {
            None => Ok(None),
            Some(definition) => CustomExposure::read(definition, FIELD),
        }
    }
}

impl CustomExposure {
    /// Reads a definition that stands at `field`; `None` when it names no event.
    pub(super) fn read(definition: &Map<String, Value>, field: &str) -> Result<Option<Self>> {
        if let Some(key) = definition.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(Error::invalid_field(
                field,
                "invalid_input",
                format!("unknown key '{key}' in the custom exposure"),
            )
            .hint(known_keys(key, &KEYS[..3])));
        }
        let mut entities = entities_with_math(definition, field)?;
        if entities.len() > 1 {
            return Err(unsupported(field, "a custom exposure of several events", "one event or action"));
        }
        let filter_test_accounts = test_accounts(definition, field)?;
        let Some((entity, math)) = entities.pop() else { return Ok(None) };
        match math {
            Math::Numbers { statistic: Statistic::Sum, .. }
            | Math::Total
            | Math::UniquePersons
            | Math::UniqueGroups { .. }
            | Math::UniqueSessions => Ok(Some(CustomExposure { entity, math, filter_test_accounts })),
            Math::Numbers { .. } | Math::PerPerson(_) => {
                Err(unsupported(field, "a custom exposure by a statistic of single intervals", AMOUNTS))
            }
        }
    }
}
