//! The course of an experiment's results: what each kept result said, and how often the verdict changed.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::experiment::Experiment;
use crate::results::{ExperimentSummary, FORMAT_VERSION, Warning};
use crate::stats::{SignificanceCode, number};

/// The course of an experiment's results, from those that were kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultHistory {
    /// The experiment as it is now.
    pub experiment: ExperimentSummary,
    /// One point per moment that results hold for, in their order.
    pub points: Vec<HistoryPoint>,
    /// How many times the verdict changed from one judged point to the next: from significant to not, or back.
    pub flips: u64,
    /// How many of these changes went from significant to not significant.
    pub losses: u64,
    /// The first moment for which the result was significant.
    pub first_significant: Option<Timestamp>,
    /// Whether the last judged point is significant; null when none was judged.
    pub significant: Option<bool>,
    /// Kept results that this version cannot read.
    pub unreadable: u64,
    /// Kept results of another metric or another run of the experiment, which say nothing about this course.
    pub other_definition: u64,
    /// What to be careful about, each with a next step.
    pub warnings: Vec<Warning>,
}

/// What was said for one moment; of several computations the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryPoint {
    /// The moment the numbers hold for; for a result asked for after the end of the experiment, that end.
    pub as_of: Timestamp,
    /// When it was computed.
    pub computed_at: Timestamp,
    /// Whether it was computed in hindsight, later than the moment was there to be looked at.
    pub in_hindsight: bool,
    /// The version of the event data it was computed from.
    pub data_version: u64,
    /// The version of the engine that computed it.
    pub engine_version: String,
    /// The verdict; null when there was not enough to judge.
    pub significance_code: Option<SignificanceCode>,
    /// Whether the difference was significant; null when there was not enough to judge.
    pub significant: Option<bool>,
    /// The variants, the baseline first.
    pub variants: Vec<HistoryVariant>,
}

/// What was known of a variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryVariant {
    /// The variant's key.
    pub variant: String,
    /// Exposures of a trend, persons that entered a funnel.
    #[serde(serialize_with = "number::one")]
    pub units: f64,
    /// What a trend counted, persons that completed a funnel.
    #[serde(serialize_with = "number::one")]
    pub count: f64,
    /// The observed rate: `count` per unit.
    pub rate: Option<f64>,
    /// The probability that the variant is the best of all.
    pub chance_to_win: Option<f64>,
}

/// One variant at one moment, flat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryRow<'a> {
    /// The moment the numbers hold for.
    pub as_of: Timestamp,
    /// When they were computed.
    pub computed_at: Timestamp,
    /// Whether they were computed in hindsight.
    pub in_hindsight: bool,
    /// The version of the event data.
    pub data_version: u64,
    /// The verdict on all variants; null when there was not enough to judge.
    pub significance_code: Option<&'static str>,
    /// Whether the difference was significant.
    pub significant: Option<bool>,
    /// The variant.
    #[serde(flatten)]
    pub variant: &'a HistoryVariant,
}

/// The course that kept results make, given in the order they were computed in.
///
/// Only results of the experiment's present metric and present run belong to it: changing what is measured, or starting
/// anew, is no change of the verdict. Of a draft, the last run counts.
#[must_use]
pub fn history<'a>(
    experiment: &Experiment,
    summary: ExperimentSummary,
    kept: impl IntoIterator<Item = &'a Value>,
) -> ResultHistory {
    let read: Vec<Option<Kept>> = kept.into_iter().map(Kept::read).collect();
    let unreadable = read.iter().filter(|kept| kept.is_none()).count() as u64;
    let read: Vec<Kept> = read.into_iter().flatten().collect();
    let start = experiment.start_date.or_else(|| read.last().and_then(|kept| kept.experiment.start_date));
    let filters = Value::Object(experiment.filters.clone());
    let belongs = |kept: &Kept| *kept.result.filters() == filters && kept.experiment.start_date == start;
    let (own, others): (Vec<Kept>, Vec<Kept>) = read.into_iter().partition(belongs);
    // Later computations take the place of earlier ones.
    let points: BTreeMap<_, _> = own.into_iter().map(Kept::point).map(|point| (point.as_of, point)).collect();
    course(summary, points.into_values().collect(), unreadable, others.len() as u64)
}

fn course(experiment: ExperimentSummary, points: Vec<HistoryPoint>, unreadable: u64, other: u64) -> ResultHistory {
    let judged: Vec<bool> = points.iter().filter_map(|point| point.significant).collect();
    let changes = || judged.windows(2).filter(|pair| pair[0] != pair[1]);
    let mut history = ResultHistory {
        experiment,
        flips: changes().count() as u64,
        losses: changes().filter(|pair| pair[0]).count() as u64,
        first_significant: points.iter().find(|point| point.significant == Some(true)).map(|point| point.as_of),
        significant: judged.last().copied(),
        points,
        unreadable,
        other_definition: other,
        warnings: Vec::new(),
    };
    history.warnings = warnings(&history, judged.len());
    history
}

/// The rows of a course: one per moment and variant.
#[must_use]
pub fn history_rows(history: &ResultHistory) -> Vec<HistoryRow<'_>> {
    let rows = |point: &HistoryPoint, variant| HistoryRow {
        as_of: point.as_of,
        computed_at: point.computed_at,
        in_hindsight: point.in_hindsight,
        data_version: point.data_version,
        significance_code: point.significance_code.map(SignificanceCode::as_str),
        significant: point.significant,
        variant,
    };
    history.points.iter().flat_map(|point| point.variants.iter().map(move |variant| rows(point, variant))).collect()
}

