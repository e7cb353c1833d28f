//! The peer of the exact posteriors: draws, as the compatible system does it.

/// Numbers that look random: `xorshift64*` (Vigna 2016), with a fixed start.
struct Draws(u64);

impl Draws {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Marsaglia and Tsang 2000, for shapes of at least 1.
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }
}

/// The share of draws in which each variant converts best, from successes and failures and a flat prior.
#[must_use]
pub fn simulated_probability_best(arms: &[(f64, f64)], draws: u32) -> Vec<f64> {
    let mut source = Draws(0x9E37_79B9_7F4A_7C15);
    let mut wins = vec![0.0; arms.len()];
    for _ in 0..draws {
        let mut best = (0, f64::NEG_INFINITY);
        for (arm, (successes, failures)) in arms.iter().enumerate() {
            let rate = source.beta(successes + 1.0, failures + 1.0);
            if rate > best.1 {
                best = (arm, rate);
            }
        }
        wins[best.0] += 1.0;
    }
    wins.iter().map(|wins| wins / f64::from(draws)).collect()
}

#[cfg(test)]
mod tests {
    use abduck::stats::Posterior;
    use abduck::stats::bayes::probability_best;

    use super::*;
    use crate::conversions;

    #[test]
    fn the_peer_answers_the_same_question() {
        let arms = conversions(3);
        let posteriors: Vec<Posterior> = arms
            .iter()
            .map(|(successes, failures)| Posterior::beta(successes + 1.0, failures + 1.0).unwrap())
            .collect();
        let exact = probability_best(&posteriors).unwrap().value;
        for (simulated, exact) in simulated_probability_best(&arms, 100_000).iter().zip(exact) {
            assert!((simulated - exact).abs() < 0.008, "{simulated} {exact}");
        }
    }
}
