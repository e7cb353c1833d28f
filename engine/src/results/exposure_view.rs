//! Who came into an experiment, and when (M-14).

mod doubts;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::{ExperimentSummary, FORMAT_VERSION, Provenance, Warning};
use crate::stats::mismatch::{SampleRatio, SegmentMismatch};
use crate::stats::number::from_count;

/// The first exposures of an experiment's units per day and variant (M-14).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExposureView {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment.
    pub experiment: ExperimentSummary,
    /// What the view was computed from.
    pub provenance: Provenance,
    /// The days of the lab's timezone from the start on; units that saw several variants stand under `$multiple`.
    pub days: Vec<ExposureDay>,
    /// The units of each variant, and of `$multiple`.
    pub totals: IndexMap<String, u64>,
    /// The share of the units that each variant should have by the flag's split, without the `$multiple`.
    pub expected_share: IndexMap<String, f64>,
    /// Whether the variants have as many units as the split says; null while there are fewer than two variants with units to
    /// expect.
    #[serde(default)]
    pub sample_ratio: Option<SampleRatio>,
    /// Of a mismatch, the days that contribute to it, most first.
    #[serde(default)]
    pub mismatch_days: Vec<SegmentMismatch>,
    /// The segments of the units by properties of their first exposure that contribute to a mismatch, or that were asked for; most
    /// first, at most 20.
    #[serde(default)]
    pub mismatch_segments: Vec<SegmentMismatch>,
    /// The time of the lab's last event.
    #[serde(default)]
    pub last_event: Option<Timestamp>,
    /// The share of the units that saw several variants.
    pub several_variants_share: f64,
    /// Units that came back to a variant they had left: what a flag that forgets does.
    pub flickering_units: u64,
    /// What to be careful about, each with a next step.
    pub warnings: Vec<Warning>,
}

/// The first exposures of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExposureDay {
    /// The day.
    pub day: String,
    /// The units first exposed on it, by variant; with the days before, the cumulative number.
    pub first_exposures: IndexMap<String, u64>,
}

/// One row of the view, flat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExposureRow<'a> {
    /// The day.
    pub day: &'a str,
    /// The variant, or `$multiple`.
    pub variant: &'a str,
    /// Units first exposed on the day.
    pub first_exposures: u64,
    /// Units first exposed up to the end of the day.
    pub cumulative: u64,
}

impl ExposureView {
    /// Units first exposed per day, over the last seven whole days or as many as there are; the last day is not whole unless the
    /// experiment is over.
    #[must_use]
    pub fn exposed_per_day(&self, is_over: bool) -> f64 {
        let whole = if is_over || self.days.len() < 2 { self.days.len() } else { self.days.len() - 1 };
        let recent = &self.days[whole.saturating_sub(RECENT_DAYS)..whole];
        let units: u64 = recent.iter().flat_map(|day| day.first_exposures.values()).sum();
        from_count(units) / from_count(recent.len().max(1) as u64)
    }

    /// The JSON Schema (2020-12) of the view.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }
}

/// Days that the number of units per day is taken from.
const RECENT_DAYS: usize = 7;

/// The bucket of units that saw several variants (M-13).
pub const SEVERAL: &str = "$multiple";

/// The share of units that saw several variants from which on it is worth a warning (M-14).
const SEVERAL_SHARE: f64 = 0.005;

/// What is counted of an experiment's exposures: per day, one number per variant and last for those that saw several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExposureCounts {
    /// The keys of the variants.
    pub variants: Vec<String>,
    /// The labels of the days.
    pub days: Vec<String>,
    /// Per day, the units of each variant and of those that saw several.
    pub by_day: Vec<Vec<u64>>,
    /// Units that came back to a variant they had left.
    pub flickering: u64,
    /// Per property of the first exposure and value, the units of each variant and of those that saw several.
    pub segments: IndexMap<String, BTreeMap<Option<String>, Vec<u64>>>,
    /// The time of the lab's last event.
    pub last_event: Option<Timestamp>,
    /// Whether the experiment runs at the moment that is asked for.
    pub is_running: bool,
}

/// Puts counts of exposures into their outward form; `expected_share` is the flag's split.
#[must_use]
pub fn exposure_view(
    experiment: ExperimentSummary,
    provenance: Provenance,
    counts: &ExposureCounts,
    expected_share: IndexMap<String, f64>,
) -> ExposureView {
    let keys = || counts.variants.iter().map(String::as_str).chain([SEVERAL]);
    let named = |numbers: &[u64]| keys().zip(numbers).map(|(key, number)| (key.to_owned(), *number)).collect();
    let totals: Vec<u64> =
        (0..=counts.variants.len()).map(|index| counts.by_day.iter().map(|day| day[index]).sum()).collect();
    let units: u64 = totals.iter().sum();
    let several = totals.last().copied().unwrap_or(0);
    let share = share(several, units);
    let day = |(day, numbers): (&String, &Vec<u64>)| ExposureDay { day: day.clone(), first_exposures: named(numbers) };
    let mismatch = doubts::mismatch(counts, &totals, &expected_share).unwrap_or_default();
    let warnings = [
        doubts::ratio_mismatch(&mismatch),
        (share >= SEVERAL_SHARE).then(|| doubts::several_variants(several, share, counts.flickering)),
        doubts::stale_data(counts, provenance.as_of),
        doubts::incomplete_day(counts),
    ];
    ExposureView {
        format_version: FORMAT_VERSION,
        experiment,
        provenance,
        days: counts.days.iter().zip(&counts.by_day).map(day).collect(),
        totals: named(&totals),
        expected_share,
        sample_ratio: mismatch.ratio,
        mismatch_days: mismatch.days,
        mismatch_segments: mismatch.segments,
        last_event: counts.last_event,
        several_variants_share: share,
        flickering_units: counts.flickering,
        warnings: warnings.into_iter().flatten().collect(),
    }
}

/// The rows of the view: one per day and variant.
#[must_use]
pub fn exposure_rows(view: &ExposureView) -> Vec<ExposureRow<'_>> {
    let mut cumulative: IndexMap<&str, u64> = IndexMap::new();
    let mut rows = Vec::new();
    for day in &view.days {
        for (variant, first_exposures) in &day.first_exposures {
            let total = cumulative.entry(variant).or_default();
            *total += first_exposures;
            rows.push(ExposureRow { day: &day.day, variant, first_exposures: *first_exposures, cumulative: *total });
        }
    }
    rows
}

#[expect(clippy::cast_precision_loss, reason = "counts of units stay far below 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