fn warnings(history: &ResultHistory, judged: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    // Becoming significant once is how a true effect shows; losing it again is what chance does to those who look often.
    if history.losses > 0 {
        let now = if history.significant == Some(true) { "significant" } else { "not significant" };
        warnings.push(Warning {
            code: "verdict_flipped".into(),
            message: format!(
                "over {judged} judged moments the verdict changed {} between significant and not; the last one is {now}",
                times(history.flips)
            ),
            next_step: "whoever looks often and stops at the first significant result finds effects that are not there: \
                        decide at an end that was planned beforehand, not at the first significant result"
                .into(),
        });
    }
    if history.unreadable > 0 {
        let count = history.unreadable;
        warnings.push(Warning {
            code: "unreadable_results".into(),
            message: format!(
                "{count} kept {} of another format version left out",
                plural(count, "result is", "results are")
            ),
            next_step: "compute the moments anew: `abduck experiment history KEY --backfill day`".into(),
        });
    }
    if history.other_definition > 0 {
        let count = history.other_definition;
        let message = format!(
            "{count} kept {} to another metric or another run of the experiment, and {} left out",
            plural(count, "result belongs", "results belong"),
            plural(count, "is", "are"),
        );
        warnings.push(Warning {
            code: "other_definition".into(),
            message,
            next_step: "to have the present metric for past moments: `abduck experiment history KEY --backfill day`"
                .into(),
        });
    }
    warnings
}

fn times(count: u64) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

fn plural<'a>(count: u64, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// As much of a kept result as a point needs. Unlike [`crate::results::ExperimentResult`] it passes over what it does not
/// know, so that results of earlier versions, which had fewer fields, can be read.
#[derive(Deserialize)]
struct Kept {
    format_version: u32,
    experiment: KeptExperiment,
    provenance: KeptProvenance,
    last_refresh: Timestamp,
    result: KeptMetric,
}

#[derive(Deserialize)]
struct KeptExperiment {
    start_date: Option<Timestamp>,
    end_date: Option<Timestamp>,
}

#[derive(Deserialize)]
struct KeptProvenance {
    engine_version: String,
    data_version: u64,
    as_of: Timestamp,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum KeptMetric {
    Trend { filters: Value, variants: Vec<KeptTrendVariant>, outcome: KeptOutcome },
    Funnel { filters: Value, variants: Vec<KeptFunnelVariant>, outcome: KeptOutcome },
}

#[derive(Deserialize)]
struct KeptTrendVariant {
    key: String,
    count: f64,
    absolute_exposure: f64,
}

#[derive(Deserialize)]
struct KeptFunnelVariant {
    key: String,
    success_count: u64,
    failure_count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptOutcome {
    Estimated(KeptEstimates),
    Undecided(IgnoredAny),
    Observed(IgnoredAny),
}

#[derive(Deserialize)]
struct KeptEstimates {
    probability: IndexMap<String, f64>,
    rate: IndexMap<String, f64>,
    significance: KeptSignificance,
}

#[derive(Deserialize)]
struct KeptSignificance {
    code: SignificanceCode,
}

impl Kept {
    /// None when it is of a later version, or not a result at all.
    fn read(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok().filter(|kept| kept.format_version <= FORMAT_VERSION)
    }

    fn point(self) -> HistoryPoint {
        let asked_for = self.provenance.as_of;
        let as_of = self.experiment.end_date.map_or(asked_for, |end| end.min(asked_for));
        let estimates = match self.result.outcome() {
            KeptOutcome::Estimated(estimates) => Some(estimates),
            KeptOutcome::Undecided(_) | KeptOutcome::Observed(_) => None,
        };
        let code = estimates.map(|estimates| estimates.significance.code);
        let variant = |(key, units, count): (&str, f64, f64)| HistoryVariant {
            variant: key.to_owned(),
            units,
            count,
            rate: estimates.and_then(|estimates| estimates.rate.get(key).copied()),
            chance_to_win: estimates.and_then(|estimates| estimates.probability.get(key).copied()),
        };
        HistoryPoint {
            as_of,
            computed_at: self.last_refresh,
            // Without a moment asked for, a result holds for the clock's present.
            in_hindsight: self.last_refresh > asked_for,
            data_version: self.provenance.data_version,
            significance_code: code,
            significant: code.map(|code| code == SignificanceCode::Significant),
            variants: self.result.counts().into_iter().map(variant).collect(),
            engine_version: self.provenance.engine_version,
        }
    }
}

impl KeptMetric {
    fn filters(&self) -> &Value {
        match self {
            Self::Trend { filters, .. } | Self::Funnel { filters, .. } => filters,
        }
    }

    fn outcome(&self) -> &KeptOutcome {
        match self {
            Self::Trend { outcome, .. } | Self::Funnel { outcome, .. } => outcome,
        }
    }

    /// Each variant with its units and its count.
    fn counts(&self) -> Vec<(&str, f64, f64)> {
        match self {
            Self::Trend { variants, .. } => variants
                .iter()
                .map(|variant| (variant.key.as_str(), variant.absolute_exposure, variant.count))
                .collect(),
            Self::Funnel { variants, .. } => variants
                .iter()
                .map(|variant| {
                    let units = variant.success_count.saturating_add(variant.failure_count);
                    (variant.key.as_str(), number::from_count(units), number::from_count(variant.success_count))
                })
                .collect(),
        }
    }
}
