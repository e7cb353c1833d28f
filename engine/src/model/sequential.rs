//! How a metric is looked at more than once: the sequential method of an experiment or of one of its metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fields::{Fields, invalid};
use crate::error::Result;

/// Which answer decides while an experiment runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum SequentialMethod {
    /// The asymptotic confidence sequence, which every comparison has.
    #[default]
    Asymptotic,
    /// Exact bets against equal shares; of metrics whose units did something or did not.
    Betting,
    /// The mixture sequential probability ratio test.
    Mixture {
        /// The variance of the differences that are expected, around 0, in the square of the metric's unit.
        mixing_variance: f64,
    },
    /// A planned number of looks.
    GroupSequential {
        /// How the error rate is spent over the looks.
        spending: Spending,
        /// The shares of the planned units at which one looks, increasing to 1; none where no looks are planned.
        looks: Vec<f64>,
        /// The units of all variants together at the last look.
        planned_units: Option<f64>,
    },
}

/// How the error rate is spent over planned looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spending {
    /// The same bar at every look.
    Pocock,
    /// A bar that falls with the square root of the information: hardly anything is spent early.
    ObrienFleming,
    /// A spending function close to O'Brien and Fleming's, for looks at any time.
    LanDemetsObrienFleming,
    /// A spending function close to Pocock's.
    LanDemetsPocock,
}

/// How the comparisons of the metrics of one role are held together in a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FamilyCorrection {
    /// No false rejection at all with the error rate: from the smallest p-value on.
    #[default]
    Holm,
    /// The same promise, each test at its share of the error rate.
    Bonferroni,
    /// The expected share of false rejections, for tests that are independent or depend positively.
    BenjaminiHochberg,
    /// The same for tests of any dependence.
    BenjaminiYekutieli,
    /// The same from e-values, for tests of any dependence and at any time.
    EBenjaminiHochberg,
}

/// The most planned looks.
const LOOKS_MAX: i64 = 50;
/// The least distance of two looks, as a share of the planned units.
const LOOKS_APART: f64 = 0.001;
/// Where an experiment says how many units it needs, if its sequential method does not.
const RECOMMENDED: &str = "recommended_sample_size";

const METHODS: [(&str, Named); 4] = [
    ("asymptotic", Named::Asymptotic),
    ("betting", Named::Betting),
    ("mixture", Named::Mixture),
    ("group_sequential", Named::GroupSequential),
];

const SPENDINGS: [(&str, Spending); 4] = [
    ("pocock", Spending::Pocock),
    ("obrien_fleming", Spending::ObrienFleming),
    ("lan_demets_obrien_fleming", Spending::LanDemetsObrienFleming),
    ("lan_demets_pocock", Spending::LanDemetsPocock),
];

#[derive(Clone, Copy)]
enum Named {
    Asymptotic,
    Betting,
    Mixture,
    GroupSequential,
}

impl SequentialMethod {
    /// Reads `{"method": …}` with the settings of that method.
    ///
    /// # Errors
    /// `Invalid` for an unknown method, a setting of another method, or one out of range.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self> {
        // A misspelt name is told before it is missed.
        fields.refuse_unknown(&["method", "mixing_variance", "spending", "looks", "planned_units"])?;
        let missing = || {
            let names = METHODS.map(|(name, _)| name).join(", ");
            invalid(&fields.at("method"), "is missing").hint(format!("name one of {names}"))
        };
        let method = fields.choice("method", &METHODS)?.ok_or_else(missing)?;
        let known: &[&str] = match method {
            Named::Asymptotic | Named::Betting => &["method"],
            Named::Mixture => &["method", "mixing_variance"],
            Named::GroupSequential => &["method", "spending", "looks", "planned_units"],
        };
        fields.refuse_unknown(known)?;
        Ok(match method {
            Named::Asymptotic => Self::Asymptotic,
            Named::Betting => Self::Betting,
            Named::Mixture => Self::Mixture { mixing_variance: mixing_variance(fields)? },
            Named::GroupSequential => Self::GroupSequential {
                spending: fields.choice("spending", &SPENDINGS)?.unwrap_or(Spending::LanDemetsObrienFleming),
                looks: looks(fields)?,
                planned_units: fields.number("planned_units", 2.0, 1e15)?,
            },
        })
    }

    /// With the number of units that the experiment's parameters recommend, where none are planned otherwise.
    #[must_use]
    pub fn planned_by(self, parameters: Option<&Map<String, Value>>) -> Self {
        let recommended = || parameters?.get(RECOMMENDED)?.as_f64().filter(|units| *units >= 2.0);
        match self {
            Self::GroupSequential { spending, looks, planned_units } => {
                Self::GroupSequential { spending, looks, planned_units: planned_units.or_else(recommended) }
            }
            other => other,
        }
    }

    /// Whether it is the one that every comparison has.
    #[must_use]
    pub fn is_asymptotic(&self) -> bool {
        *self == Self::Asymptotic
    }
}

impl FamilyCorrection {
    /// The corrections by their names in a definition.
    pub(super) const NAMES: [(&'static str, Self); 5] = [
        ("holm", Self::Holm),
        ("bonferroni", Self::Bonferroni),
        ("benjamini_hochberg", Self::BenjaminiHochberg),
        ("benjamini_yekutieli", Self::BenjaminiYekutieli),
        ("e_benjamini_hochberg", Self::EBenjaminiHochberg),
    ];

    /// Whether it is the one that holds unless another is named.
    #[must_use]
    pub fn is_holm(&self) -> bool {
        *self == Self::Holm
    }
}

fn mixing_variance(fields: &Fields<'_>) -> Result<f64> {
    let variance = fields.number("mixing_variance", f64::MIN_POSITIVE, 1e300)?;
    variance.ok_or_else(|| {
        invalid(&fields.at("mixing_variance"), "is missing")
            .hint("the square of the difference that is expected, in the unit of the metric: 0.0001 for a share that moves by 1 %")
    })
}

/// A number of looks that are equally far apart, or the shares themselves.
fn looks(fields: &Fields<'_>) -> Result<Vec<f64>> {
    let Some(Value::Array(shares)) = fields.get("looks") else {
        let number = fields.integer("looks", 1, LOOKS_MAX)?.unwrap_or_default();
        let share = |look: i64| f64::from(u8::try_from(look).unwrap_or(u8::MAX));
        return Ok((1..=number).map(|look| share(look) / share(number)).collect());
    };
    let shares: Vec<f64> = shares.iter().filter_map(Value::as_f64).collect();
    let is_increasing = shares.windows(2).all(|pair| pair[1] - pair[0] >= LOOKS_APART);
    let fits = shares.first().is_some_and(|first| *first >= LOOKS_APART)
        && shares.last().is_some_and(|last| (last - 1.0).abs() < 1e-9)
        && i64::try_from(shares.len()).is_ok_and(|number| number <= LOOKS_MAX);
    if is_increasing && fits {
        return Ok(shares);
    }
    let message = format!(
        "must be a number from 1 to {LOOKS_MAX}, or as many shares of the planned units that increase to 1 by at least \
         {LOOKS_APART}"
    );
    Err(invalid(&fields.at("looks"), message))
}
