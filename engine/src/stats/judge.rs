//! From counts to a decision.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::stats_config::{Generation, StatsConfig};
use crate::plan::{BASELINE, Counting, Measure, Plan, Semantics, TrendValue};
use crate::stats::comparison::save_all;
use crate::stats::legacy_funnel::{self, FunnelArm};
use crate::stats::legacy_trend::{self, TrendArm};
use crate::stats::number::from_count;
use crate::stats::second;
use crate::stats::{
    FunnelCell, FunnelCells, Judgement, Measured, Observations, Significance, TrendCell, TrendCells, observe_fully,
};

/// Whether a metric could be decided, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// The metric was judged.
    Estimated(Box<Estimates>),
    /// There was not enough to judge.
    Undecided(MissingData),
    /// The values of a modern metric, what they lack, and how the variants compare.
    Observed(Box<Observations>),
}

/// The judgement of a metric, by variant key; the baseline comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimates {
    /// The probability that the variant is the best of all.
    pub probability: IndexMap<String, f64>,
    /// The central 95 % interval of each variant's rate; empty when it could not be computed.
    pub credible_intervals: IndexMap<String, [f64; 2]>,
    /// Each variant's observed rate: events per exposed person, where there are any, or the share that converted.
    pub rate: IndexMap<String, f64>,
    /// How much larger a variant's observed rate is than the baseline's, as a share of the baseline's; only where the
    /// baseline's is not zero.
    pub relative_lift: IndexMap<String, f64>,
    /// The verdict and the ladder of rules that led to it.
    pub significance: Significance,
    /// The version of the compatible statistics: 1, or 2 where the experiment asks for it. Only in version 1 do the
    /// probabilities add up to 1; in version 2 those of the test variants are of beating the baseline alone.
    #[serde(default = "first_version")]
    pub stats_version: u8,
}

fn first_version() -> u8 {
    1
}

/// What a metric lacks to be judged: the four booleans of the reference system, and what else can be wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the first four are the outward form of the reference system")]
pub struct MissingData {
    /// No event of the metric was found.
    pub no_events: bool,
    /// No event carries a known variant.
    pub no_flag_info: bool,
    /// No event carries the baseline variant.
    pub no_control_variant: bool,
    /// No event carries any other known variant.
    pub no_test_variant: bool,
    /// Nobody was exposed to any variant; only said of trends given as query nodes (Q-N3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_exposures: Option<bool>,
    /// What was added up is negative for some variant, which no rate of events can be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub negative_count: bool,
}

/// Judges the counts of a metric by the compatible statistics.
///
/// # Errors
/// `Invalid` with the code `too_much_data` for ten or more test variants.
pub fn judge(plan: &Plan, measured: &Measured) -> Result<Outcome> {
    match measured {
        Measured::Units(cells) => match &plan.measure {
            Measure::Units(measure) => {
                let mut observed = observe_fully(measure, cells, &plan.statistics)?;
                let baseline = &plan.statistics.config.baseline;
                save_all(&mut observed.comparisons, &cells.variants, baseline, Some(days(plan)));
                Ok(Outcome::Observed(Box::new(observed)))
            }
            Measure::Trend(_) | Measure::Funnel(_) => Err(Error::bug("units were measured for another kind of metric")),
        },
        Measured::Trend(cells) => judge_trend(cells, plan),
        Measured::Funnel(cells) => judge_funnel(cells, &plan.statistics.config),
    }
}

/// How long units have come so far.
fn days(plan: &Plan) -> f64 {
    let range = plan.population.range;
    let microseconds = u64::try_from(range.until_microseconds.saturating_sub(range.from_microseconds)).unwrap_or(0);
    from_count(microseconds) / MICROSECONDS_PER_DAY
}

const MICROSECONDS_PER_DAY: f64 = 86_400e6;

/// The trend arms as the statistics see them, baseline first, then by count and key (Q-T9, R-6).
///
/// A variant without exposure counts as exposed once; when the baseline has none, all count as equally exposed in
/// comparisons (Q-X6 as statistics section 3 has it). The result reports the true numbers. The compatible statistics take
/// whole counts only (Q-T12); those of query nodes take them as they are (Q-N2).
#[must_use]
pub fn trend_arms(cells: &TrendCells, semantics: Semantics) -> Vec<TrendArm> {
    let baseline = cells.variants.iter().find(|cell| cell.variant == BASELINE);
    let baseline_exposed = baseline.map_or(0.0, |cell| cell.exposures);
    let arm = |cell: &TrendCell| {
        let known = cell.exposures > 0.0;
        let exposure = if known && baseline_exposed > 0.0 && cell.variant != BASELINE {
            cell.exposures / baseline_exposed
        } else {
            1.0
        };
        let absolute_exposure = if known { cell.exposures } else { 1.0 };
        let count = match semantics {
            Semantics::Compatible => cells.count(cell).trunc(),
            Semantics::QueryNode | Semantics::Modern => cells.count(cell),
        };
        TrendArm { key: cell.variant.clone(), count, exposure, absolute_exposure }
    };
    cells.present().into_iter().map(arm).collect()
}

