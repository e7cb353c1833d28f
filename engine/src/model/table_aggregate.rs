//! Metrics given as sums per variant, checked for what no data can give.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::fields::{Fields, invalid};

/// Sums over units, per metric and variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregates {
    /// The metrics by name, each with its variants by key.
    pub metrics: IndexMap<String, IndexMap<String, AggregateSums>>,
    /// The key of the baseline; without it, `control`.
    pub baseline: Option<String>,
}

/// What a variant of a metric came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AggregateSums {
    /// The number of units.
    pub number_of_samples: u64,
    /// The sum of their values; of a ratio, of the numerators.
    pub sum: f64,
    /// The sum of the squares.
    pub sum_squares: f64,
    /// The sums of the second value, if there is one.
    pub other: Option<OtherSums>,
}

/// The sums of a second value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OtherSums {
    /// What it is.
    pub role: OtherRole,
    /// Its sum.
    pub sum: f64,
    /// The sum of its squares.
    pub sum_squares: f64,
    /// The sum of its products with the first value.
    pub sum_product: f64,
}

/// What a second value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherRole {
    /// What the first is divided by (M-40).
    Denominator,
    /// The value before the experiment (M-61).
    Covariate,
}

/// The keys of sums: of the first value, and by role of the second.
pub const KEYS: [&str; 9] = [
    "number_of_samples",
    "sum",
    "sum_squares",
    "denominator_sum",
    "denominator_sum_squares",
    "numerator_denominator_sum_product",
    "covariate_sum",
    "covariate_sum_squares",
    "covariate_sum_product",
];

/// Sums beyond which whole numbers are not exact.
const SAMPLES_MAX: f64 = 9_007_199_254_740_992.0;

impl Aggregates {
    /// Reads `{metric: {variant: {"number_of_samples": …, "sum": …, "sum_squares": …}}}`, where keys with `denominator` make
    /// the metric a ratio, and those with `covariate` give it one. For a single metric the outer level may be left out.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a key is unknown or missing, or sums are impossible.
    ///
    /// ```
    /// use abduck::model::table_aggregate::Aggregates;
    ///
    /// let sums = serde_json::json!({"revenue": {
    ///     "control": {"number_of_samples": 2, "sum": 3, "sum_squares": 5},
    ///     "test": {"number_of_samples": 2, "sum": 3, "sum_squares": 4},
    /// }});
    /// let error = Aggregates::from_json(&sums, None).unwrap_err();
    /// assert!(error.to_string().contains("negative variance"), "{error}");
    /// ```
    pub fn from_json(sums: &Value, baseline: Option<String>) -> Result<Self> {
        let map = sums.as_object().ok_or_else(|| Error::invalid("aggregates must be an object"))?;
        let is_single = map.values().any(|inner| inner.as_object().is_some_and(|map| map.contains_key(KEYS[0])));
        let single;
        let map = if is_single {
            single = Map::from_iter([("metric".to_owned(), sums.clone())]);
            &single
        } else {
            map
        };
        let mut metrics = IndexMap::new();
        for (name, variants) in map {
            let variants = variants.as_object().filter(|variants| !variants.is_empty());
            let variants = variants.ok_or_else(|| invalid(name, "must be an object with a variant at least"))?;
            metrics.insert(name.clone(), metric(name, variants)?);
        }
        if metrics.is_empty() {
            return Err(Error::invalid("there are no aggregates"));
        }
        Ok(Self { metrics, baseline })
    }
}

fn metric(name: &str, variants: &Map<String, Value>) -> Result<IndexMap<String, AggregateSums>> {
    let mut metric = IndexMap::new();
    for (key, sums) in variants {
        let place = format!("{name}.{key}");
        let map = sums.as_object().ok_or_else(|| invalid(&place, "must be an object"))?;
        let sums = AggregateSums::read(&Fields { map, place })?;
        metric.insert(key.clone(), sums);
    }
    let roles: Vec<_> = metric.values().map(|sums: &AggregateSums| sums.other.map(|other| other.role)).collect();
    if roles.iter().any(|role| *role != roles[0]) {
        return Err(invalid(name, "all variants must have the same sums"));
    }
    Ok(metric)
}

