//! What is believed of a metric before the data.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::fields::{Fields, invalid};
use crate::error::Result;

/// What is believed of each variant's value before the data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Prior {
    /// Of a share: Beta, as if so many units had converted, and so many not.
    Share {
        /// Units that converted, above 0.
        alpha: f64,
        /// Units that did not, above 0.
        beta: f64,
    },
    /// Of a mean: normal-inverse-gamma.
    Mean {
        /// The expected mean.
        mu: f64,
        /// How many units the knowledge of the mean is worth, above 0.
        kappa: f64,
        /// Half of how many units the knowledge of the variance is worth, above 0.5.
        alpha: f64,
        /// Half the sum of squares those units would have, above 0.
        beta: f64,
    },
    /// Of events per unit: Gamma, as if `rate` units had done it `shape` times together.
    Rate {
        /// Events, above 0.
        shape: f64,
        /// Units, above 0.
        rate: f64,
    },
}

impl Prior {
    /// Reads `{"alpha", "beta"}` for a share, `{"mu", "kappa", "alpha", "beta"}` for a mean, and `{"shape", "rate"}` for events per
    /// unit.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self> {
        let positive = |key: &str, above: f64| {
            let number = fields.number(key, above, 1e15)?.filter(|number| *number > above);
            number.ok_or_else(|| invalid(&fields.at(key), format!("is missing, or not above {above}")))
        };
        if fields.get("shape").is_some() || fields.get("rate").is_some() {
            fields.refuse_unknown(&["shape", "rate"])?;
            return Ok(Self::Rate { shape: positive("shape", 0.0)?, rate: positive("rate", 0.0)? });
        }
        if fields.get("mu").is_none() && fields.get("kappa").is_none() {
            fields.refuse_unknown(&["alpha", "beta"])?;
            return Ok(Self::Share { alpha: positive("alpha", 0.0)?, beta: positive("beta", 0.0)? });
        }
        fields.refuse_unknown(&["mu", "kappa", "alpha", "beta"])?;
        let mu = fields.number("mu", -1e300, 1e300)?.ok_or_else(|| invalid(&fields.at("mu"), "is missing"))?;
        Ok(Self::Mean {
            mu,
            kappa: positive("kappa", 0.0)?,
            alpha: positive("alpha", 0.5)?,
            beta: positive("beta", 0.0)?,
        })
    }

    /// As it stands in a metric.
    #[must_use]
    pub fn to_json(self) -> Map<String, Value> {
        let object = match self {
            Self::Share { alpha, beta } => json!({"alpha": alpha, "beta": beta}),
            Self::Mean { mu, kappa, alpha, beta } => json!({"mu": mu, "kappa": kappa, "alpha": alpha, "beta": beta}),
            Self::Rate { shape, rate } => json!({"shape": shape, "rate": rate}),
        };
        object.as_object().cloned().unwrap_or_default()
    }
}
