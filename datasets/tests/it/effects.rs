//! The planted effects are recovered from a larger log, within sampling error.

use crate::log::{LogRow, generated, persons};
use abduck_datasets::{Counts, Options, Truth};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Bound in standard errors; passed by chance with probability 0.9999, and the seed is fixed.
const STANDARD_ERRORS: f64 = 4.0;

static LARGE: LazyLock<(Truth, Vec<LogRow>)> =
    LazyLock::new(|| generated(&Options { events: 300_000, seed: 3, rollout_percentage: 100, ..Options::default() }));

#[test]
fn conversion_and_searches_are_as_planted() {
    let (truth, rows) = &*LARGE;
    for variant in &truth.flags[0].variants {
        let Counts { funnel_persons: [viewers, _, _, purchasers], .. } = variant.counted;
        let rate = purchasers as f64 / viewers as f64;
        let standard_error = (variant.planted * (1.0 - variant.planted) / viewers as f64).sqrt();
        assert!(viewers > 7_000);
        assert!((rate - variant.planted).abs() < STANDARD_ERRORS * standard_error, "{}: {rate}", variant.key);
    }

    // Searches per visit from the first exposure on, with the person as the unit (a ratio of means).
    let mut sums: HashMap<String, Vec<(f64, f64)>> = HashMap::new();
    for rows in persons(&rows.iter().collect::<Vec<_>>()).values() {
        let Some(first) = rows.iter().position(|row| row.called("smart-search").is_some()) else { continue };
        let session = &rows[first].properties["$session_id"];
        let from_visit = rows.iter().position(|row| row.properties["$session_id"] == *session).unwrap();
        let after = &rows[from_visit..];
        let visits: HashSet<&str> = after.iter().map(|row| row.properties["$session_id"].as_str().unwrap()).collect();
        let searches = after.iter().filter(|row| row.event == "search").count();
        let variant = rows[first].called("smart-search").unwrap();
        sums.entry(variant).or_default().push((searches as f64, visits.len() as f64));
    }
    for variant in &truth.flags[1].variants {
        let pairs = &sums[&variant.key];
        let [searches, visits] = pairs.iter().fold([0.0, 0.0], |[y, x], pair| [y + pair.0, x + pair.1]);
        let rate = searches / visits;
        let residuals: f64 = pairs.iter().map(|(y, x)| (y - rate * x).powi(2)).sum();
        let standard_error = residuals.sqrt() / visits;
        assert!(standard_error < 0.025 * rate);
        assert!((rate - variant.planted).abs() < STANDARD_ERRORS * standard_error, "{}: {rate}", variant.key);
    }
}

#[test]
fn the_split_is_as_configured_and_the_other_flag_changes_nothing() {
    let (truth, _) = &*LARGE;
    for flag in &truth.flags {
        let total: u64 = flag.variants.iter().map(|variant| variant.counted.exposed_persons).sum();
        for variant in &flag.variants {
            let share = f64::from(variant.rollout_percentage) / 100.0;
            let standard_error = (share * (1.0 - share) / total as f64).sqrt();
            let observed = variant.counted.exposed_persons as f64 / total as f64;
            assert!((observed - share).abs() < STANDARD_ERRORS * standard_error, "{}: {observed}", variant.key);
        }
    }
    // Conversion by search variant: the same in all, up to chance.
    let rate = |counts: Counts| counts.funnel_persons[3] as f64 / counts.funnel_persons[0] as f64;
    let rates: Vec<f64> = truth.flags[1].variants.iter().map(|variant| rate(variant.counted)).collect();
    let persons = truth.flags[1].variants[1].counted.funnel_persons[0] as f64;
    let standard_error = (2.0 * rates[0] * (1.0 - rates[0]) / persons).sqrt();
    assert!(rates.iter().all(|rate| (rate - rates[0]).abs() < STANDARD_ERRORS * standard_error), "{rates:?}");
}

#[test]
fn revenue_has_its_distribution() {
    let (truth, rows) = &*LARGE;
    let logs: Vec<f64> = rows.iter().filter_map(|row| row.properties.get("revenue")?.as_f64()).map(f64::ln).collect();
    let count = logs.len() as f64;
    assert!(count > 1_500.0);
    let mean = logs.iter().sum::<f64>() / count;
    let deviation = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
    let planted = truth.revenue.log_standard_deviation;
    assert!((mean - truth.revenue.log_mean).abs() < STANDARD_ERRORS * planted / count.sqrt());
    assert!((deviation - planted).abs() < STANDARD_ERRORS * planted / (2.0 * count).sqrt());
}
