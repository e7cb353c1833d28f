//! Numbers that are counts most of the time, and sums some of the time.

use std::cmp::Ordering;

use serde::Serializer;
use serde::ser::SerializeSeq;

/// The largest magnitude up to which every whole number is a double: 2^53.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Writes a number, a whole one as an integer.
///
/// # Errors
/// Those of the serializer.
pub fn one<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match whole(*number) {
        Some(whole) => serializer.serialize_i64(whole),
        None => serializer.serialize_f64(*number),
    }
}

/// Writes numbers, whole ones as integers.
///
/// # Errors
/// Those of the serializer.
pub fn many<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(numbers.len()))?;
    for number in numbers {
        match whole(*number) {
            Some(whole) => list.serialize_element(&whole)?,
            None => list.serialize_element(number)?,
        }
    }
    list.end()
}

/// The number as an integer, if it is one that doubles hold exactly.
#[must_use]
pub fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    (number.fract() == 0.0 && number.abs() <= WHOLE_MAX).then_some(number as i64)
}

/// A count as a number.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of events stay far below 2^53")]
pub fn from_count(count: u64) -> f64 {
    count as f64
}

/// A number in the total order of doubles.
#[derive(Clone, Copy, Debug)]
pub struct Ordered(pub f64);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    #[derive(Serialize)]
    struct Numbers(#[serde(serialize_with = "super::many")] Vec<f64>);

    #[test]
    fn whole_numbers_are_written_as_integers() {
        let numbers = Numbers(vec![0.0, -0.0, 20.0, 20.5, -3.0, 1e300]);
        assert_eq!(serde_json::to_string(&numbers).unwrap(), "[0,0,20,20.5,-3,1e+300]");
    }
}
