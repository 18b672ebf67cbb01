//! What was learnt of networks: plain data, that a program can store.
//!
//! Stored as text, a line for each network, the most recently used first:
//!
//! ```text
//! ayt networks 1
//! 345000 360000 86400 wifi%20at%20home
//! 120000 - - cell-310410
//! - 30000 12 hotel
//! ```
//!
//! The longest silence that was survived and the shortest that was not, both in
//! milliseconds; for how many seconds the search has been over; the network's label, in
//! which `%` and a byte in hexadecimal stand for blanks and control characters. `-`
//! stands for what is not known. Ages are stored and no dates, so that a clock that is
//! put right does not matter, and storing changes nothing: what is stored every minute
//! grows as old as what is stored once.

use std::fmt::{self, Write as _};
use std::str::FromStr;

/// Longest label in bytes.
pub const MOST_LABEL: usize = 128;
/// Most networks that can be remembered.
pub const MOST_NETWORKS: usize = 1_000;

const HEAD: &str = "ayt networks 1";

/// One network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// What the program calls it, such as the name of a wireless network; at most 128
    /// bytes.
    pub label: String,
    /// The longest silence that was survived on it, milliseconds.
    pub good_ms: Option<u64>,
    /// The shortest that was not, milliseconds.
    pub bad_ms: Option<u64>,
    /// For how long its search has been over, seconds; `None` while it has not.
    pub settled_s: Option<u64>,
}

/// All networks that are remembered, the most recently used first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// At most 1,000.
    pub networks: Vec<Network>,
}

/// What is wrong with a stored memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMemory {
    /// It is something else, or of a later version.
    #[error(
        "line 1 is not `ayt networks 1`: this is no memory of networks, or one of a later version"
    )]
    Head,
    /// A line is not three numbers and a label.
    #[error("line {0} is not GOOD BAD SETTLED LABEL")]
    Line(usize),
    /// There are too many lines.
    #[error("more than 1000 networks")]
    TooMany,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        for network in &self.networks {
            for number in [network.good_ms, network.bad_ms, network.settled_s] {
                match number {
                    Some(number) => write!(f, "{number} ")?,
                    None => f.write_str("- ")?,
                }
            }
            writeln!(f, "{}", escaped(&network.label))?;
        }
        Ok(())
    }
}

impl FromStr for Memory {
    type Err = BadMemory;

    fn from_str(text: &str) -> Result<Self, BadMemory> {
        let mut lines = text.lines().zip(1..);
        if lines.next().map(|(head, _)| head) != Some(HEAD) {
            return Err(BadMemory::Head);
        }
        let mut networks = Vec::new();
        for (line, number) in lines {
            if networks.len() == MOST_NETWORKS {
                return Err(BadMemory::TooMany);
            }
            networks.push(network(line).ok_or(BadMemory::Line(number))?);
        }
        Ok(Self { networks })
    }
}

fn network(line: &str) -> Option<Network> {
    let mut words = line.split(' ');
    let mut number = || -> Option<Option<u64>> {
        match words.next()? {
            "-" => Some(None),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(Some(digits.parse().ok()?))
            }
            _ => None,
        }
    };
    let (good_ms, bad_ms, settled_s) = (number()?, number()?, number()?);
    let label = unescaped(words.next()?)?;
    words.next().is_none().then_some(Network {
        label,
        good_ms,
        bad_ms,
        settled_s,
    })
}

fn is_plain(c: char) -> bool {
    c != '%' && !c.is_whitespace() && !c.is_control()
}

fn escaped(label: &str) -> String {
    let mut text = String::with_capacity(label.len());
    for c in label.chars() {
        if is_plain(c) {
            text.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(text, "%{byte:02x}");
            }
        }
    }
    text
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if bytes.len() >= MOST_LABEL {
            return None;
        }
        if c == '%' {
            let digits = rest.get(1..3)?;
            if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[3..];
        } else if is_plain(c) {
            bytes.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]);
            rest = &rest[c.len_utf8()..];
        } else {
            return None;
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|label| label.len() <= MOST_LABEL)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn home() -> Network {
        Network {
            label: "wifi at home".to_owned(),
            good_ms: Some(345_000),
            bad_ms: Some(360_000),
            settled_s: None,
        }
    }

    #[test]
    fn it_is_written_as_documented() {
        let memory = Memory {
            networks: vec![home(), Network::default()],
        };
        let text = memory.to_string();
        assert_eq!(
            text,
            "ayt networks 1\n345000 360000 - wifi%20at%20home\n- - - \n"
        );
        assert_eq!(text.parse(), Ok(memory));
    }

    #[test]
    fn what_is_something_else_is_refused_with_its_line() {
        for (text, error) in [
            ("", BadMemory::Head),
            ("ayt networks 2\n", BadMemory::Head),
            ("ayt networks 1\n1 2\n", BadMemory::Line(2)),
            ("ayt networks 1\n1 2 3 a\n1 2 -3 a\n", BadMemory::Line(3)),
            ("ayt networks 1\n1 2 3 a b\n", BadMemory::Line(2)),
            ("ayt networks 1\n1 2 3 a%2\n", BadMemory::Line(2)),
            ("ayt networks 1\n1 2 3 a%+1\n", BadMemory::Line(2)),
            ("ayt networks 1\n1 2 3 %ff\n", BadMemory::Line(2)),
            (
                "ayt networks 1\n99999999999999999999 2 3 a\n",
                BadMemory::Line(2),
            ),
        ] {
            assert_eq!(text.parse::<Memory>(), Err(error), "{text}");
        }
        let many = format!("{HEAD}\n{}", "- - - a\n".repeat(1_001));
        assert_eq!(many.parse::<Memory>(), Err(BadMemory::TooMany));
        let long = format!("{HEAD}\n- - - {}\n", "a".repeat(129));
        assert_eq!(long.parse::<Memory>(), Err(BadMemory::Line(2)));
    }

    fn any_network() -> impl Strategy<Value = Network> {
        let number = || prop_oneof![Just(None), any::<u64>().prop_map(Some)];
        (".{0,32}", number(), number(), number()).prop_map(|(label, good_ms, bad_ms, settled_s)| {
            Network {
                label,
                good_ms,
                bad_ms,
                settled_s,
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(networks in prop::collection::vec(any_network(), 0..20)) {
            let memory = Memory { networks };
            prop_assert_eq!(memory.to_string().parse(), Ok(memory));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(ayt networks 1\n)?([0-9-]{1,20} ){0,4}[%a-z0-9 \n]{0,40}") {
            if let Ok(memory) = text.parse::<Memory>() {
                prop_assert_eq!(memory.to_string().parse(), Ok(memory));
            }
        }
    }
}
