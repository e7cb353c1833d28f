//! The verdict on an experiment, and the ladder of checks that led to it.
//!
//! A ladder is climbed rung by rung; the first rung that fails names the verdict, and the rungs above it are listed as not
//! reached. Thresholds and codes are those of the reference statistics, section 2.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Fewest exposed units per arm.
pub const MINIMUM_EXPOSURE: f64 = 100.0;
/// Smallest winning probability of control, or of the test arms together.
pub const MINIMUM_WIN_PROBABILITY: f64 = 0.9;
/// A loss of this size or more is too high, in the unit of the metric.
pub const MAXIMUM_EXPECTED_LOSS: f64 = 0.01;
/// A p-value of this size or more is too high.
pub const P_VALUE_LEVEL: f64 = 0.05;
/// Most test arms beside control.
pub const MAXIMUM_TESTS: usize = 9;
/// The loss or p-value reported when the ladder ended before it was computed.
const NOT_COMPUTED: f64 = 1.0;

/// Whether an experiment is decided, and if not, what is missing (reference statistics, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignificanceCode {
    /// Every check passed.
    Significant,
    /// Some arm has fewer than 100 exposed units.
    NotEnoughExposure,
    /// Neither control nor the test arms together are best with a probability of 0.9.
    LowWinProbability,
    /// The better-looking arm would cost 0.01 or more on average.
    HighLoss,
    /// The p-value is 0.05 or more.
    #[serde(rename = "high_p_value")]
    HighPValue,
}

/// One check of a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Exposed units of the smallest test arm.
    TestExposure,
    /// Exposed units of control.
    ControlExposure,
    /// The larger of control's probability to be best and that of all test arms together.
    WinProbability,
    /// Expected loss of the better-looking arm.
    ExpectedLoss,
    /// P-value of control against the test arm with the most events.
    #[serde(rename = "p_value")]
    PValue,
}

/// One rung of the ladder: what was demanded, and what was observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// The check.
    pub rule: Rule,
    /// What the check demands, as a sentence for people.
    pub description: String,
    /// What was observed; absent when the rung was not reached.
    pub observed: Option<f64>,
    /// What the observation was compared with.
    pub threshold: f64,
    /// Whether the check passed; absent when the rung was not reached.
    pub passed: Option<bool>,
}

/// The verdict of a ladder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Significance {
    /// The verdict.
    pub code: SignificanceCode,
    /// Expected loss in the unit of the metric, 1 when the ladder ended below it; absent in families without a loss.
    pub expected_loss: Option<f64>,
    /// P-value, 1 when the ladder ended below it; absent in families without one.
    pub p_value: Option<f64>,
    /// Every rung, lowest first.
    pub ladder: Vec<Rung>,
}

/// Everything the compatible statistics say about one metric; arms in result order, control first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Probability of each arm to be the best of all.
    pub probabilities: Vec<(String, f64)>,
    /// Central 95 % interval of each arm's rate; empty when one cannot be computed.
    pub credible_intervals: Vec<(String, [f64; 2])>,
    /// The verdict and how it was reached.
    pub significance: Significance,
}

impl SignificanceCode {
    /// The machine-readable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Significant => "significant",
            Self::NotEnoughExposure => "not_enough_exposure",
            Self::LowWinProbability => "low_win_probability",
            Self::HighLoss => "high_loss",
            Self::HighPValue => "high_p_value",
        }
    }
}

impl Significance {
    /// Whether every check passed.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        self.code == SignificanceCode::Significant
    }
}

