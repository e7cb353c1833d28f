//! Feature flags: who gets which variant.
//!
//! Assignment follows the reference system to the bit, so that an audit that recomputes every variant from the
//! distinct id finds no difference. A flag is a rollout percentage and a list of variants; the person's distinct id at
//! the first exposure decides both.

use serde::Serialize;
use sha1::{Digest, Sha1};

/// One arm of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Variant {
    /// The value the flag answers.
    pub key: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// Its share of the people in the rollout; the shares of a flag sum to 100.
    pub rollout_percentage: u32,
}

/// A feature flag with variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// The key, unique in the project.
    pub key: &'static str,
    /// The share of all people that get a variant; the others get `false`.
    pub rollout_percentage: u32,
    /// The arms, control first.
    pub variants: &'static [Variant],
}

/// What a flag answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Outside the rollout: `false`.
    Off,
    /// The variant with this index.
    Variant(u8),
}

/// Keys of the two flags in every log, in the order of [`flags`].
pub const FLAG_KEYS: [&str; 2] = ["quick-checkout", "smart-search"];

const QUICK_CHECKOUT: &[Variant] = &[
    Variant { key: "control", name: "Checkout in three pages", rollout_percentage: 50 },
    Variant { key: "test", name: "Checkout in one page", rollout_percentage: 50 },
];

const SMART_SEARCH: &[Variant] = &[
    Variant { key: "control", name: "Plain search", rollout_percentage: 34 },
    Variant { key: "suggestions", name: "Search with suggestions", rollout_percentage: 33 },
    Variant { key: "semantic", name: "Search by meaning", rollout_percentage: 33 },
];

/// The two flags of the shop: `quick-checkout` and `smart-search`.
///
/// ```
/// use abduck_datasets::flag::{Decision, flags};
///
/// let [checkout, search] = flags(100);
/// assert_eq!(checkout.decide("user-0000001"), Decision::Variant(0));
/// assert_eq!(search.decide("user-0000002"), Decision::Variant(2));
/// ```
#[must_use]
pub fn flags(rollout_percentage: u32) -> [Flag; 2] {
    [
        Flag { key: FLAG_KEYS[0], rollout_percentage, variants: QUICK_CHECKOUT },
        Flag { key: FLAG_KEYS[1], rollout_percentage, variants: SMART_SEARCH },
    ]
}

impl Flag {
    /// Evaluates the flag for a distinct id.
    ///
    /// Excluded only when the rollout hash is strictly greater than the percentage; the variant is the one whose
    /// half-open interval holds the variant hash, intervals added up in double arithmetic.
    #[must_use]
    pub fn decide(&self, distinct_id: &str) -> Decision {
        let prefix = format!("{}.", self.key);
        if hash(&prefix, distinct_id, "") > f64::from(self.rollout_percentage) / 100.0 {
            return Decision::Off;
        }
        let position = hash(&prefix, distinct_id, "variant");
        let mut upper = 0.0;
        let found = self.variants.iter().position(|variant| {
            upper += f64::from(variant.rollout_percentage) / 100.0;
            position < upper
        });
        found.map_or(Decision::Off, |index| Decision::Variant(index as u8))
    }
}

/// The reference's hash of an id into `[0, 1]`: the first 15 hex digits of SHA-1 over 2^60 - 1.
///
/// ```
/// use abduck_datasets::flag::hash;
///
/// assert_eq!(hash("beta-feature.", "11", ""), 0.38757081034760665);
/// ```
#[must_use]
pub fn hash(prefix: &str, id: &str, salt: &str) -> f64 {
    let digest = Sha1::new().chain_update(prefix).chain_update(id).chain_update(salt).finalize();
    let first_16_digits = digest.iter().take(8).fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    (first_16_digits >> 4) as f64 / 0x0FFF_FFFF_FFFF_FFFF_u64 as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_QUARTER_QUARTER: &[Variant] = &[
        Variant { key: "first-variant", name: "", rollout_percentage: 50 },
        Variant { key: "second-variant", name: "", rollout_percentage: 25 },
        Variant { key: "third-variant", name: "", rollout_percentage: 25 },
    ];

    fn flag(key: &'static str) -> Flag {
        Flag { key, rollout_percentage: 100, variants: HALF_QUARTER_QUARTER }
    }

    #[test]
    #[expect(clippy::unreadable_literal, reason = "copied from the table of published values")]
    fn hashes_have_the_published_values() {
        assert_eq!(hash("holdout-", "example_id", ""), 0.9402003475831224);
        assert_eq!(hash("holdout-", "example_id2", ""), 0.6292740389966519);
        assert_eq!(hash("beta-feature.", "11", ""), 0.38757081034760665);
        assert_eq!(hash("beta-feature.", "example_id", ""), 0.2093039334578348);
        assert_eq!(hash("beta-feature.", "3", ""), 0.9122866950728583);
    }

    #[test]
    fn variants_have_the_published_values() {
        let decisions = ["11", "example_id", "3"].map(|id| flag("beta-feature").decide(id));
        assert_eq!(decisions, [Decision::Variant(0), Decision::Variant(1), Decision::Variant(2)]);
        assert_eq!(flag("flag-with-gt-filter").decide("example_id"), Decision::Variant(1));
        assert_eq!(flag("other-flag-with-gt-filter").decide("example_id"), Decision::Variant(2));
    }

    #[test]
    fn rollout_cuts_by_its_own_hash() {
        // The rollout hash of "11" is 0.3876 and of "3" is 0.9123.
        let flag = Flag { rollout_percentage: 40, ..flag("beta-feature") };
        assert_eq!(flag.decide("11"), Decision::Variant(0));
        assert_eq!(flag.decide("3"), Decision::Off);
    }

    #[test]
    fn shares_sum_to_one_hundred() {
        for flag in flags(100) {
            assert_eq!(flag.variants.iter().map(|variant| variant.rollout_percentage).sum::<u32>(), 100);
            assert_eq!(flag.variants[0].key, "control");
        }
    }
}
