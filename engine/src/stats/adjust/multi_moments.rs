//! Centred moments of several values per unit.
//!
//! Whatever a regression needs of the units is in them, so that single units need not be kept (J. Wong et al., "You
//! only compress once: optimal data compression for estimating linear models", 2021).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stats::moments::exact_sum;
use crate::stats::number::from_count;

/// Rounding may put a co-moment above the geometric mean of its second moments by this part of it.
const CO_MOMENT_SLACK: f64 = 1e-9;
/// Rounding makes a value that never varies look as if it varied by this part of its mean.
const MEAN_SLACK: f64 = 1e-12;

/// Count, sums and centred co-moments of a vector of values over units.
///
/// The outcome comes first (of a ratio, what is divided and what it is divided by), then the covariates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct MultiMoments {
    count: u64,
    sums: Vec<f64>,
    /// The lower triangle, row by row: (0, 0), (1, 0), (1, 1), (2, 0), ...
    co_moments: Vec<f64>,
}

/// Moments as they are written, before they are checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    count: u64,
    sums: Vec<f64>,
    co_moments: Vec<f64>,
}

impl TryFrom<Parts> for MultiMoments {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        Self::from_parts(parts.count, parts.sums, parts.co_moments)
    }
}

impl From<MultiMoments> for Parts {
    fn from(MultiMoments { count, sums, co_moments }: MultiMoments) -> Self {
        Self { count, sums, co_moments }
    }
}

