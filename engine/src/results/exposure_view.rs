//! Who came into an experiment, and when (M-14).

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::{ExperimentSummary, FORMAT_VERSION, Provenance, Warning};
use crate::stats::mismatch::{ALARM_P_VALUE, SampleRatio, SegmentMismatch, rank_segments, sample_ratio};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposureCounts {
    /// The keys of the variants.
    pub variants: Vec<String>,
    /// The labels of the days.
    pub days: Vec<String>,
    /// Per day, the units of each variant and of those that saw several.
    pub by_day: Vec<Vec<u64>>,
    /// Units that came back to a variant they had left.
    pub flickering: u64,
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
    let (sample_ratio, mismatch_days) = ratio(counts, &totals, &expected_share).unzip();
    let warnings = [
        sample_ratio.as_ref().and_then(|ratio| ratio_mismatch(ratio, mismatch_days.as_deref().unwrap_or_default())),
        (share >= SEVERAL_SHARE).then(|| several_variants(several, share, counts.flickering)),
    ];
    ExposureView {
        format_version: FORMAT_VERSION,
        experiment,
        provenance,
        days: counts.days.iter().zip(&counts.by_day).map(day).collect(),
        totals: named(&totals),
        expected_share,
        sample_ratio,
        mismatch_days: mismatch_days.unwrap_or_default(),
        several_variants_share: share,
        flickering_units: counts.flickering,
        warnings: warnings.into_iter().flatten().collect(),
    }
}

/// The units of each variant against the split, and the days that a mismatch comes from; units of several variants are left out.
fn ratio(
    counts: &ExposureCounts,
    totals: &[u64],
    expected_share: &IndexMap<String, f64>,
) -> Option<(SampleRatio, Vec<SegmentMismatch>)> {
    let weight = |(column, key): (usize, &String)| {
        expected_share.get(key).filter(|share| **share > 0.0).map(|share| (column, *share))
    };
    let (columns, weights): (Vec<usize>, Vec<f64>) = counts.variants.iter().enumerate().filter_map(weight).unzip();
    let chosen = |numbers: &[u64]| columns.iter().map(|column| from_count(numbers[*column])).collect::<Vec<f64>>();
    let ratio = sample_ratio(&chosen(totals), &weights).ok()?;
    let days: Vec<(String, Vec<f64>)> =
        counts.days.iter().zip(&counts.by_day).map(|(day, numbers)| (day.clone(), chosen(numbers))).collect();
    let ranked = if ratio.is_mismatch { rank_segments(&days, &weights).ok()? } else { Vec::new() };
    Some((ratio, ranked))
}

fn ratio_mismatch(ratio: &SampleRatio, days: &[SegmentMismatch]) -> Option<Warning> {
    let worst = days.first().map_or_else(String::new, |day| {
        let without = if day.p_value_of_the_others < ALARM_P_VALUE { "it remains" } else { "it is gone" };
        format!("; {} contributes most, and without that day {without}", day.segment)
    });
    ratio.is_mismatch.then(|| Warning {
        code: "sample_ratio_mismatch".into(),
        message: format!(
            "the variants do not have as many units as the split says (anytime p {:.1e}, chi-square {:.1}){worst}",
            ratio.anytime_p_value.max(f64::MIN_POSITIVE),
            ratio.chi_square
        ),
        next_step:
            "do not trust results before the cause is known: `abduck experiment audit KEY`, then look at redirects, \
                    crashes, bots and lost events of one variant"
                .into(),
    })
}

fn several_variants(units: u64, share: f64, flickering: u64) -> Warning {
    let pattern = if flickering * 2 > units {
        "most of them go back and forth, as with a flag whose split depends on something that changes"
    } else {
        "most of them changed once, as when ids of one person are merged or the split was changed"
    };
    Warning {
        code: "several_variants".into(),
        message: format!("{units} units ({:.1} %) saw several variants; {pattern}", share * 100.0),
        next_step: "audit the assignments: `abduck experiment audit KEY`".into(),
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