/// The funnel arms as the statistics see them, baseline first; only variants that somebody entered with.
#[must_use]
pub fn funnel_arms(cells: &FunnelCells) -> Vec<FunnelArm> {
    let mut present: Vec<_> = cells.variants.iter().filter(|cell| cell.entered() > 0).collect();
    present.sort_by_key(|cell| cell.variant != BASELINE);
    let arm = |cell: &&FunnelCell| FunnelArm {
        key: cell.variant.clone(),
        success_count: to_double(cell.completed()),
        failure_count: to_double(cell.entered() - cell.completed()),
    };
    present.iter().map(arm).collect()
}

fn judge_trend(cells: &TrendCells, plan: &Plan) -> Result<Outcome> {
    let (semantics, generation) = (plan.semantics, plan.statistics.config.generation);
    // Only the first generation cuts counts to whole numbers (reference statistics, section 2).
    let arms = match generation {
        Generation::First => trend_arms(cells, semantics),
        Generation::Second => trend_arms(cells, Semantics::QueryNode),
    };
    let mut lack = lack(arms.iter().map(|arm| arm.key.as_str()), arms.is_empty());
    lack.no_exposures = match semantics {
        Semantics::Compatible | Semantics::Modern => None,
        Semantics::QueryNode => Some(cells.variants.iter().all(|cell| cell.exposures <= 0.0)),
    };
    lack.negative_count = arms.iter().any(|arm| arm.count < 0.0);
    if lack.is_something() {
        return Ok(Outcome::Undecided(lack));
    }
    // The fallback of Q-X6 is for the statistics only: a rate per exposed unit needs exposed units.
    let exposed = cells.present().into_iter().filter(|cell| cell.exposures > 0.0);
    let rates = exposed.map(|cell| (cell.variant.clone(), cells.count(cell) / cell.exposures)).collect();
    let (control, tests) = (arms.first(), arms.get(1..).unwrap_or_default());
    let judgement = match generation {
        Generation::First => legacy_trend::judge(control, tests)?,
        Generation::Second if sums_a_value(plan) => second::continuous::judge(control, tests)?,
        Generation::Second => second::count::judge(control, tests)?,
    };
    Ok(Outcome::Estimated(Box::new(estimates(judgement, rates, generation))))
}

fn judge_funnel(cells: &FunnelCells, config: &StatsConfig) -> Result<Outcome> {
    let arms = funnel_arms(cells);
    let nobody = arms.is_empty() && cells.persons_without_variant + cells.persons_with_foreign_variant == 0;
    let lack = lack(arms.iter().map(|arm| arm.key.as_str()), nobody);
    if lack.is_something() {
        return Ok(Outcome::Undecided(lack));
    }
    let rate = |arm: &FunnelArm| arm.success_count / (arm.success_count + arm.failure_count);
    let rates = arms.iter().map(|arm| (arm.key.clone(), rate(arm))).collect();
    let (control, tests) = (arms.first(), arms.get(1..).unwrap_or_default());
    let judgement = match config.generation {
        Generation::First => legacy_funnel::judge(control, tests)?,
        Generation::Second if config.interim_funnel => second::interim::judge(control, tests)?,
        Generation::Second => second::funnel::judge(control, tests)?,
    };
    Ok(Outcome::Estimated(Box::new(estimates(judgement, rates, config.generation))))
}

/// Whether the second generation takes a trend for a continuous metric (reference statistics, section 1).
fn sums_a_value(plan: &Plan) -> bool {
    match &plan.measure {
        Measure::Trend(trend) => matches!(trend.value, TrendValue::Cumulative(Counting::Sum(_))),
        Measure::Funnel(_) | Measure::Units(_) => false,
    }
}

fn estimates(judgement: Judgement, rate: IndexMap<String, f64>, generation: Generation) -> Estimates {
    let baseline = rate.get(BASELINE).copied().filter(|rate| *rate > 0.0);
    let lift = |baseline: f64| {
        let others = rate.iter().filter(|(key, _)| *key != BASELINE);
        others.map(|(key, rate)| (key.clone(), rate / baseline - 1.0)).collect()
    };
    let relative_lift = baseline.map(lift).unwrap_or_default();
    Estimates {
        probability: judgement.probabilities.into_iter().collect(),
        credible_intervals: judgement.credible_intervals.into_iter().collect(),
        rate,
        relative_lift,
        significance: judgement.significance,
        stats_version: match generation {
            Generation::First => 1,
            Generation::Second => 2,
        },
    }
}

/// What is missing, given the known variants that have data.
fn lack<'a>(mut present: impl Iterator<Item = &'a str> + Clone, no_events: bool) -> MissingData {
    let no_control_variant = !present.clone().any(|key| key == BASELINE);
    let no_test_variant = !present.any(|key| key != BASELINE);
    let no_flag_info = no_control_variant && no_test_variant;
    MissingData { no_events, no_flag_info, no_control_variant, no_test_variant, ..MissingData::default() }
}

impl MissingData {
    fn is_something(self) -> bool {
        let Self { no_events, no_flag_info, no_control_variant, no_test_variant, no_exposures, negative_count } = self;
        no_events
            || no_flag_info
            || no_control_variant
            || no_test_variant
            || no_exposures == Some(true)
            || negative_count
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of events stay far below 2^53")]
fn to_double(count: u64) -> f64 {
    count as f64
}