impl MultiMoments {
    /// Of one row of values per unit, in two passes: the sums without loss of small values beside large ones (Neumaier
    /// 1974), then the products of the distances from the means, less what the rounding of the means adds (Chan, Golub,
    /// `LeVeque` 1983).
    ///
    /// ```
    /// use abduck::stats::adjust::MultiMoments;
    ///
    /// let moments = MultiMoments::of(&[[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]])?;
    /// assert_eq!((moments.count(), moments.mean(0), moments.mean(1)), (3, Some(3.0), Some(20.0)));
    /// assert_eq!((moments.co_moment(0, 0), moments.co_moment(0, 1)), (Some(14.0), Some(90.0)));
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_shape` for rows of different lengths, `out_of_range` for a value that is not finite, or so large that a
    /// moment is not.
    pub fn of<Row: AsRef<[f64]>>(rows: &[Row]) -> Result<Self> {
        let Some(first) = rows.first() else { return Ok(Self::default()) };
        let width = first.as_ref().len();
        check_rows(rows, width)?;
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let units = from_count(count);
        let columns = (0..width).map(|index| column(rows, index));
        let sums: Vec<f64> = columns.clone().map(|values| exact_sum(values.into_iter())).collect();
        let distances: Vec<Vec<f64>> = columns
            .zip(&sums)
            .map(|(values, sum)| values.into_iter().map(|value| value - sum / units).collect())
            .collect();
        let lost: Vec<f64> = distances.iter().map(|column| exact_sum(column.iter().copied())).collect();
        let co_moments = lower_triangle(width)
            .map(|(row, other)| {
                let products = distances[row].iter().zip(&distances[other]).map(|(a, b)| a * b);
                let co_moment = exact_sum(products) - lost[row] * (lost[other] / units);
                if row == other && co_moment < 0.0 { 0.0 } else { co_moment }
            })
            .collect();
        Self { count, sums, co_moments }.finite()
    }

    /// From their parts, such as a database makes them; `co_moments` are the sums over units of the products of the
    /// distances of two values from their means, the lower triangle row by row: (0, 0), (1, 0), (1, 1), (2, 0), ...
    ///
    /// ```
    /// use abduck::stats::adjust::MultiMoments;
    ///
    /// let moments = MultiMoments::from_parts(3, vec![9.0, 60.0], vec![14.0, 90.0, 600.0])?;
    /// assert_eq!(moments, MultiMoments::of(&[[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]])?);
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_shape` for a triangle that does not fit the sums, `out_of_range` for numbers that are not finite or
    /// that no values can have: a negative second moment, or a co-moment above the geometric mean of both second
    /// moments.
    pub fn from_parts(count: u64, sums: Vec<f64>, co_moments: Vec<f64>) -> Result<Self> {
        let width = sums.len();
        if co_moments.len() != lower_triangle(width).count() {
            let message = format!("{width} sums need {} co-moments, got {}", width * (width + 1) / 2, co_moments.len());
            return Err(Error::invalid_field("co_moments", "invalid_shape", message));
        }
        let moments = Self { count, sums, co_moments }.finite()?;
        if count == 0 {
            let is_zero = moments.sums.iter().chain(&moments.co_moments).all(|number| *number == 0.0);
            return if is_zero { Ok(Self::default()) } else { Err(impossible("no units have moments other than 0")) };
        }
        moments.check_possible()?;
        Ok(moments)
    }

    /// The moments of both sets of units together, which must have none in common (Chan, Golub, `LeVeque` 1983).
    ///
    /// ```
    /// use abduck::stats::adjust::MultiMoments;
    ///
    /// let first = MultiMoments::of(&[[1.0, 10.0], [2.0, 10.0]])?;
    /// let merged = first.merge(&MultiMoments::of(&[[6.0, 40.0]])?)?;
    /// assert_eq!(merged, MultiMoments::of(&[[1.0, 10.0], [2.0, 10.0], [6.0, 40.0]])?);
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalid_shape` for moments of different numbers of values, `out_of_range` when a moment of both is not finite.
    pub fn merge(&self, others: &Self) -> Result<Self> {
        if self.count == 0 || others.count == 0 {
            return Ok(if self.count == 0 { others.clone() } else { self.clone() });
        }
        check_same_width(self, others)?;
        let count = self.count.checked_add(others.count).ok_or_else(|| impossible("too many units to count"))?;
        let weight = self.units() * others.units() / from_count(count);
        let apart: Vec<f64> = self.means().zip(others.means()).map(|(own, other)| other - own).collect();
        let co_moment = |((row, column), (own, other)): ((usize, usize), (&f64, &f64))| {
            own + other + apart[row] * apart[column] * weight
        };
        let pairs = self.co_moments.iter().zip(&others.co_moments);
        Self {
            count,
            sums: self.sums.iter().zip(&others.sums).map(|(own, other)| own + other).collect(),
            co_moments: lower_triangle(self.width()).zip(pairs).map(co_moment).collect(),
        }
        .finite()
    }

    /// The number of units.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The number of values per unit; 0 where there are no units.
    #[must_use]
    pub fn width(&self) -> usize {
        self.sums.len()
    }

    /// The mean of a value; `None` where there is no such value.
    #[must_use]
    pub fn mean(&self, index: usize) -> Option<f64> {
        self.means().nth(index)
    }

    /// The sum over units of the products of the distances of two values from their means; `None` where there is no
    /// such value.
    #[must_use]
    pub fn co_moment(&self, one: usize, other: usize) -> Option<f64> {
        let (row, column) = (one.max(other), one.min(other));
        (row < self.width()).then(|| self.co_moments.get(row * (row + 1) / 2 + column).copied()).flatten()
    }

    pub(super) fn units(&self) -> f64 {
        from_count(self.count)
    }

    pub(super) fn means(&self) -> impl Iterator<Item = f64> {
        self.sums.iter().map(|sum| sum / self.units())
    }

    /// The co-moments of a value with the values from `start` on.
    pub(super) fn co_moments_from(&self, start: usize, value: usize) -> Vec<f64> {
        (start..self.width()).filter_map(|other| self.co_moment(value, other)).collect()
    }

    fn finite(self) -> Result<Self> {
        if self.sums.iter().chain(&self.co_moments).all(|number| number.is_finite()) {
            return Ok(self);
        }
        Err(impossible("a sum or a co-moment is not a finite number").hint("measure the values in a larger unit"))
    }

    fn check_possible(&self) -> Result<()> {
        let deviations = self.means().enumerate().map(|(index, mean)| {
            let second_moment = self.co_moment(index, index).unwrap_or_default();
            if second_moment < 0.0 {
                return Err(impossible(format!("the second moment of value {index} is negative: {second_moment}")));
            }
            Ok((second_moment.sqrt(), MEAN_SLACK * mean.abs() * self.units().sqrt()))
        });
        let deviations = deviations.collect::<Result<Vec<_>>>()?;
        for ((row, column), co_moment) in lower_triangle(self.width()).zip(&self.co_moments) {
            let ((one, one_slack), (other, other_slack)) = (deviations[row], deviations[column]);
            if co_moment.abs() > (one + one_slack) * (other + other_slack) * (1.0 + CO_MOMENT_SLACK) {
                let message =
                    format!("the co-moment of values {column} and {row} is larger than theirs allow: {co_moment}");
                return Err(impossible(message));
            }
        }
        Ok(())
    }
}

/// Refuses moments of different numbers of values.
pub(super) fn check_same_width(one: &MultiMoments, other: &MultiMoments) -> Result<()> {
    if one.width() == other.width() {
        return Ok(());
    }
    let message = format!("all units must have as many values, got {} and {}", one.width(), other.width());
    Err(Error::invalid_field("rows", "invalid_shape", message))
}

fn check_rows<Row: AsRef<[f64]>>(rows: &[Row], width: usize) -> Result<()> {
    for (unit, row) in rows.iter().map(AsRef::as_ref).enumerate() {
        if row.len() != width {
            let message = format!("all units must have {width} values as the first, unit {unit} has {}", row.len());
            return Err(Error::invalid_field("rows", "invalid_shape", message));
        }
        if let Some(index) = row.iter().position(|value| !value.is_finite()) {
            let message = format!("value {index} of unit {unit} is not a finite number");
            let hint = "for a missing covariate give a constant, and one more covariate that is 1 where it is missing";
            return Err(Error::invalid_field("rows", "out_of_range", message).hint(hint));
        }
    }
    Ok(())
}

fn column<Row: AsRef<[f64]>>(rows: &[Row], index: usize) -> Vec<f64> {
    rows.iter().filter_map(|row| row.as_ref().get(index).copied()).collect()
}

/// The places of the lower triangle of a matrix, row by row.
fn lower_triangle(width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..width).flat_map(|row| (0..=row).map(move |column| (row, column)))
}

fn impossible(message: impl Into<String>) -> Error {
    Error::invalid_field("moments", "out_of_range", message)
}

#[cfg(test)]
mod tests;
