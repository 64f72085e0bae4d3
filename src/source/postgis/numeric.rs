//! PostgreSQL's binary `numeric`: base-10000 digits, most significant first.

use std::fmt::Write;

use crate::tile::Value;

const NEGATIVE: u16 = 0x4000;

/// The parts of a finite value: Σ digit × 10000^(weight − index).
struct Numeric<'a> {
    negative: bool,
    weight: i16,
    /// Decimal digits after the point when printed.
    scale: u16,
    /// Big-endian groups of four decimal digits.
    groups: &'a [[u8; 2]],
}

/// Shows a value to `visit`: as a double if its shortest decimal is the very same number, else
/// as text. NaN and the infinities are not shown.
pub(super) fn decode(bytes: &[u8], visit: &mut dyn FnMut(Value<'_>)) {
    let Some(numeric) = Numeric::parse(bytes) else { return };
    if let Some(double) = numeric.small() {
        return visit(Value::Double(double));
    }
    let text = numeric.text();
    match text.parse::<f64>() {
        Ok(double) if double.is_finite() && digits(&format!("{double:e}")) == digits(&text) => {
            visit(Value::Double(double));
        }
        _ => visit(Value::Text(&text)),
    }
}

impl<'a> Numeric<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, groups) = bytes.split_at_checked(8)?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let sign = word(4);
        // 0xC000 is NaN, 0xD000 and 0xF000 are the infinities.
        if sign != 0 && sign != NEGATIVE {
            return None;
        }
        let (groups, _) = groups.as_chunks::<2>();
        let groups = groups.get(..usize::from(word(0)))?;
        let weight = i16::from_be_bytes([header[2], header[3]]);
        Some(Self { negative: sign == NEGATIVE, weight, scale: word(6), groups })
    }

    fn group(&self, position: i32) -> u16 {
        let index = i32::from(self.weight) - position;
        let group = usize::try_from(index).ok().and_then(|index| self.groups.get(index));
        group.map_or(0, |bytes| u16::from_be_bytes(*bytes))
    }

    /// A value of at most 15 digits, which one exact division makes.
    fn small(&self) -> Option<f64> {
        let decimals = 4 * (self.groups.len() as i32 - 1 - i32::from(self.weight)).max(0);
        if self.weight > 3 || self.groups.len() > 4 || decimals > 20 {
            return None;
        }
        let lowest = -decimals / 4;
        let mut mantissa = 0u64;
        for position in (lowest..=i32::from(self.weight)).rev() {
            mantissa =
                mantissa.checked_mul(10_000)?.checked_add(u64::from(self.group(position)))?;
        }
        if mantissa >= 1_000_000_000_000_000 {
            return None;
        }
        let double = mantissa as f64 / 10f64.powi(decimals);
        Some(if self.negative { -double } else { double })
    }

    /// The text that PostgreSQL prints.
    fn text(&self) -> String {
        let mut text = String::with_capacity(4 * self.groups.len() + 8);
        if self.negative {
            text.push('-');
        }
        let weight = i32::from(self.weight);
        // Writing to a String can't fail.
        let _ = write!(text, "{}", if weight < 0 { 0 } else { self.group(weight) });
        for position in (0..weight).rev() {
            let _ = write!(text, "{:04}", self.group(position));
        }
        if self.scale > 0 {
            text.push('.');
            let end = text.len() + usize::from(self.scale);
            for position in 1..=(i32::from(self.scale) + 3) / 4 {
                let _ = write!(text, "{:04}", self.group(-position));
            }
            text.truncate(end);
        }
        text
    }
}

/// Significant digits and the power of ten of the first, the same for all spellings of a number.
fn digits(text: &str) -> (String, i32) {
    let text = text.trim_start_matches('-');
    let (number, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let significant = all.trim_matches('0').to_owned();
    let exponent = exponent.parse::<i32>().unwrap_or(0) + whole.len() as i32 - leading as i32;
    if significant.is_empty() { (significant, 0) } else { (significant, exponent) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Seen {
        Double(f64),
        Text(String),
        Nothing,
    }

    fn numeric(sign: u16, weight: i16, scale: u16, groups: &[u16]) -> Seen {
        let mut bytes = Vec::new();
        for word in [groups.len() as u16, weight as u16, sign, scale].iter().chain(groups) {
            bytes.extend(word.to_be_bytes());
        }
        let mut seen = Seen::Nothing;
        decode(&bytes, &mut |value| {
            seen = match value {
                Value::Double(double) => Seen::Double(double),
                Value::Text(text) => Seen::Text(text.to_owned()),
                _ => panic!("{value:?}"),
            }
        });
        seen
    }

    #[test]
    fn short_numbers_become_doubles() {
        assert_eq!(numeric(0, 0, 0, &[]), Seen::Double(0.0));
        assert_eq!(numeric(0, 0, 2, &[1, 1000]), Seen::Double(1.1));
        assert_eq!(numeric(NEGATIVE, 0, 2, &[12, 3400]), Seen::Double(-12.34));
        assert_eq!(numeric(0, 1, 0, &[5]), Seen::Double(50_000.0));
        assert_eq!(numeric(0, -1, 6, &[12, 3400]), Seen::Double(0.001234));
        assert_eq!(numeric(0, -2, 8, &[1]), Seen::Double(0.00000001));
    }

    #[test]
    fn numbers_that_a_double_would_change_become_text() {
        // 12345678901234567.89
        let long = numeric(0, 4, 2, &[1, 2345, 6789, 123, 4567, 8900]);
        assert_eq!(long, Seen::Text("12345678901234567.89".to_owned()));
        let fraction = numeric(0, -1, 20, &[1234, 5678, 9012, 3456, 7891]);
        assert_eq!(fraction, Seen::Text("0.12345678901234567891".to_owned()));
    }

    #[test]
    fn long_numbers_that_a_double_keeps_are_doubles() {
        // 1e20, and 2^53 + 2 with 16 digits.
        assert_eq!(numeric(0, 5, 0, &[1]), Seen::Double(1e20));
        let exact = numeric(0, 3, 0, &[9007, 1992, 5474, 994]);
        assert_eq!(exact, Seen::Double(9_007_199_254_740_994.0));
        let odd = numeric(0, 3, 0, &[9007, 1992, 5474, 993]);
        assert_eq!(odd, Seen::Text("9007199254740993".to_owned()));
    }

    #[test]
    fn what_is_no_number_is_not_shown() {
        for sign in [0xC000, 0xD000, 0xF000] {
            assert_eq!(numeric(sign, 0, 0, &[]), Seen::Nothing);
        }
    }
}
