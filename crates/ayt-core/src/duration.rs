//! Durations for people: `250ms`, `20s`, `1m30s`, `2h`, `3d`.

use std::fmt;
use std::time::Duration;

/// A number of milliseconds that prints as people write it, at most two units:
/// `0ms`, `850ms`, `2.5s`, `14m`, `1h30m`, `3d4h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ms(pub u64);

impl From<Duration> for Ms {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        let (s, m, h, d) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
        let pair = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
            if small == 0 {
                format!("{big}{big_unit}")
            } else {
                format!("{big}{big_unit}{small}{small_unit}")
            }
        };
        let text = if s == 0 {
            format!("{ms}ms")
        } else if s < 10 && ms % 1000 >= 100 {
            format!("{s}.{}s", ms % 1000 / 100)
        } else if m == 0 {
            format!("{s}s")
        } else if h == 0 {
            pair(m, "m", s % 60, "s")
        } else if d == 0 {
            pair(h, "h", m % 60, "m")
        } else {
            pair(d, "d", h % 24, "h")
        };
        f.pad(&text)
    }
}

/// What is wrong with a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// Not a number with a unit.
    #[error(
        "`{0}` is not a duration: write a number and a unit (ms, s, m, h, d), such as 20s or 1m30s"
    )]
    Form(String),
    /// Longer than ayt can count.
    #[error("`{0}` is too long a duration")]
    TooLong(String),
}

/// Parses `20s`, `1m30s`, `250ms`, `1.5s`, `2h`, `3d`. A bare number is refused
/// (except 0): seconds and milliseconds are too easily mixed up.
///
/// # Errors
/// Names the text that is no duration.
pub fn parse(text: &str) -> Result<Duration, BadDuration> {
    let form = || BadDuration::Form(text.to_owned());
    let long = || BadDuration::TooLong(text.to_owned());
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(form());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(form)?;
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, tail) = after.split_at(letters);
        let unit_s = match unit {
            "ms" => 0.001,
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(form()),
        };
        if !number.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(form());
        }
        let value: f64 = number.parse().map_err(|_| form())?;
        let part = Duration::try_from_secs_f64(value * unit_s).map_err(|_| long())?;
        total = total.checked_add(part).ok_or_else(long)?;
        rest = tail;
    }
    if total > Duration::from_secs(100 * 365 * 86_400) {
        return Err(long());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_at_most_two_units() {
        for (ms, text) in [
            (0, "0ms"),
            (850, "850ms"),
            (2_500, "2.5s"),
            (2_000, "2s"),
            (59_999, "59s"),
            (90_000, "1m30s"),
            (840_000, "14m"),
            (5_400_000, "1h30m"),
            (273_600_000, "3d4h"),
        ] {
            assert_eq!(Ms(ms).to_string(), text);
        }
    }

    #[test]
    fn parses_what_people_write() {
        for (text, ms) in [
            ("20s", 20_000),
            ("250ms", 250),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            ("2h", 7_200_000),
            ("3d", 259_200_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in [
            "", "20", "s", "20x", "-5s", "1m30", "5 s", ".5s", "1..5s", "∞",
        ] {
            assert!(matches!(parse(bad), Err(BadDuration::Form(_))), "{bad}");
        }
        assert!(matches!(
            parse("99999999999999999999d"),
            Err(BadDuration::TooLong(_))
        ));
        assert!(matches!(parse("40000d"), Err(BadDuration::TooLong(_))));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,12}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_printed_parses_back_within_its_precision(ms in 0u64..1_000_000_000) {
            let back = parse(&Ms(ms).to_string()).unwrap().as_millis() as u64;
            let unit = if ms < 1000 { 1 } else if ms < 3_600_000 { 1000 } else { 3_600_000 };
            prop_assert!(back <= ms && ms - back < unit);
        }
    }
}
