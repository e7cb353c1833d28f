//! How an experiment wants its numbers judged: `stats_config` (reference statistics, sections 1 and 10.2).

use serde::Serialize;
use serde_json::Value;

use super::entity::invalid;
use super::experiment::Experiment;
use super::fields::Fields;
use super::sequential::{FamilyCorrection, SequentialMethod};
use crate::error::Result;

/// How the numbers of an experiment's metrics are judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatsConfig {
    /// The compatible statistics of trends and funnels.
    pub generation: Generation,
    /// Whether funnels of the second generation are judged by its short-lived test of two proportions.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interim_funnel: bool,
    /// The two-sided error rate of intervals and tests of modern metrics.
    pub alpha: f64,
    /// The number of units of two variants at which the anytime-valid interval is narrowest.
    pub tuning_units: f64,
    /// A compatible method of modern metrics, whose answer is given besides the engine's own.
    pub method: Option<Method>,
    /// The variant that the others of a modern metric are compared with.
    pub baseline: String,
    /// Which answer decides about modern metrics while the experiment runs.
    #[serde(skip_serializing_if = "SequentialMethod::is_asymptotic")]
    pub sequential: SequentialMethod,
    /// How the metrics of one role are held together in a decision.
    #[serde(skip_serializing_if = "FamilyCorrection::is_holm")]
    pub correction: FamilyCorrection,
}

/// A generation of the compatible statistics of trends and funnels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Generation {
    /// Version 1.
    #[default]
    First,
    /// Version 2.
    Second,
}

/// A compatible method of modern metrics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Welch's test.
    Frequentist {
        /// Whether differences are shares of the baseline.
        is_relative: bool,
    },
    /// A confidence sequence.
    Sequential {
        /// Whether differences are shares of the baseline.
        is_relative: bool,
    },
    /// A Gaussian posterior of the difference.
    Bayesian {
        /// Whether differences are shares of the baseline.
        is_relative: bool,
        /// The probability of the interval.
        ci_level: f64,
        /// What is known of the difference before: mean and variance; nothing without it.
        prior: Option<(f64, f64)>,
    },
}

/// The variant that all others are compared with, unless an experiment names another.
pub const BASELINE: &str = "control";

/// Where the baseline is named, for messages.
pub(crate) const BASELINE_FIELD: &str = "stats_config.baseline_variant_key";

const PLACE: &str = "stats_config";
/// What an experiment can say.
const KEYS: [&str; 9] = [
    "version",
    "funnel",
    "method",
    "frequentist",
    "bayesian",
    "cuped",
    "baseline_variant_key",
    "sequential",
    "correction",
];
const ALPHA: f64 = 0.05;
const CI_LEVEL: f64 = 0.95;
const TUNING_UNITS: f64 = 5000.0;

impl Default for StatsConfig {
    /// First generation; 5 %, narrowest at 5000 units; no compatible method besides; `control` is the baseline.
    fn default() -> Self {
        Self {
            generation: Generation::First,
            interim_funnel: false,
            alpha: ALPHA,
            tuning_units: TUNING_UNITS,
            method: None,
            baseline: BASELINE.to_owned(),
            sequential: SequentialMethod::Asymptotic,
            correction: FamilyCorrection::Holm,
        }
    }
}

impl StatsConfig {
    /// What an experiment says.
    ///
    /// The reference turns settings it does not understand into defaults without a word; here they are refused.
    ///
    /// # Errors
    /// `Invalid` when `stats_config` has unknown keys or a setting is out of range.
    pub fn of(experiment: &Experiment) -> Result<Self> {
        let fields = Fields { map: &experiment.stats_config, place: PLACE.to_owned() };
        fields.refuse_unknown(&KEYS)?;
        let baseline = fields.text("baseline_variant_key")?.unwrap_or_else(|| BASELINE.to_owned());
        let generation = match fields.integer("version", 1, 2)? {
            Some(2) => Generation::Second,
            _ => Generation::First,
        };
        let (frequentist, bayesian) = (fields.object("frequentist")?, fields.object("bayesian")?);
        let frequentist = frequentist.map(|fields| Frequentist::of(&fields)).transpose()?.unwrap_or_default();
        let bayesian = bayesian.map(|fields| bayesian_method(&fields)).transpose()?;
        let methods = [("frequentist", true), ("bayesian", false)];
        let method = match fields.choice("method", &methods)? {
            None => None,
            Some(true) => Some(frequentist.method()),
            Some(false) => {
                let default = Method::Bayesian { is_relative: true, ci_level: CI_LEVEL, prior: None };
                Some(bayesian.unwrap_or(default))
            }
        };
        let (alpha, tuning_units) = (frequentist.alpha, frequentist.tuning_units);
        let (sequential, correction) = sequential(&fields, experiment)?;
        let interim_funnel = interim_funnel(&fields, generation)?;
        Ok(Self { generation, interim_funnel, alpha, tuning_units, method, baseline, sequential, correction })
    }
}

