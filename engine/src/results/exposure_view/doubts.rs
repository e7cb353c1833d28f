//! What to doubt about who came into an experiment, and when.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use super::{ExposureCounts, SegmentMismatch};
use crate::results::Warning;
use crate::stats::mismatch::{ALARM_P_VALUE, SampleRatio, rank_segments, sample_ratio};
use crate::stats::number::from_count;

/// A mismatch of the ratio and where it comes from.
#[derive(Default)]
pub(super) struct Mismatch {
    pub(super) ratio: Option<SampleRatio>,
    pub(super) days: Vec<SegmentMismatch>,
    pub(super) segments: Vec<SegmentMismatch>,
}

/// The most segments that are told.
const SEGMENTS_MOST: usize = 20;

/// The units of each variant against the split, and the days and segments that a mismatch comes from; units of several variants
/// are left out. Segments that were asked for are ranked without a mismatch, too.
pub(super) fn mismatch(
    counts: &ExposureCounts,
    totals: &[u64],
    expected_share: &IndexMap<String, f64>,
) -> Option<Mismatch> {
    let weight = |(column, key): (usize, &String)| {
        expected_share.get(key).filter(|share| **share > 0.0).map(|share| (column, *share))
    };
    let (columns, weights): (Vec<usize>, Vec<f64>) = counts.variants.iter().enumerate().filter_map(weight).unzip();
    let chosen = |numbers: &[u64]| columns.iter().map(|column| from_count(numbers[*column])).collect::<Vec<f64>>();
    let ratio = sample_ratio(&chosen(totals), &weights).ok()?;
    let days: Vec<(String, Vec<f64>)> =
        counts.days.iter().zip(&counts.by_day).map(|(day, numbers)| (day.clone(), chosen(numbers))).collect();
    let days = if ratio.is_mismatch { rank_segments(&days, &weights).ok()? } else { Vec::new() };
    let mut segments = Vec::new();
    // The segments of one property are parts of a whole; those of two are not.
    for (property, parts) in &counts.segments {
        let named = |(value, numbers): (&Option<String>, &Vec<u64>)| {
            let value = value.as_ref().map_or_else(|| "is not set".to_owned(), |value| format!("= {value}"));
            (format!("{property} {value}"), chosen(numbers))
        };
        segments.extend(rank_segments(&parts.iter().map(named).collect::<Vec<_>>(), &weights).ok()?);
    }
    segments.sort_by(|a, b| b.chi_square.total_cmp(&a.chi_square).then_with(|| a.segment.cmp(&b.segment)));
    segments.truncate(SEGMENTS_MOST);
    Some(Mismatch { ratio: Some(ratio), days, segments })
}

pub(super) fn ratio_mismatch(mismatch: &Mismatch) -> Option<Warning> {
    let ratio = mismatch.ratio.as_ref().filter(|ratio| ratio.is_mismatch)?;
    let worst = |parts: &[SegmentMismatch], what: &str| {
        parts.first().map_or_else(String::new, |part| {
            let without = if part.p_value_of_the_others < ALARM_P_VALUE { "it remains" } else { "it is gone" };
            format!("; {} contributes most, and without that {what} {without}", part.segment)
        })
    };
    Some(Warning {
        code: "sample_ratio_mismatch".into(),
        message: format!(
            "the variants do not have as many units as the split says (anytime p {:.1e}, chi-square {:.1}){}{}",
            ratio.anytime_p_value.max(f64::MIN_POSITIVE),
            ratio.chi_square,
            worst(&mismatch.days, "day"),
            worst(&mismatch.segments, "segment")
        ),
        next_step:
            "do not trust results before the cause is known: `abduck experiment audit KEY`, then look at redirects, \
                    crashes, bots and lost events of one variant"
                .into(),
    })
}

pub(super) fn several_variants(units: u64, share: f64, flickering: u64) -> Warning {
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

/// How old the last event may be while an experiment runs.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// The last event of the lab is old, although the experiment runs.
pub(super) fn stale_data(counts: &ExposureCounts, as_of: Timestamp) -> Option<Warning> {
    let last = counts.last_event.filter(|_| counts.is_running)?;
    let behind = as_of.duration_since(last);
    (behind > FRESH).then(|| Warning {
        code: "stale_data".into(),
        message: format!("the last event is of {last}, {} hours before the moment asked for", behind.as_hours()),
        next_step: "take in the newer events (`abduck ingest`), or ask for an earlier moment (`--as-of`)".into(),
    })
}

/// The days before the last whole one that it is compared with.
const USUAL_DAYS: usize = 7;
/// Less than this part of the usual makes a day look incomplete.
const COMPLETE: f64 = 0.5;
/// Fewer units a day are too few to tell.
const UNITS_MIN: f64 = 50.0;

/// The last whole day has much fewer exposures than the days before: events come in late, or something broke.
pub(super) fn incomplete_day(counts: &ExposureCounts) -> Option<Warning> {
    if !counts.is_running {
        return None;
    }
    // The last day is not over.
    let whole = counts.by_day.len().checked_sub(1)?;
    let units = |day: usize| from_count(counts.by_day[day].iter().sum());
    let last = whole.checked_sub(1).filter(|last| *last >= USUAL_DAYS)?;
    let usual = (last - USUAL_DAYS..last).map(units).sum::<f64>() / from_count(USUAL_DAYS as u64);
    (usual >= UNITS_MIN && units(last) < COMPLETE * usual).then(|| Warning {
        code: "incomplete_day".into(),
        message: format!(
            "{} units were first exposed on {}, where {usual:.0} a day were usual in the week before",
            units(last),
            counts.days[last]
        ),
        next_step: "wait until all events of that day have come in, or find out what stopped the exposures".into(),
    })
}
