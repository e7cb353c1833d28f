//! Random numbers that are the same on every machine and in every version.
//!
//! The generator is `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): the
//! n-th number is a hash of `key + n * GAMMA`, so a stream costs nothing to start and needs no shared state. Every
//! (seed, person, purpose) has a stream of its own; this is what makes a person a pure function of seed and index.
//! Distributions are written out here on top of the `libm` crate, because the system's `ln` and `cos` differ in the
//! last bit between platforms and a generator crate may change its algorithm in a minor version.

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// What a stream of numbers is used for. Streams are independent: drawing more numbers for one purpose changes
/// nothing elsewhere, so a pathology switched on leaves the underlying log as it was.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Profile = 1,
    Visits,
    Behaviour,
    TestAccount,
    SampleRatioMismatch,
    TwoVariants,
    EqualTimestamps,
    LateRows,
    DuplicateRows,
}

/// One stream of random numbers.
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64, person: u64, purpose: Purpose) -> Self {
        let key = [person, purpose as u64].into_iter().fold(mix(seed), |key, part| mix(key ^ part.wrapping_mul(GAMMA)));
        Self { state: key }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// Uniform in `[0, 1)`, on the grid of 2^-53.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (-53_f64).exp2()
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform in `0..count`, by the high half of a product (the bias is below 2^-32 for the counts used here).
    pub(crate) fn below(&mut self, count: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(count)) >> 64) as u32
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u32) as usize]
    }

    /// Exponential with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// Erlang with shape 4 scaled to mean 1 (standard deviation one half).
    pub(crate) fn erlang(&mut self) -> f64 {
        (0..4).map(|_| self.exponential()).sum::<f64>() / 4.0
    }

    /// Standard normal, by the first half of a Box-Muller pair.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(2.0 * self.exponential());
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Poisson by Knuth's product of uniforms; meant for small means.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        let floor = libm::exp(-mean);
        let mut product = self.unit();
        let mut count = 0;
        while product > floor {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

/// The finaliser of `SplitMix64`.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(draw: impl FnMut(u64) -> f64) -> f64 {
        (0..100_000).map(draw).sum::<f64>() / 100_000.0
    }

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // The sequence for state 1234567 published with the reference implementation (Vigna, splitmix64.c).
        let mut random = Random { state: 1_234_567 };
        let numbers: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn streams_differ_by_seed_person_and_purpose() {
        let first = |seed, person, purpose| Random::new(seed, person, purpose).next();
        let reference = first(1, 1, Purpose::Visits);
        assert_eq!(reference, first(1, 1, Purpose::Visits));
        assert_ne!(reference, first(2, 1, Purpose::Visits));
        assert_ne!(reference, first(1, 2, Purpose::Visits));
        assert_ne!(reference, first(1, 1, Purpose::Profile));
    }

    #[test]
    fn distributions_have_their_moments() {
        // Five standard errors of a mean of 100,000 draws are 0.016 for a standard deviation of 1.
        let mut random = Random::new(7, 0, Purpose::Behaviour);
        assert!((mean(|_| random.unit()) - 0.5).abs() < 0.005);
        assert!((mean(|_| random.exponential()) - 1.0).abs() < 0.016);
        assert!((mean(|_| random.erlang()) - 1.0).abs() < 0.008);
        assert!(mean(|_| random.normal()).abs() < 0.016);
        assert!((mean(|_| random.normal().powi(2)) - 1.0).abs() < 0.023);
        assert!((mean(|_| f64::from(random.poisson(2.5))) - 2.5).abs() < 0.025);
        assert!((mean(|_| f64::from(random.below(9))) - 4.0).abs() < 0.041);
    }
}
