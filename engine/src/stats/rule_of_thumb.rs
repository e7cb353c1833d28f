//! The planning rules of the reference's user interface (reference statistics, section 11).
//!
//! They are kept for those who must reproduce them; [`super::power`] plans with a chosen error rate, power and allocation.

use crate::error::{Error, Result};

/// Units per variant that a funnel needs: `16 p (1 - p) / delta^2`, which is 5 % two-sided and a power of about 80 %; 0 when no
/// effect is asked for.
///
/// ```
/// use abduck::stats::rule_of_thumb::funnel_units_per_variant;
///
/// assert_eq!(funnel_units_per_variant(10.0, 7.0)?, 294.0);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for a conversion rate outside 0 to 100 percent or an effect that is no finite number.
pub fn funnel_units_per_variant(conversion_rate_percent: f64, effect_percent_points: f64) -> Result<f64> {
    check("conversion_rate_percent", conversion_rate_percent, 0.0, 100.0)?;
    check("effect_percent_points", effect_percent_points, -100.0, 100.0)?;
    if effect_percent_points == 0.0 {
        return Ok(0.0);
    }
    let variance = conversion_rate_percent * (1.0 - conversion_rate_percent / 100.0);
    Ok((1600.0 * variance / (effect_percent_points * effect_percent_points)).ceil())
}

/// Days that a count metric needs, to one decimal, from its events in 14 days; 0 when no effect is asked for.
///
/// ```
/// use abduck::stats::rule_of_thumb::trend_running_days;
///
/// assert_eq!(trend_running_days(1000.0, 5.0)?, 91.8);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for a negative number of events, none at all with an effect, or an effect below -100 percent.
pub fn trend_running_days(events_in_14_days: f64, effect_percent: f64) -> Result<f64> {
    check("events_in_14_days", events_in_14_days, 0.0, f64::MAX)?;
    check("effect_percent", effect_percent, -100.0, f64::MAX)?;
    if effect_percent == 0.0 {
        return Ok(0.0);
    }
    let before = events_in_14_days / 14.0;
    let after = before * (1.0 + effect_percent / 100.0);
    let apart = before.sqrt() - after.sqrt();
    let days = 4.0 / (apart * apart);
    if !days.is_finite() {
        let message = format!("{events_in_14_days} events in 14 days will never show an effect of {effect_percent} %");
        return Err(Error::invalid_field("events_in_14_days", "out_of_range", message));
    }
    Ok((10.0 * days).round() / 10.0)
}

/// The effect to plan a funnel for, in whole percentage points, from its conversion rate between 0 and 1.
///
/// # Errors
/// `out_of_range` for a rate outside 0 to 1.
pub fn default_funnel_effect_percent_points(conversion_rate: f64) -> Result<f64> {
    check("conversion_rate", conversion_rate, 0.0, 1.0)?;
    let percent = 100.0 * conversion_rate;
    if percent == 0.0 {
        return Ok(1.0);
    }
    let mirrored = if percent > 50.0 { 100.0 - percent } else { percent };
    let distance = 50.0 - mirrored;
    let raise = if distance <= 20.0 {
        0.1
    } else if distance <= 35.0 {
        0.2
    } else {
        0.5
    };
    let effect = ((mirrored * (1.0 + raise)).round() - mirrored).ceil();
    Ok(if effect == 0.0 { 5.0 } else { effect })
}

/// The effect to plan a count metric for, in percent, from its events in 14 days.
///
/// # Errors
/// `out_of_range` for a negative number of events.
pub fn default_trend_effect_percent(events_in_14_days: f64) -> Result<f64> {
    check("events_in_14_days", events_in_14_days, 0.0, f64::MAX)?;
    Ok(if events_in_14_days <= 200.0 {
        100.0
    } else if events_in_14_days <= 1000.0 {
        20.0
    } else {
        5.0
    })
}

fn check(field: &'static str, value: f64, least: f64, most: f64) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid_field(
        field,
        "out_of_range",
        format!("{field} must be a number from {least} to {most}, got {value}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_effect_needs_nothing_and_impossible_numbers_are_refused() {
        assert!(funnel_units_per_variant(10.0, 0.0).unwrap().abs() < f64::EPSILON);
        assert!(trend_running_days(1000.0, 0.0).unwrap().abs() < f64::EPSILON);
        assert_eq!(trend_running_days(0.0, 5.0).unwrap_err().code(), "out_of_range");
        assert_eq!(funnel_units_per_variant(101.0, 1.0).unwrap_err().code(), "out_of_range");
        assert_eq!(default_funnel_effect_percent_points(f64::NAN).unwrap_err().code(), "out_of_range");
    }

    #[test]
    fn high_rates_are_mirrored() {
        let of = |rate: f64| default_funnel_effect_percent_points(rate).unwrap();
        assert!((of(0.05) - 3.0).abs() < 1e-12 && (of(0.95) - of(0.05)).abs() < 1.0 + 1e-9);
        assert!((of(0.0) - 1.0).abs() < 1e-12);
    }
}
