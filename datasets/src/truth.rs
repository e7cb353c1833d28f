//! The truth about a log, written beside it: what was planted, what was counted, and how to ask for it.

use crate::census::Census;
use crate::event::FUNNEL_STEPS;
use crate::flag::{Decision, Flag};
use crate::options::{Effects, Options};
use crate::pathology::PathologyCounts;
use crate::shopper::{QUICK_CHECKOUT, REVENUE_LOG_DEVIATION, REVENUE_LOG_MEAN, SEARCHES_PER_VISIT};
use crate::shopper::{SMART_SEARCH, conversion, search_lift};
use crate::tally::{Counts, FUNNEL_WINDOW_DAYS};
use crate::world::World;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Content of the file `<stem>.truth.json`.
///
/// ```no_run
/// # use abduck_datasets::{Options, generate};
/// let truth = generate(&Options::default(), "shop.parquet".as_ref(), |_| {})?;
/// let checkout = &truth.flags[0];
/// for variant in &checkout.variants {
///     let [viewed, .., purchased] = variant.counted.funnel_persons;
///     println!("{}: {purchased} of {viewed}, planted {}", variant.key, variant.planted);
/// }
/// # Ok::<(), abduck_datasets::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// Program and version that made the log.
    pub generator: String,
    /// All options, the seed among them.
    pub options: Options,
    /// Start of the range, UTC, included.
    pub start: String,
    /// End of the range, UTC, not included.
    pub end: String,
    /// Rows in the file, duplicates included.
    pub rows: u64,
    /// Events, that is distinct values of `uuid`.
    pub events: u64,
    /// Persons.
    pub persons: u64,
    /// Distinct ids of those persons.
    pub distinct_ids: u64,
    /// The two flags.
    pub flags: Vec<FlagTruth>,
    /// How revenue per purchase is distributed.
    pub revenue: RevenueTruth,
    /// Faults, in rows and persons.
    pub pathologies: PathologyCounts,
    /// Definitions to create the experiments with, in the reference's form.
    pub experiments: Vec<Value>,
}

/// One flag: its definition and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagTruth {
    /// The flag's key.
    pub key: String,
    /// The flag's definition in the reference's form.
    pub filters: Value,
    /// What `planted` is: `conversion_per_viewer` or `searches_per_exposed_visit`.
    pub measure: String,
    /// The arms, control first.
    pub variants: Vec<VariantTruth>,
}

/// One arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantTruth {
    /// The variant's key.
    pub key: String,
    /// Its share of the persons in the rollout.
    pub rollout_percentage: u32,
    /// True expected value of the flag's measure: the probability that a person who viewed a product purchases, or the
    /// mean number of searches in a visit from the first exposure on.
    pub planted: f64,
    /// True effect, `planted / planted of control - 1`.
    pub planted_lift: f64,
    /// What is in the log.
    pub counted: Counts,
    /// The same without the persons who are test accounts.
    pub counted_without_test_accounts: Counts,
}

/// `revenue` of a purchase: its logarithm is normal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevenueTruth {
    /// Mean of the logarithm of the revenue in EUR.
    pub log_mean: f64,
    /// Standard deviation of that logarithm.
    pub log_standard_deviation: f64,
    /// True mean in EUR, the same in all variants.
    pub mean: f64,
}

impl Truth {
    pub(crate) fn new(world: &World, census: &Census) -> Self {
        Self {
            generator: concat!("abduck-datasets ", env!("CARGO_PKG_VERSION")).to_owned(),
            options: world.options.clone(),
            start: utc_text(world.calendar.start_us, 0),
            end: utc_text(world.calendar.end_us, 0),
            rows: census.rows,
            events: census.events,
            persons: census.persons,
            distinct_ids: census.distinct_ids,
            flags: (0..world.flags.len()).map(|flag| flag_truth(world, census, flag)).collect(),
            revenue: RevenueTruth {
                log_mean: REVENUE_LOG_MEAN,
                log_standard_deviation: REVENUE_LOG_DEVIATION,
                mean: rounded(libm::exp(REVENUE_LOG_MEAN + REVENUE_LOG_DEVIATION * REVENUE_LOG_DEVIATION / 2.0)),
            },
            pathologies: census.pathologies,
            experiments: experiments(world),
        }
    }
}

/// UTC time as ISO 8601 text, with so many digits of a second.
pub(crate) fn utc_text(time_us: i64, digits: usize) -> String {
    // All times lie in a calendar that was made of valid times.
    jiff::Timestamp::from_microsecond(time_us).map(|time| format!("{time:.digits$}")).unwrap_or_default()
}

fn flag_truth(world: &World, census: &Census, flag: usize) -> FlagTruth {
    let Flag { key, rollout_percentage, variants } = world.flags[flag];
    let planted = |variant: usize| planted(&world.options.effects, flag, Some(Decision::Variant(variant as u8)));
    let variant_truth = |(index, variant): (usize, &crate::flag::Variant)| VariantTruth {
        key: variant.key.to_owned(),
        rollout_percentage: variant.rollout_percentage,
        planted: planted(index),
        planted_lift: rounded(if index == 0 { 0.0 } else { planted(index) / planted(0) - 1.0 }),
        counted: census.tally[flag][index],
        counted_without_test_accounts: census.tally_without_test_accounts[flag][index],
    };
    FlagTruth {
        key: key.to_owned(),
        filters: json!({
            "groups": [{"properties": [], "rollout_percentage": rollout_percentage}],
            "multivariate": {"variants": variants},
        }),
        measure: if flag == QUICK_CHECKOUT { "conversion_per_viewer" } else { "searches_per_exposed_visit" }.to_owned(),
        variants: variants.iter().enumerate().map(variant_truth).collect(),
    }
}

fn planted(effects: &Effects, flag: usize, decision: Option<Decision>) -> f64 {
    if flag == QUICK_CHECKOUT {
        conversion(effects, decision)
    } else {
        rounded(SEARCHES_PER_VISIT * (1.0 + search_lift(effects, decision)))
    }
}

/// To nine decimals: 1.313, not 1.3130000000000002, and the same number for every parser.
fn rounded(value: f64) -> f64 {
    libm::round(value * 1e9) / 1e9
}

fn experiments(world: &World) -> Vec<Value> {
    let steps: Vec<Value> =
        (0..).zip(FUNNEL_STEPS).map(|(order, id): (u32, _)| json!({"id": id, "order": order})).collect();
    let funnel = json!({"insight": "FUNNELS", "events": steps, "funnel_window_days": FUNNEL_WINDOW_DAYS});
    let trend = json!({"insight": "TRENDS", "events": [{"id": "search", "order": 0}]});
    let [checkout, search] = [&world.flags[QUICK_CHECKOUT], &world.flags[SMART_SEARCH]];
    vec![experiment(world, "Quick checkout", checkout, &funnel), experiment(world, "Smart search", search, &trend)]
}

fn experiment(world: &World, name: &str, flag: &Flag, filters: &Value) -> Value {
    json!({
        "name": name,
        "feature_flag_key": flag.key,
        "start_date": utc_text(world.calendar.start_us, 0),
        // The reference includes the second of the end date.
        "end_date": utc_text(world.calendar.end_us - 1_000_000, 0),
        "parameters": {"feature_flag_variants": flag.variants},
        "filters": filters,
    })
}
