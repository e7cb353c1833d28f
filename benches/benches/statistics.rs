//! A full verdict, exact, against the same question asked of 10,000 and of 100,000 draws.

use std::hint::black_box;

use abduck::error::Result;
use abduck::plan::Statistics;
use abduck::stats::Posterior;
use abduck::stats::bayes::standings;
use abduck::stats::comparison::{Arm, Comparisons, Nature, believe_all, compare};
use abduck::stats::inference::Estimate;
use abduck::stats::{FunnelArm, Moments, legacy_funnel};
use abduck_benches::{conversions, simulated_probability_best};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const DRAWS: [u32; 2] = [10_000, 100_000];

fn arms(nature: Nature, variants: u32) -> Vec<Arm> {
    let arm = |(index, (successes, failures)): (usize, (f64, f64))| {
        let count = successes + failures;
        let value = successes / count;
        let unit_variance = if nature == Nature::Share { value * (1.0 - value) } else { 3.0 * value };
        Arm {
            covaried: None,
            variant: format!("variant-{index}"),
            estimate: Estimate { count, value, unit_variance },
            moments: Moments::default(),
            has_covariate: false,
        }
    };
    conversions(variants).into_iter().enumerate().map(arm).collect()
}

fn verdict(nature: Nature, arms: &[Arm]) -> Result<Comparisons> {
    let statistics = Statistics::default();
    let mut comparisons = compare(nature, arms, &statistics)?;
    believe_all(&mut comparisons, nature, arms, &statistics)?;
    Ok(comparisons)
}

fn verdicts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verdict");
    for variants in [2, 3, 10] {
        for (name, nature) in [("shares", Nature::Share), ("means", Nature::Mean)] {
            let arms = arms(nature, variants);
            group.bench_with_input(BenchmarkId::new(name, variants), &arms, |bencher, arms| {
                bencher.iter(|| verdict(nature, black_box(arms)));
            });
        }
        let counts = conversions(variants);
        let funnel = |(index, (successes, failures)): (usize, &(f64, f64))| {
            FunnelArm::new(if index == 0 { "control".to_owned() } else { index.to_string() }, *successes, *failures)
        };
        let arms: Vec<FunnelArm> = counts.iter().enumerate().map(funnel).collect();
        group.bench_with_input(BenchmarkId::new("compatible", variants), &arms, |bencher, arms| {
            bencher.iter(|| legacy_funnel::judge(arms.first(), black_box(&arms[1..])));
        });
        let beta = |(successes, failures): &(f64, f64)| Posterior::beta(successes + 1.0, failures + 1.0);
        if let Ok(posteriors) = counts.iter().map(beta).collect::<Result<Vec<_>>>() {
            group.bench_with_input(BenchmarkId::new("best and loss", variants), &posteriors, |bencher, posteriors| {
                bencher.iter(|| standings(black_box(posteriors)));
            });
        }
        group.sample_size(10);
        for draws in DRAWS {
            let name = BenchmarkId::new(format!("simulated with {draws} draws"), variants);
            group.bench_with_input(name, &counts, |bencher, counts| {
                bencher.iter(|| simulated_probability_best(black_box(counts), draws));
            });
        }
        group.sample_size(100);
    }
    group.finish();
}

criterion_group!(benches, verdicts);
criterion_main!(benches);
