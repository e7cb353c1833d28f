//! The compatible statistics of the second generation (reference statistics, sections 6 to 9), exact instead of simulated.
//!
//! - [`count`]: events per unit, Gamma with a prior of one event and one unit.
//! - [`continuous`]: sums per unit, log-normal with an assumed variance.
//! - [`funnel`]: conversion, Beta, with the loss of a repeated experiment.
//! - [`interim`]: conversion by a two-proportion test, a short-lived method.
//!
//! Known weaknesses, kept because they are the method: the probabilities against control do not add up to 1; the loss is
//! compared with 0.01 of whatever the metric is measured in; the continuous method assumes the variance of the logarithm to be
//! 0.75 whatever the data, and pulls the mean towards one unit.

pub mod continuous;
pub mod count;
pub mod funnel;
pub mod interim;

use serde::{Deserialize, Serialize};

use super::significance::{Judgement, Ladder, Rule, Significance};
use crate::error::Result;

/// What a win probability is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WinProbability {
    /// Being the best of all arms.
    BestOfAll,
    /// Control's of being the best of all, and each test's of beating control alone.
    #[default]
    VsControl,
}

/// Central intervals by arm.
type Intervals = Vec<(String, [f64; 2])>;

/// Everything about one metric, from the probabilities and what else a method answers.
fn judged<Arm: Clone>(
    control: &Arm,
    tests: &[Arm],
    probabilities: Vec<(String, f64)>,
    significance: fn(&Arm, &[Arm], &[f64]) -> Result<Significance>,
    credible_intervals: fn(&[Arm], f64, f64) -> Result<Intervals>,
) -> Result<Judgement> {
    let arms: Vec<Arm> = std::iter::once(control).chain(tests).cloned().collect();
    let plain: Vec<f64> = probabilities.iter().map(|(_, probability)| *probability).collect();
    let significance = significance(control, tests, &plain)?;
    Ok(Judgement { probabilities, credible_intervals: credible_intervals(&arms, 0.025, 0.975)?, significance })
}

/// The ladder of the second generation; the loss is that of the best-looking arm against all others.
fn climb(
    control_exposure: f64,
    test_exposures: &[f64],
    probabilities: &[f64],
    loss: impl FnOnce() -> Result<f64>,
) -> Result<Significance> {
    let mut ladder = Ladder::start_second(control_exposure, test_exposures, probabilities)?;
    let description = "choosing the best-looking arm costs less than 0.01 of the metric on average";
    ladder.climb_described(Rule::ExpectedLoss, description, loss)?;
    Ok(ladder.with_expected_loss())
}

/// Each arm's probability, from the probabilities to be best of all and of each test to beat control.
fn probabilities(
    mode: WinProbability,
    best_of_all: impl FnOnce() -> Result<Vec<f64>>,
    beats_control: impl FnMut(usize) -> Result<f64>,
) -> Result<Vec<f64>> {
    let best = best_of_all()?;
    match mode {
        WinProbability::BestOfAll => Ok(best),
        WinProbability::VsControl => {
            let tests = (1..best.len()).map(beats_control);
            best.first().map(|control| Ok(*control)).into_iter().chain(tests).collect()
        }
    }
}

/// The arm with the largest measure, the first of equals, and all the others.
fn split_best<Arm: Clone>(arms: &[Arm], measure: impl Fn(&Arm) -> f64) -> Option<(Arm, Vec<Arm>)> {
    let larger = |best: usize, index: usize| if measure(&arms[index]) > measure(&arms[best]) { index } else { best };
    let best = (0..arms.len()).reduce(larger)?;
    let mut others = arms.to_vec();
    let chosen = others.remove(best);
    Some((chosen, others))
}
