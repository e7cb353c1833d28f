//! What do the numbers mean?
//!
//! The room turns counts and moments into probabilities, losses, intervals and verdicts. Everything is computed, nothing
//! is simulated: the same input gives the same number on every run, and what is integrated carries an error bound.
//!
//! - [`dist`]: distributions that stay accurate for counts in the hundreds of millions and far into the tails.
//! - [`bayes`]: which of several posteriors is best, how surely, and what a wrong choice would cost.
//! - [`comparison`]: how the variants of a modern metric compare, from [`inference`] (tests and intervals) and [`believed`]
//!   (bell-shaped posteriors).
//! - [`adjust`], [`poststratify`]: differences with less variance, from what was known of the units before.
//! - [`modern`]: the newest compatible methods, from sums to the answers of the reference.
//! - [`significance`]: the verdict, and the ladder of checks that led to it.
//! - [`poisson`]: the exact test of two event rates.
//! - [`contrast`]: the difference and the ratio of two posteriors.
//! - [`priors`]: learned from past experiments.
//! - [`conjugate`], [`lognormal`]: further priors and posteriors.
//! - [`legacy_funnel`], [`legacy_trend`]: the compatible first-generation statistics of conversion and of count metrics.
//! - [`second`]: those of the second generation.
//! - [`proportion`], [`quantile`], [`mixture`]: classical and exact tests of shares and quantiles, and tests for any number of looks.
//! - [`many`]: families of comparisons. [`mismatch`]: is the split as it should be?
//! - [`calibration`]: how often a test is wrong where the truth is known.
//! - [`novelty`]: does an effect change with the time since the exposure?
//! - [`decision`]: ship, hold, roll back or keep running.
//! - [`power`], [`group_sequential`], [`rule_of_thumb`], [`remaining`], [`past`]: planning.
//!
//! Sources: the reference statistics (section numbers are named at each item); C. Loader, "Fast and accurate computation of
//! binomial probabilities" (2000), for densities that do not cancel; E. Miller, "Formulas for Bayesian A/B testing", for the
//! two-arm closed forms the tests compare with.

mod bell;
mod judge;
mod lanes;
mod measured;
mod moments;
mod observed;
mod quadrature;
mod secondary;
mod slices;
mod standing;

pub mod adjust;
pub mod bayes;
pub mod believed;
pub mod calibration;
pub mod comparison;
mod compatible;
pub mod conjugate;
pub mod contrast;
pub mod decision;
pub mod dist;
pub mod group_sequential;
pub mod inference;
pub mod legacy_funnel;
pub mod legacy_trend;
pub mod lognormal;
pub mod many;
pub mod mismatch;
pub mod mixture;
pub mod modern;
pub mod novelty;
pub mod number;
pub mod past;
pub mod poisson;
pub mod poststratify;
pub mod power;
pub mod priors;
pub mod proportion;
pub mod quantile;
pub mod remaining;
pub mod rule_of_thumb;
pub mod second;
pub mod significance;

pub use bayes::{Bounded, Posterior};
pub use compatible::CompatibleAnswer;
pub use judge::{Estimates, MissingData, Outcome, funnel_arms, judge, trend_arms};
pub use legacy_funnel::FunnelArm;
pub use legacy_trend::TrendArm;
pub use measured::{
    BreakdownCells, ConversionTime, Display, FunnelCell, FunnelCells, Measured, QuantileCell, ReconcileRule,
    ReconcileStep, SeveralVariantsCells, TableCells, TableMetricCells, TrendCell, TrendCells, UnitCell, UnitCells,
    VariantSum,
};
pub use moments::{Moments, OtherMoments};
pub use observed::{
    Observations, Shortfall, observe, observe_fully, observe_table, observe_table_fully, observed_curves,
    unit_variance, variance_explained,
};
pub use secondary::secondary_values;
pub use significance::{Judgement, Rule, Rung, Significance, SignificanceCode};
pub use slices::SliceComparison;
pub use standing::Standing;