impl Rule {
    /// The machine-readable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TestExposure => "test_exposure",
            Self::ControlExposure => "control_exposure",
            Self::WinProbability => "win_probability",
            Self::ExpectedLoss => "expected_loss",
            Self::PValue => "p_value",
        }
    }

    /// What an observation is compared with.
    #[must_use]
    pub fn threshold(self) -> f64 {
        match self {
            Self::TestExposure | Self::ControlExposure => MINIMUM_EXPOSURE,
            Self::WinProbability => MINIMUM_WIN_PROBABILITY,
            Self::ExpectedLoss => MAXIMUM_EXPECTED_LOSS,
            Self::PValue => P_VALUE_LEVEL,
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::TestExposure => "every test arm has at least 100 exposed units",
            Self::ControlExposure => "control has at least 100 exposed units",
            Self::WinProbability => "control, or the test arms together, are best with a probability of at least 0.9",
            Self::ExpectedLoss => {
                "choosing the better of control and the best-looking test arm costs less than 0.01 of the metric on average"
            }
            Self::PValue => "control and the test arm with the most events differ with a p-value below 0.05",
        }
    }

    fn passes(self, observed: f64) -> bool {
        match self {
            Self::TestExposure | Self::ControlExposure | Self::WinProbability => observed >= self.threshold(),
            Self::ExpectedLoss | Self::PValue => observed < self.threshold(),
        }
    }

    fn verdict_when_failed(self) -> SignificanceCode {
        match self {
            Self::TestExposure | Self::ControlExposure => SignificanceCode::NotEnoughExposure,
            Self::WinProbability => SignificanceCode::LowWinProbability,
            Self::ExpectedLoss => SignificanceCode::HighLoss,
            Self::PValue => SignificanceCode::HighPValue,
        }
    }
}

/// A ladder while it is climbed.
pub(super) struct Ladder {
    rungs: Vec<Rung>,
    failed: Option<Rule>,
}

impl Ladder {
    /// The three rungs the ladders of the first generation begin with: exposures of the tests and of control, then
    /// probabilities (control first).
    pub(super) fn start(control_exposure: f64, test_exposures: &[f64], probabilities: &[f64]) -> Result<Self> {
        let (control_probability, tests) = split_probabilities(probabilities)?;
        let mut ladder = Self::of_exposures(control_exposure, test_exposures)?;
        // The reference compares the sum over the test arms, so that two good test arms need not beat each other.
        ladder.climb(Rule::WinProbability, || Ok(control_probability.max(tests.iter().sum())))?;
        Ok(ladder)
    }

    /// The same of the second generation, where any single probability is enough.
    pub(super) fn start_second(control_exposure: f64, test_exposures: &[f64], probabilities: &[f64]) -> Result<Self> {
        split_probabilities(probabilities)?;
        let mut ladder = Self::of_exposures(control_exposure, test_exposures)?;
        let largest = probabilities.iter().copied().fold(0.0, f64::max);
        ladder.climb_described(
            Rule::WinProbability,
            "the largest probability, of control to be best or of a test arm to beat it, is at least 0.9",
            || Ok(largest),
        )?;
        Ok(ladder)
    }

    /// As far as the short-lived test of two proportions of the second generation goes; its last rung is a p-value turned around.
    pub(super) fn start_interim(control_exposure: f64, test_exposures: &[f64], largest: f64) -> Result<Self> {
        let mut ladder = Self::of_exposures(control_exposure, test_exposures)?;
        let description = "1 minus the smallest p-value of a test arm and control is at least 0.9";
        ladder.climb_described(Rule::WinProbability, description, || Ok(largest))?;
        Ok(ladder)
    }

    fn of_exposures(control_exposure: f64, test_exposures: &[f64]) -> Result<Self> {
        let mut ladder = Self { rungs: Vec::with_capacity(4), failed: None };
        let fewest = test_exposures.iter().copied().reduce(f64::min).unwrap_or(control_exposure);
        ladder.climb(Rule::TestExposure, || Ok(fewest))?;
        ladder.climb(Rule::ControlExposure, || Ok(control_exposure))?;
        Ok(ladder)
    }

    /// Adds a rung, and observes it if all rungs below it passed.
    pub(super) fn climb(&mut self, rule: Rule, observe: impl FnOnce() -> Result<f64>) -> Result<()> {
        self.climb_described(rule, rule.description(), observe)
    }

    /// As [`Ladder::climb`], in the words of another generation.
    pub(super) fn climb_described(
        &mut self,
        rule: Rule,
        description: &str,
        observe: impl FnOnce() -> Result<f64>,
    ) -> Result<()> {
        let observed = if self.failed.is_none() { Some(observe()?) } else { None };
        let passed = observed.map(|value| rule.passes(value));
        if passed == Some(false) {
            self.failed = Some(rule);
        }
        self.rungs.push(Rung {
            rule,
            description: description.to_owned(),
            observed,
            threshold: rule.threshold(),
            passed,
        });
        Ok(())
    }

