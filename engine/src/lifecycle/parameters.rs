//! What an experiment's parameters say about its flag (1.2).

use serde_json::{Map, Value};

use super::variants::{check_variants, read_variants};
use crate::error::{Error, Result};
use crate::model::flag::{FlagFilters, Variant};
use crate::model::suggest::closest;

/// Group types are numbered from 0 to this (1.2).
const GROUP_TYPE_INDEX_MAX: u8 = 4;

/// The keys of `parameters` that mean something (1.2).
const PARAMETERS: [&str; 6] = [
    "minimum_detectable_effect",
    "recommended_running_time",
    "recommended_sample_size",
    "feature_flag_variants",
    "aggregation_group_type_index",
    "custom_exposure_filter",
];

const GROUP_TYPE_INDEX: &str = "aggregation_group_type_index";

/// What the parameters change of a flag; what they do not name stays (B-15).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FlagChanges {
    variants: Option<Vec<Variant>>,
    group_type_index: Option<Option<u8>>,
}

impl FlagChanges {
    pub(super) fn apply(self, filters: &mut FlagFilters) {
        if let Some(variants) = self.variants {
            filters.multivariate.get_or_insert_default().variants = variants;
        }
        if let Some(index) = self.group_type_index {
            filters.aggregation_group_type_index = index;
        }
    }
}

/// Reads what the parameters say about the flag.
pub(super) fn flag_changes(parameters: &Map<String, Value>) -> Result<FlagChanges> {
    let group_type_index = match parameters.get(GROUP_TYPE_INDEX) {
        None => None,
        Some(index) => Some(group_type_index(index)?),
    };
    Ok(FlagChanges { variants: given_variants(Some(parameters))?, group_type_index })
}

/// The variants that the parameters give, checked; none when they give none (L-3).
pub(super) fn given_variants(parameters: Option<&Map<String, Value>>) -> Result<Option<Vec<Variant>>> {
    let variants = named_variants(parameters)?;
    if let Some(variants) = &variants {
        check_variants(variants, "parameters")?;
    }
    Ok(variants)
}

/// The variants that the parameters give, one of them control (V-3), with whatever shares.
pub(super) fn named_variants(parameters: Option<&Map<String, Value>>) -> Result<Option<Vec<Variant>>> {
    let Some(variants) = parameters.and_then(|parameters| parameters.get("feature_flag_variants")) else {
        return Ok(None);
    };
    let variants = read_variants("parameters", variants)?;
    if variants.is_empty() {
        return Ok(None);
    }
    if !variants.iter().any(|variant| variant.key == "control") {
        let message = "Feature flag variants must contain a control variant";
        return Err(Error::invalid_field("parameters", "invalid_input", message));
    }
    Ok(Some(variants))
}

/// Unknown parameters are kept as they are (1.2), but one that is nearly a known one is a slip: a misspelt
/// `feature_flag_variants` would quietly make an experiment with the default variants.
pub(super) fn refuse_misspelt_parameters(parameters: &Map<String, Value>) -> Result<()> {
    for key in parameters.keys().filter(|key| !PARAMETERS.contains(&key.as_str())) {
        if let Some(meant) = closest(key, PARAMETERS) {
            let message = format!("unknown parameter '{key}'");
            return Err(
                Error::invalid_field("parameters", "unknown_field", message).hint(format!("did you mean '{meant}'?"))
            );
        }
    }
    Ok(())
}

/// The group type that is assigned together; only `parameters` can name it (L-4).
fn group_type_index(index: &Value) -> Result<Option<u8>> {
    if index.is_null() {
        return Ok(None);
    }
    let number = index.as_u64().and_then(|index| u8::try_from(index).ok());
    let number = number.filter(|number| *number <= GROUP_TYPE_INDEX_MAX).ok_or_else(|| {
        let message = format!("{GROUP_TYPE_INDEX} must be a whole number from 0 to {GROUP_TYPE_INDEX_MAX}");
        Error::invalid_field("parameters", "invalid_input", message)
    })?;
    Ok(Some(number))
}
