//! What the benches of abduck are run on: counts like those of a shop, and the peers they are measured against.
//!
//! Run them with `make bench`; every claim about speed is a ratio against a peer in the same run.

mod simulation;

pub use simulation::simulated_probability_best;

/// Conversions of so many variants: successes and failures of each, a little better one after the other.
#[must_use]
pub fn conversions(variants: u32) -> Vec<(f64, f64)> {
    (0..variants).map(|variant| (1000.0 + 12.0 * f64::from(variant), 9000.0 - 7.0 * f64::from(variant))).collect()
}
