//! Arguments of planning.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::GivenMetricArguments;
use super::values::moment;

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// How many units a comparison needs, from assumptions; no lab is needed
    Size(SizeArguments),
    /// How much longer an experiment has to run to see an effect, from its own data
    Remaining(RemainingArguments),
    /// How many units and days an experiment will need, from the events that the lab has already
    Past(PastArguments),
    /// What to believe of a metric before the data, learned from the lab's experiments that are over
    Prior(GivenMetricArguments),
}

#[derive(Args, Debug)]
pub(crate) struct SizeArguments {
    /// The share of units that convert, between 0 and 1
    #[arg(long, required_unless_present = "mean", conflicts_with_all = ["mean", "sd"])]
    pub(crate) rate: Option<f64>,
    /// The mean over units
    #[arg(long, requires = "sd")]
    pub(crate) mean: Option<f64>,
    /// The standard deviation over units
    #[arg(long, requires = "mean")]
    pub(crate) sd: Option<f64>,
    /// The relative effect to see: 0.05 or 5%
    #[arg(long, value_parser = share)]
    pub(crate) lift: f64,
    /// The two-sided error rate
    #[arg(long, default_value = "0.05", value_parser = share)]
    pub(crate) alpha: f64,
    /// The probability to see the effect
    #[arg(long, default_value = "0.8", value_parser = share)]
    pub(crate) power: f64,
    /// The share of the variance that a covariate takes out
    #[arg(long, default_value = "0", value_parser = share)]
    pub(crate) variance_reduction: f64,
    /// The number of variants, the baseline included
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=100))]
    pub(crate) variants: u32,
    /// Units that come per day, for the days it takes
    #[arg(long, value_name = "UNITS")]
    pub(crate) per_day: Option<f64>,
}

#[derive(Args, Debug)]
pub(crate) struct RemainingArguments {
    #[command(flatten)]
    pub(crate) given: GivenMetricArguments,
    /// The relative effect to see: 0.05 or 5%
    #[arg(long, default_value = "5%", value_parser = share)]
    pub(crate) lift: f64,
    /// The probability to see the effect
    #[arg(long, default_value = "0.8", value_parser = share)]
    pub(crate) power: f64,
}

#[derive(Args, Debug)]
pub(crate) struct PastArguments {
    /// The metric: a YAML or JSON file, - for stdin, or JSON in braces
    pub(crate) metric: String,
    /// The event by which people will come into the experiment, or JSON such as {"event": "view", "properties": []}
    #[arg(long, value_name = "EVENT")]
    pub(crate) exposure: String,
    /// How many days of the past are looked at
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) days: u32,
    /// The relative effect to see: 0.05 or 5%
    #[arg(long, default_value = "5%", value_parser = share)]
    pub(crate) lift: f64,
    /// The probability to see it
    #[arg(long, default_value = "0.8", value_parser = share)]
    pub(crate) power: f64,
    /// The two-sided error rate
    #[arg(long, default_value = "0.05", value_parser = share)]
    pub(crate) alpha: f64,
    /// The number of variants, the baseline included
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=100))]
    pub(crate) variants: u32,
    /// Whether the lab's test accounts are left out
    #[arg(long)]
    pub(crate) filter_test_accounts: bool,
    /// The moment until which the past is looked at [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(crate) struct CalibrateArguments {
    #[command(flatten)]
    pub(crate) given: GivenMetricArguments,
    /// How often the units are put into two variants
    #[arg(long, default_value_t = 1000)]
    pub(crate) rounds: u32,
    /// The relative effect that is planted to see how often it is found: 0.05 or 5%
    #[arg(long, default_value = "5%", value_parser = share)]
    pub(crate) lift: f64,
}

#[derive(Args, Debug)]
pub(crate) struct InfluenceArguments {
    #[command(flatten)]
    pub(crate) given: GivenMetricArguments,
    /// How many of the largest units are left out
    #[arg(long, default_value_t = 1)]
    pub(crate) top: usize,
}

/// A share: `0.05` or `5%`.
fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = text.trim().strip_suffix('%').map_or((text.trim(), 1.0), |number| (number.trim(), 100.0));
    let number: f64 = number.parse().map_err(|_| format!("'{text}' is no number; write 0.05 or 5%"))?;
    if number.is_finite() { Ok(number / unit) } else { Err(format!("'{text}' is no finite number")) }
}
