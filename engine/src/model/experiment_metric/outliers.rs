//! Clamping of extreme values (M-23).

use serde::Serialize;

use crate::error::Result;
use crate::model::fields::{Fields, invalid};

/// Between which percentiles of all units the values are clamped (M-23). Nobody is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Outliers {
    /// Values below this percentile, 0 to 1, are raised to it.
    pub lower_percentile: Option<f64>,
    /// Values above this percentile, 0 to 1, are lowered to it.
    pub upper_percentile: Option<f64>,
    /// Whether units with the value 0 are left out where the upper percentile is found.
    pub ignore_zeros: bool,
    /// How a percentile between two values is found.
    pub method: PercentileMethod,
}

/// How a percentile that falls between two values is found (M-23).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PercentileMethod {
    /// Between the neighbours of position `q * (n - 1)`, in proportion.
    #[default]
    Linear,
    /// The element with number `floor(q * n)`.
    Exact,
}

/// The keys of clamping.
pub(super) const KEYS: [&str; 4] =
    ["lower_bound_percentile", "upper_bound_percentile", "ignore_zeros", "percentile_method"];

impl Outliers {
    pub(in crate::model) fn read(fields: &Fields<'_>) -> Result<Self> {
        let lower_percentile = fields.number(KEYS[0], 0.0, 1.0)?;
        let upper_percentile = fields.number(KEYS[1], 0.0, 1.0)?;
        if let (Some(lower), Some(upper)) = (lower_percentile, upper_percentile)
            && lower > upper
        {
            return Err(invalid(
                &fields.at(KEYS[0]),
                format!("must not be above the upper percentile {upper}, but is {lower}"),
            ));
        }
        let methods = [("linear", PercentileMethod::Linear), ("exact", PercentileMethod::Exact)];
        let method = fields.choice(KEYS[3], &methods)?.unwrap_or_default();
        Ok(Self { lower_percentile, upper_percentile, ignore_zeros: fields.boolean(KEYS[2])?, method })
    }

    /// Whether any value may be changed.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.lower_percentile.is_some() || self.upper_percentile.is_some()
    }
}