    /// The verdict, with the last rung's observation as the loss.
    pub(super) fn with_expected_loss(self) -> Significance {
        Significance { expected_loss: Some(self.last_observed()), ..self.finish() }
    }

    /// The verdict, with the last rung's observation as the p-value.
    pub(super) fn with_p_value(self) -> Significance {
        Significance { p_value: Some(self.last_observed()), ..self.finish() }
    }

    fn last_observed(&self) -> f64 {
        self.rungs.last().and_then(|rung| rung.observed).unwrap_or(NOT_COMPUTED)
    }

    fn finish(self) -> Significance {
        let code = self.failed.map_or(SignificanceCode::Significant, Rule::verdict_when_failed);
        Significance { code, expected_loss: None, p_value: None, ladder: self.rungs }
    }
}

/// The control arm, or `no_data`.
pub(super) fn require_control<Arm>(control: Option<&Arm>) -> Result<&Arm> {
    control.ok_or_else(|| {
        Error::invalid_field("control", "no_data", "no control variant was found in the data")
            .hint("check that units were exposed to the variant 'control'")
    })
}

/// Refuses too many (`too_much_data`) and too few (`no_data`) test arms.
pub(super) fn check_test_count(count: usize) -> Result<()> {
    if count > MAXIMUM_TESTS {
        let message = format!("at most {MAXIMUM_TESTS} test variants beside control can be judged, got {count}");
        return Err(Error::invalid_field("tests", "too_much_data", message).hint("leave out variants of no interest"));
    }
    if count == 0 {
        return Err(no_tests());
    }
    Ok(())
}

fn no_tests() -> Error {
    Error::invalid_field("tests", "no_data", "no test variant was found in the data")
        .hint("check that units were exposed to a variant other than 'control'")
}

/// The test arm with the largest measure, the first of equals, or `no_data`.
pub(super) fn first_largest<Arm>(tests: &[Arm], measure: impl Fn(&Arm) -> f64) -> Result<&Arm> {
    let (first, rest) = tests.split_first().ok_or_else(no_tests)?;
    Ok(rest.iter().fold(first, |best, arm| if measure(arm) > measure(best) { arm } else { best }))
}

/// Refuses a negative or non-finite number of an arm.
pub(super) fn check_not_negative(arm: &str, field: &'static str, value: f64) -> Result<()> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    let message = format!("{field} of variant '{arm}' must be a finite number of at least 0, got {value}");
    Err(Error::invalid_field(field, "out_of_range", message))
}

/// Refuses bounds of an interval that are not increasing probabilities.
pub(super) fn check_interval(lower: f64, upper: f64) -> Result<()> {
    if 0.0 < lower && lower < upper && upper < 1.0 {
        return Ok(());
    }
    let message = format!("an interval needs quantiles 0 < lower < upper < 1, got {lower} and {upper}");
    Err(Error::invalid_field("lower", "out_of_range", message).hint("0.025 and 0.975 give the central 95 % interval"))
}

fn split_probabilities(probabilities: &[f64]) -> Result<(f64, &[f64])> {
    match probabilities.split_first() {
        Some((control, tests)) if probabilities.iter().all(|probability| probability.is_finite()) => {
            Ok((*control, tests))
        }
        _ => {
            let message = format!("probabilities must be finite numbers, control's first, got {probabilities:?}");
            Err(Error::invalid_field("probabilities", "out_of_range", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_serialised_form() {
        use Rule::{ControlExposure, ExpectedLoss, PValue, TestExposure, WinProbability};
        use SignificanceCode::{HighLoss, HighPValue, LowWinProbability, NotEnoughExposure, Significant};
        for code in [Significant, NotEnoughExposure, LowWinProbability, HighLoss, HighPValue] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        for rule in [TestExposure, ControlExposure, WinProbability, ExpectedLoss, PValue] {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
        }
    }

    #[test]
    fn thresholds_are_inclusive_on_the_side_of_the_reference() {
        assert!(Rule::TestExposure.passes(100.0) && !Rule::ControlExposure.passes(99.0));
        assert!(Rule::WinProbability.passes(0.9));
        assert!(!Rule::ExpectedLoss.passes(0.01) && !Rule::PValue.passes(0.05));
    }
}
