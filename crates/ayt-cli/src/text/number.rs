//! Numbers and plurals for people.

/// `1204` as `1,204`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 socket`, `1,204 sockets`.
pub(crate) fn of(number: usize, noun: &str) -> String {
    let plural = match (number, noun) {
        (1, _) => noun.to_owned(),
        (_, "process") => "processes".to_owned(),
        _ => format!("{noun}s"),
    };
    format!("{} {plural}", count(number as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted_and_one_is_no_plural() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_204, "1,204"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(of(1, "socket"), "1 socket");
        assert_eq!(of(0, "socket"), "0 sockets");
        assert_eq!(of(2, "process"), "2 processes");
    }
}
