//! How numbers are written, in one place.

/// A share as a percentage with three significant digits: `9.04 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{} %", significant_digits(share * 100.0, 3))
}

/// A relative change with its sign: `+12.3 %`.
#[must_use]
pub fn signed_percent(share: f64) -> String {
    let sign = if share >= 0.0 { "+" } else { "" };
    format!("{sign}{}", percent(share))
}

/// A probability: `97.3 %`, never rounded to certainty.
#[must_use]
pub fn probability(probability: f64) -> String {
    if probability > 0.9999 && probability < 1.0 {
        "> 99.99 %".into()
    } else if probability < 0.0001 && probability > 0.0 {
        "< 0.01 %".into()
    } else {
        format!("{:.2} %", probability * 100.0)
    }
}

/// A p-value: `0.031`; never shown as 0.
#[must_use]
pub fn p_value(p_value: f64) -> String {
    if p_value == 0.0 { "< 1e-300".into() } else { significant_digits(p_value, 2) }
}

/// A number with a few significant digits; in scientific notation when tiny or huge.
#[must_use]
pub fn significant_digits(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let mut magnitude = 0_usize;
    let mut scaled = value.abs();
    while scaled >= 10.0 && magnitude < 300 {
        scaled /= 10.0;
        magnitude += 1;
    }
    if value.abs() < 1e-3 || magnitude >= 9 {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    let mut leading_zeros = 0_usize;
    while scaled < 1.0 {
        scaled *= 10.0;
        leading_zeros += 1;
    }
    let decimals = (digits + leading_zeros).saturating_sub(magnitude + 1);
    format!("{value:.decimals$}")
}

/// A count with separators between thousands: `12,345`.
#[must_use]
pub fn count(count: u64) -> String {
    grouped(&count.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount: a count, or a sum with two decimals or, if it is small, four significant digits.
#[must_use]
pub fn amount(amount: f64) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    let size = amount.abs();
    if size < 1.0 && size > 0.0 || size >= 1e15 {
        return significant_digits(amount, 4);
    }
    let text = if size.fract() == 0.0 { format!("{size:.0}") } else { format!("{size:.2}") };
    let (whole, decimals) = text
        .split_once('.')
        .map_or((text.as_str(), String::new()), |(whole, decimals)| (whole, format!(".{decimals}")));
    format!("{sign}{}{decimals}", grouped(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_significant_digits() {
        let cases = [
            (0.0, "0"),
            (1.0, "1.00"),
            (9.0449, "9.04"),
            (0.012_345, "0.0123"),
            (123.456, "123"),
            (1_234.5, "1234"),
            (-0.5, "-0.500"),
            (0.000_012_3, "1.23e-5"),
            (1.5e12, "1.50e12"),
        ];
        for (value, text) in cases {
            assert_eq!(significant_digits(value, 3), text);
        }
    }

    #[test]
    fn shares_counts_and_probabilities() {
        assert_eq!((percent(0.0904).as_str(), signed_percent(0.123).as_str()), ("9.04 %", "+12.3 %"));
        assert_eq!(signed_percent(-0.05), "-5.00 %");
        assert_eq!((count(1), count(1_234), count(1_234_567)), ("1".into(), "1,234".into(), "1,234,567".into()));
        let amounts = [0.0, 1_234.0, -1_234_567.0, 20.5, -1_234.567, 0.012_345, 1e18].map(amount);
        assert_eq!(amounts, ["0", "1,234", "-1,234,567", "20.50", "-1,234.57", "0.01235", "1.000e18"]);
        assert_eq!(
            (probability(0.999_999), probability(0.5), probability(1e-9)),
            ("> 99.99 %".into(), "50.00 %".into(), "< 0.01 %".into())
        );
    }
}