struct Frequentist {
    alpha: f64,
    tuning_units: f64,
    is_relative: bool,
    is_sequential: bool,
}

impl Default for Frequentist {
    fn default() -> Self {
        Self { alpha: ALPHA, tuning_units: TUNING_UNITS, is_relative: true, is_sequential: false }
    }
}

impl Frequentist {
    fn of(fields: &Fields<'_>) -> Result<Self> {
        let known = ["alpha", "difference_type", "sequential_testing_enabled", "sequential_tuning_parameter"];
        fields.refuse_unknown(&known)?;
        Ok(Self {
            alpha: rate(fields, "alpha")?.unwrap_or(ALPHA),
            tuning_units: fields.number("sequential_tuning_parameter", 1.0, 1e12)?.unwrap_or(TUNING_UNITS),
            is_relative: is_relative(fields)?,
            is_sequential: fields.boolean("sequential_testing_enabled")?,
        })
    }

    fn method(&self) -> Method {
        let is_relative = self.is_relative;
        if self.is_sequential { Method::Sequential { is_relative } } else { Method::Frequentist { is_relative } }
    }
}

/// `{"version": 2, "funnel": "interim_frequentist"}` (reference statistics, section 9).
fn interim_funnel(fields: &Fields<'_>, generation: Generation) -> Result<bool> {
    let is_interim = fields.choice("funnel", &[("bayesian", false), ("interim_frequentist", true)])?.unwrap_or(false);
    if is_interim && generation == Generation::First {
        return Err(invalid(&fields.at("funnel"), "is a method of version 2 only").hint("set version to 2"));
    }
    Ok(is_interim)
}

/// The method that decides, and how the metrics are held together.
fn sequential(fields: &Fields<'_>, experiment: &Experiment) -> Result<(SequentialMethod, FamilyCorrection)> {
    let method = fields.object("sequential")?.map(|fields| SequentialMethod::read(&fields)).transpose()?;
    let correction = fields.choice("correction", &FamilyCorrection::NAMES)?;
    let method = method.unwrap_or_default().planned_by(experiment.parameters.as_ref());
    Ok((method, correction.unwrap_or_default()))
}

/// `prior_type` is the reference's word for the scale of a prior and has no effect on any formula there (section 10.2).
fn bayesian_method(fields: &Fields<'_>) -> Result<Method> {
    fields.refuse_unknown(&["ci_level", "difference_type", "prior_type", "prior"])?;
    fields.text("prior_type")?;
    let prior = match fields.object("prior")? {
        None => None,
        Some(prior) => {
            prior.refuse_unknown(&["mean", "variance"])?;
            let mean = prior.number("mean", -1e300, 1e300)?.unwrap_or(0.0);
            let variance = prior.number("variance", f64::MIN_POSITIVE, 1e300)?;
            Some((mean, variance.ok_or_else(|| invalid(&prior.at("variance"), "is missing"))?))
        }
    };
    let ci_level = rate(fields, "ci_level")?.unwrap_or(CI_LEVEL);
    Ok(Method::Bayesian { is_relative: is_relative(fields)?, ci_level, prior })
}

/// A number strictly between 0 and 1.
fn rate(fields: &Fields<'_>, key: &str) -> Result<Option<f64>> {
    match fields.get(key).map(|value| (value, value.as_f64())) {
        None => Ok(None),
        Some((_, Some(rate))) if rate > 0.0 && rate < 1.0 => Ok(Some(rate)),
        Some((value, _)) => Err(invalid(&fields.at(key), format!("must lie strictly between 0 and 1, not {value}"))),
    }
}

fn is_relative(fields: &Fields<'_>) -> Result<bool> {
    let types = [("relative", true), ("absolute", false), ("RELATIVE", true), ("ABSOLUTE", false)];
    match fields.get("difference_type") {
        None => Ok(true),
        Some(Value::String(_)) => Ok(fields.choice("difference_type", &types)?.unwrap_or(true)),
        Some(other) => Err(invalid(&fields.at("difference_type"), format!("must be a text, not {other}"))),
    }
}