impl AggregateSums {
    fn read(fields: &Fields<'_>) -> Result<Self> {
        fields.refuse_unknown(&KEYS)?;
        let required = |key: &str| finite(fields, key)?.ok_or_else(|| invalid(&fields.at(key), "is missing"));
        let samples = required(KEYS[0])?;
        if samples < 0.0 || samples.fract() != 0.0 || samples > SAMPLES_MAX {
            let message = format!("must be a whole number of units, not {samples}");
            return Err(invalid(&fields.at(KEYS[0]), message));
        }
        let other = match (other(fields, OtherRole::Denominator, 3)?, other(fields, OtherRole::Covariate, 6)?) {
            (Some(_), Some(_)) => return Err(invalid(&fields.place, "a ratio has no covariate")),
            (denominator, covariate) => denominator.or(covariate),
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and positive")]
        let number_of_samples = samples as u64;
        let sums = Self { number_of_samples, sum: required(KEYS[1])?, sum_squares: required(KEYS[2])?, other };
        sums.check(samples, &fields.place)?;
        Ok(sums)
    }

    /// Refuses what no numbers add up to, up to rounding.
    fn check(&self, samples: f64, place: &str) -> Result<()> {
        let other = self.other.map_or((0.0, 0.0, 0.0), |other| (other.sum, other.sum_squares, other.sum_product));
        if samples == 0.0 {
            let all = [self.sum, self.sum_squares, other.0, other.1, other.2];
            return if all.iter().all(|sum| *sum == 0.0) { Ok(()) } else { Err(invalid(place, "no units, but sums")) };
        }
        let spread = |sum: f64, squares: f64| squares - sum * (sum / samples);
        for (sum, squares, of) in [(self.sum, self.sum_squares, "values"), (other.0, other.1, "second values")] {
            let is_constant = samples == 1.0 && spread(sum, squares) > ROUNDING * squares.abs();
            if spread(sum, squares) < -ROUNDING * squares.abs().max(sum * (sum / samples)) || is_constant {
                let what = if is_constant { "a single unit with a variance" } else { "a negative variance" };
                let message = format!("the sums of the {of} give {what}: no {samples} numbers add up to them");
                return Err(
                    invalid(place, message).hint("check that sum_squares is the sum of squares, not a variance")
                );
            }
        }
        let (left, right) = (spread(self.sum, self.sum_squares).max(0.0), spread(other.0, other.1).max(0.0));
        let together = other.2 - self.sum * (other.0 / samples);
        let rounding = ROUNDING * (self.sum_squares * other.1).abs().sqrt();
        if together.abs() > (left * right).sqrt() * (1.0 + ROUNDING) + rounding {
            return Err(invalid(place, "the sum of the products gives a correlation beyond 1")
                .hint("check that the product is summed unit by unit"));
        }
        Ok(())
    }
}

/// How far sums may be off, as a share of the sum of squares: they were rounded on their way.
const ROUNDING: f64 = 1e-9;

/// The sums of a second value, whose three keys begin at an index; none without any of them.
fn other(fields: &Fields<'_>, role: OtherRole, first: usize) -> Result<Option<OtherSums>> {
    let keys = &KEYS[first..first + 3];
    if keys.iter().all(|key| fields.get(key).is_none()) {
        return Ok(None);
    }
    let required = |key: &str| finite(fields, key)?.ok_or_else(|| invalid(&fields.at(key), "is missing"));
    let (sum, sum_squares, sum_product) = (required(keys[0])?, required(keys[1])?, required(keys[2])?);
    Ok(Some(OtherSums { role, sum, sum_squares, sum_product }))
}

fn finite(fields: &Fields<'_>, key: &str) -> Result<Option<f64>> {
    fields.number(key, f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn impossible_sums_are_refused() {
        let of = |sums: Value| Aggregates::from_json(&json!({"m": {"control": sums}}), None);
        let message = |sums: Value| of(sums).unwrap_err().to_string();
        assert!(message(json!({"number_of_samples": 3, "sum": 6, "sum_squares": 11})).contains("a negative variance"));
        assert!(
            message(json!({"number_of_samples": -1, "sum": 0, "sum_squares": 0})).contains("a whole number of units")
        );
        assert!(message(json!({"number_of_samples": 1.5, "sum": 0, "sum_squares": 0})).contains("a whole number"));
        assert_eq!(message(json!({"number_of_samples": 0, "sum": 1, "sum_squares": 0})), "no units, but sums");
        assert!(message(json!({"number_of_samples": 1, "sum": 2, "sum_squares": 9})).contains("a single unit"));
        assert_eq!(message(json!({"number_of_samples": 1, "sum": 2})), "is missing");
        let pair = json!({"number_of_samples": 2, "sum": 3, "sum_squares": 5, "denominator_sum": 3,
            "denominator_sum_squares": 5, "numerator_denominator_sum_product": 6});
        assert_eq!(message(pair), "the sum of the products gives a correlation beyond 1");
        // 0.1 + 0.2 and so on: rounding is no reason to refuse.
        let rounded = json!({"number_of_samples": 3, "sum": 0.3, "sum_squares": 0.029_999_999_999_999_99});
        assert!(of(rounded).is_ok());
    }

    #[test]
    fn a_single_metric_needs_no_name_but_equal_sums() {
        let sums = json!({"number_of_samples": 2, "sum": 3, "sum_squares": 5});
        let read = Aggregates::from_json(&json!({"control": sums, "test": sums}), None).unwrap();
        assert_eq!(read.metrics.keys().collect::<Vec<_>>(), ["metric"]);
        let more = json!({"number_of_samples": 2, "sum": 3, "sum_squares": 5, "covariate_sum": 0,
            "covariate_sum_squares": 0, "covariate_sum_product": 0});
        let error = Aggregates::from_json(&json!({"m": {"control": sums, "test": more}}), None).unwrap_err();
        assert_eq!(error.to_string(), "all variants must have the same sums");
    }
}
