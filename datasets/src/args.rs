//! The command line, as typed.

use abduck_datasets::{Effects, Options, Pathologies};
use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;
use std::path::PathBuf;

/// Event logs of A/B tests with a known truth
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write the log of a web shop with two experiments, and the truth about it
    #[command(after_help = AFTER_HELP)]
    Generate(Box<Generate>),
}

const AFTER_HELP: &str = "\
The log has two flags: quick-checkout (control, test) changes the conversion from product_viewed to
purchase; smart-search (control, suggestions, semantic) changes the number of search events. The
truth goes to <stem>.truth.json beside the log: planted effects, exact counts, and experiment
definitions. Equal options give equal bytes.

Example:
  abduck-datasets generate --events 200000 --seed 42 --start 2026-03-02 --days 28 -o shop.parquet";

#[derive(Args)]
pub(crate) struct Generate {
    /// File to write; the extension decides: .parquet, .csv, .ndjson or .jsonl
    #[arg(short, long)]
    pub(crate) output: PathBuf,
    /// Number of events, before pathologies add or drop some; the last person's are completed
    #[arg(long, default_value_t = Options::default().events)]
    events: u64,
    /// Start of all randomness
    #[arg(long, default_value_t = Options::default().seed)]
    seed: u64,
    /// First local day
    #[arg(long, default_value_t = Options::default().start)]
    start: Date,
    /// Number of local days
    #[arg(long, default_value_t = Options::default().days)]
    days: u32,
    /// IANA time zone of the shop: its clock drives the daily pattern, daylight-saving changes included
    #[arg(long, default_value_t = Options::default().zone)]
    zone: String,
    /// Percentage of persons that the flags give a variant; the others are answered false
    #[arg(long, value_name = "PERCENT", default_value_t = Options::default().rollout_percentage)]
    rollout: u32,
    #[command(flatten)]
    effects: EffectArguments,
    #[command(flatten)]
    pathologies: PathologyArguments,
}

#[derive(Args)]
#[command(next_help_heading = "True effects")]
struct EffectArguments {
    /// Probability that a person who viewed a product purchases, in quick-checkout = control
    #[arg(long, value_name = "PROBABILITY", default_value_t = Options::default().effects.conversion_control)]
    conversion_control: f64,
    /// The same in quick-checkout = test
    #[arg(long, value_name = "PROBABILITY", default_value_t = Options::default().effects.conversion_test)]
    conversion_test: f64,
    /// Relative change of searches in smart-search = suggestions
    #[arg(long, value_name = "LIFT", allow_negative_numbers = true,
        default_value_t = Options::default().effects.suggestions_lift)]
    suggestions_lift: f64,
    /// Relative change of searches in smart-search = semantic
    #[arg(long, value_name = "LIFT", allow_negative_numbers = true,
        default_value_t = Options::default().effects.semantic_lift)]
    semantic_lift: f64,
}

#[derive(Args)]
#[command(next_help_heading = "Pathologies (shares from 0 to 1)")]
struct PathologyArguments {
    /// Of the persons in quick-checkout = test, lose the exposures and flag properties of this share
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    sample_ratio_mismatch: f64,
    /// Evaluate the flags of this share of persons again, by user id, at sign-in: many see two variants
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    two_variants: f64,
    /// Let this share of rows arrive 1 to 24 hours late, so that file order is not time order
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    late_rows: f64,
    /// Repeat this share of rows, with the same uuid
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    duplicate_rows: f64,
    /// Give this share of events the timestamp of the event before
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    equal_timestamps: f64,
    /// Make this share of persons internal: a mark on their events, an address at example.com
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    test_accounts: f64,
}

impl Generate {
    /// What the arguments mean; the library checks the values.
    pub(crate) fn options(&self) -> Options {
        let EffectArguments { conversion_control, conversion_test, suggestions_lift, semantic_lift } = self.effects;
        let faults = &self.pathologies;
        Options {
            seed: self.seed,
            events: self.events,
            start: self.start,
            days: self.days,
            zone: self.zone.clone(),
            rollout_percentage: self.rollout,
            effects: Effects { conversion_control, conversion_test, suggestions_lift, semantic_lift },
            pathologies: Pathologies {
                sample_ratio_mismatch: faults.sample_ratio_mismatch,
                two_variants: faults.two_variants,
                late_rows: faults.late_rows,
                duplicate_rows: faults.duplicate_rows,
                equal_timestamps: faults.equal_timestamps,
                test_accounts: faults.test_accounts,
            },
        }
    }
}
