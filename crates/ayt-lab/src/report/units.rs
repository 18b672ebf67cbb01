//! Times, bytes and counts, for people.

use std::time::Duration;

/// A time with about three digits: `0.42 ms`, `312 ms`, `3.12 s`, `45.3 s`,
/// `2 min 11 s`, `2 h 11 min`.
pub(super) fn time(duration: Duration) -> String {
    match unit(duration) {
        Some((number, unit)) => format!("{number} {unit}"),
        None => {
            let seconds = duration.as_secs_f64().round() as u64;
            let (minutes, hours) = (seconds / 60, seconds / 3600);
            if hours > 0 {
                format!("{} h {} min", count(hours), minutes % 60)
            } else {
                format!("{minutes} min {} s", seconds % 60)
            }
        }
    }
}

/// `3.00–3.35 s`, or with both units where they differ.
pub(super) fn span([earliest, latest]: [Duration; 2]) -> String {
    match (unit(earliest), unit(latest)) {
        (Some((from, one)), Some((to, other))) if one == other => format!("{from}–{to} {one}"),
        _ => format!("{} – {}", time(earliest), time(latest)),
    }
}

/// The number and its unit, for what is shorter than two minutes.
fn unit(duration: Duration) -> Option<(String, &'static str)> {
    let seconds = duration.as_secs_f64();
    Some(match seconds {
        0.0 => ("0".into(), "s"),
        ..0.009_995 => (format!("{:.2}", seconds * 1e3), "ms"),
        ..0.999_5 => (format!("{:.0}", seconds * 1e3), "ms"),
        ..9.995 => (format!("{seconds:.2}"), "s"),
        ..119.95 => (format!("{seconds:.1}"), "s"),
        _ => return None,
    })
}

/// A moment before or after another, in eight characters or so: `+1.002 s`, `−0.42 ms`.
pub(super) fn offset(at: Duration, zero: Duration) -> String {
    let (sign, distance) = if at < zero {
        ('−', zero - at)
    } else {
        ('+', at - zero)
    };
    let seconds = distance.as_secs_f64();
    match seconds {
        0.0 => "0".into(),
        ..0.009_995 => format!("{sign}{:.2} ms", seconds * 1e3),
        ..99.999_5 => format!("{sign}{seconds:.3} s"),
        ..999.95 => format!("{sign}{seconds:.1} s"),
        _ => format!("{sign}{seconds:.0} s"),
    }
}

/// `1,532`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 segment`, `2 segments`.
pub(super) fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", count(number))
}

/// `812 B`, `1.4 kB`, `3.0 MB`.
pub(super) fn bytes(number: u64) -> String {
    match number {
        ..1_000 => format!("{number} B"),
        1_000..1_000_000 => format!("{:.1} kB", number as f64 / 1e3),
        _ => format!("{:.1} MB", number as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_about_three_digits() {
        let cases = [
            (0, "0 s"),
            (42, "0.04 ms"),
            (9_999, "10 ms"),
            (312_400, "312 ms"),
            (999_700, "1.00 s"),
            (3_123_456, "3.12 s"),
            (9_996_000, "10.0 s"),
            (45_300_000, "45.3 s"),
            (131_000_000, "2 min 11 s"),
            (7_860_000_000, "2 h 11 min"),
        ];
        for (micros, text) in cases {
            assert_eq!(time(Duration::from_micros(micros)), text);
        }
        assert!(time(Duration::MAX).ends_with("min"));
    }

    #[test]
    fn a_span_says_its_unit_once_where_it_can() {
        let ms = Duration::from_millis;
        assert_eq!(span([ms(3_000), ms(3_350)]), "3.00–3.35 s");
        assert_eq!(span([ms(900), ms(1_200)]), "900 ms – 1.20 s");
        assert_eq!(span([ms(900_000), ms(930_000)]), "15 min 0 s – 15 min 30 s");
    }

    #[test]
    fn offsets_and_counts() {
        let ms = Duration::from_millis;
        assert_eq!(offset(ms(1_002), ms(0)), "+1.002 s");
        assert_eq!(offset(ms(0), ms(20)), "−0.020 s");
        assert_eq!(offset(ms(21), ms(20)), "+1.00 ms");
        assert_eq!(offset(ms(20), ms(20)), "0");
        assert_eq!(offset(ms(3_600_000), ms(0)), "+3600 s");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(counted(1, "segment"), "1 segment");
        assert_eq!(bytes(1_400), "1.4 kB");
    }
}
