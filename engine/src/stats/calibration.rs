//! Counting how often tests are wrong when the truth is known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::Comparison;
use super::dist::normal_quantile;
use super::inference::Inference;
use super::number::from_count;
use super::proportion::{Share, wilson};

/// A way to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalibratedMethod {
    /// The answer for a single look.
    FixedHorizon,
    /// The answer that holds at any look; at a single one, as here, it is wrong less often than it may.
    AnytimeValid,
    /// The answer for a single look with the covariate taken out.
    FixedHorizonAdjusted,
    /// The answer that holds at any look with the covariate taken out.
    AnytimeValidAdjusted,
}

/// A share of rounds, with the interval of the true one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoundShare {
    /// The rounds in which it happened.
    pub rounds: u32,
    /// Their share of the rounds that could be judged.
    pub share: f64,
    /// Wilson's 95 % interval of that share.
    pub interval: [f64; 2],
}

/// How often a method is wrong, and how often it is right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MethodCalibration {
    /// The method.
    pub method: CalibratedMethod,
    /// How often it saw an effect where there was none.
    pub false_positives: RoundShare,
    /// How often its interval contained the planted effect.
    pub coverage: RoundShare,
    /// How often it saw the planted effect.
    pub power: RoundShare,
}

impl CalibratedMethod {
    /// All, in the order they are shown.
    pub const ALL: [Self; 4] =
        [Self::FixedHorizon, Self::AnytimeValid, Self::FixedHorizonAdjusted, Self::AnytimeValidAdjusted];

    /// Its machine-readable name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FixedHorizon => "fixed_horizon",
            Self::AnytimeValid => "anytime_valid",
            Self::FixedHorizonAdjusted => "fixed_horizon_adjusted",
            Self::AnytimeValidAdjusted => "anytime_valid_adjusted",
        }
    }

    fn of(self, comparison: &Comparison) -> Option<&Inference> {
        match self {
            Self::FixedHorizon => Some(&comparison.fixed_horizon),
            Self::AnytimeValid => Some(&comparison.anytime_valid),
            Self::FixedHorizonAdjusted => comparison.adjusted.as_ref().map(|adjusted| &adjusted.fixed_horizon),
            Self::AnytimeValidAdjusted => comparison.adjusted.as_ref().map(|adjusted| &adjusted.anytime_valid),
        }
    }
}

/// What a method says in rounds without and with an effect; pairs of comparisons, and the difference that was planted.
///
/// `None` when the method never answered.
#[must_use]
pub fn calibrate(
    method: CalibratedMethod,
    rounds: &[(Comparison, Comparison)],
    planted: f64,
) -> Option<MethodCalibration> {
    let answers: Vec<(&Inference, &Inference)> =
        rounds.iter().filter_map(|(without, with)| Some((method.of(without)?, method.of(with)?))).collect();
    let share = |happened: &dyn Fn(&(&Inference, &Inference)) -> bool| {
        let rounds = answers.iter().filter(|answer| happened(answer)).count();
        round_share(rounds, answers.len())
    };
    let contains = |inference: &Inference| (inference.interval[0]..=inference.interval[1]).contains(&planted);
    (!answers.is_empty()).then(|| MethodCalibration {
        method,
        false_positives: share(&|(without, _)| without.significant),
        coverage: share(&|(_, with)| contains(with)),
        power: share(&|(_, with)| with.significant),
    })
}

fn round_share(happened: usize, rounds: usize) -> RoundShare {
    let share = Share { successes: from_count(happened as u64), trials: from_count(rounds as u64) };
    RoundShare {
        rounds: u32::try_from(happened).unwrap_or(u32::MAX),
        share: share.value(),
        interval: wilson(share, normal_quantile(0.975)),
    }
}
