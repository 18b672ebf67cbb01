//! What may be written for the subject.

use std::net::SocketAddr;
use std::str::FromStr;

use super::Wanted;
use crate::facts::Cookie;
use crate::filter::{BadEndpoint, EndpointFilter};

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWanted {
    /// Nothing was given.
    #[error("say what to explain: a port (:7000), a pid, a command or a connection")]
    Empty,
    /// A prefix with something else behind it.
    #[error("`{0}` is not a {1}")]
    Not(String, &'static str),
    /// An address that is none.
    #[error(transparent)]
    Endpoint(#[from] BadEndpoint),
}

impl FromStr for Wanted {
    type Err = BadWanted;

    fn from_str(text: &str) -> Result<Self, BadWanted> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadWanted::Empty);
        }
        if let Some((kind, value)) = text.split_once(':') {
            match kind {
                "" | "port" => return port(value),
                "pid" => {
                    let pid = value.parse().ok().filter(|&pid| pid > 0);
                    let not = || BadWanted::Not(value.to_owned(), "process id");
                    return pid.map(Self::Pid).ok_or_else(not);
                }
                "command" if !value.is_empty() => return Ok(Self::Command(value.to_owned())),
                "cookie" => {
                    let not = || BadWanted::Not(value.to_owned(), "cookie, as `--json` shows it");
                    return cookie(value).map(Self::Cookie).ok_or_else(not);
                }
                _ => {}
            }
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let not = || BadWanted::Not(text.to_owned(), "port or process id");
            return text.parse().map(Self::Number).map_err(|_| not());
        }
        if let Some((local, remote)) = pair(text) {
            return Ok(Self::Pair(local, remote));
        }
        // An address, or something that is meant to be one.
        let address = text.starts_with(['[', '*'])
            || text.contains(':')
            || text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"./".contains(&byte));
        if address {
            return match text.parse() {
                Ok(endpoint) => Ok(Self::Endpoint(endpoint)),
                // "redis:6379" is somebody's command.
                Err(_) if !text.starts_with(|c: char| c.is_ascii_hexdigit() || c == '[') => {
                    Ok(Self::Command(text.to_owned()))
                }
                Err(error) => Err(error.into()),
            };
        }
        Ok(match cookie(text) {
            Some(cookie) => Self::Word(text.to_owned(), cookie),
            None => Self::Command(text.to_owned()),
        })
    }
}

fn port(text: &str) -> Result<Wanted, BadWanted> {
    // "::1" is an address, of which the first colon was taken away.
    if text.contains(':') {
        let endpoint: EndpointFilter = format!(":{text}").parse()?;
        return Ok(Wanted::Endpoint(endpoint));
    }
    let port = text.parse().ok().filter(|&port| port > 0);
    port.map(Wanted::Port)
        .ok_or_else(|| BadWanted::Not(text.to_owned(), "port: 1 to 65535"))
}

fn cookie(text: &str) -> Option<Cookie> {
    u64::from_str_radix(text, 16).ok().map(Cookie)
}

/// Two addresses with `,`, `-`, `->`, or the arrow of ayt's tables between them.
fn pair(text: &str) -> Option<(SocketAddr, SocketAddr)> {
    ["↔", "->", ",", "-"].into_iter().find_map(|between| {
        let (local, remote) = text.split_once(between)?;
        Some((local.trim().parse().ok()?, remote.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Wanted {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_form_is_what_it_says() {
        assert_eq!(parsed(":7000"), Wanted::Port(7000));
        assert_eq!(parsed("port:7000"), Wanted::Port(7000));
        assert_eq!(parsed("7000"), Wanted::Number(7000));
        assert_eq!(parsed("70000"), Wanted::Number(70000));
        assert_eq!(parsed("pid:812"), Wanted::Pid(812));
        assert_eq!(parsed("nginx"), Wanted::Command("nginx".to_owned()));
        assert_eq!(parsed("command:7z"), Wanted::Command("7z".to_owned()));
        assert_eq!(
            parsed("redis:6379"),
            Wanted::Command("redis:6379".to_owned())
        );
        assert_eq!(parsed("cookie:1a2b"), Wanted::Cookie(Cookie(0x1a2b)));
        assert_eq!(
            parsed("cafe"),
            Wanted::Word("cafe".to_owned(), Cookie(0xcafe))
        );
        for endpoint in [
            "10.0.3.7:51144",
            "10.0.3.7",
            "[fd00::1]:22",
            "::1",
            "10.0.0.0/8:22",
        ] {
            assert!(
                matches!(parsed(endpoint), Wanted::Endpoint(_)),
                "{endpoint}"
            );
        }
        let ends = ("10.0.0.1:80", "10.0.0.7:51144");
        let both = Wanted::Pair(ends.0.parse().unwrap(), ends.1.parse().unwrap());
        for between in [",", "-", "->", " ↔ ", " -> "] {
            assert_eq!(parsed(&format!("{}{between}{}", ends.0, ends.1)), both);
        }
        assert!(matches!(
            parsed("[fd00::1]:1-[fd00::2]:2"),
            Wanted::Pair(..)
        ));
    }

    #[test]
    fn errors_name_the_offending_part() {
        for (text, message) in [
            (
                "",
                "say what to explain: a port (:7000), a pid, a command or a connection",
            ),
            (":x", "`x` is not a port: 1 to 65535"),
            (":0", "`0` is not a port: 1 to 65535"),
            ("pid:0", "`0` is not a process id"),
            ("cookie:xyz", "`xyz` is not a cookie, as `--json` shows it"),
            ("99999999999", "`99999999999` is not a port or process id"),
            (
                "10.0.0.300",
                "`10.0.0.300` is neither an address nor a network such as 10.0.0.0/8",
            ),
            (
                "10.0.0.3:70000",
                "`70000` in `10.0.0.3:70000` is not a port: 0 to 65535",
            ),
        ] {
            let error = text.parse::<Wanted>().unwrap_err();
            assert_eq!(error.to_string(), message, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9a-z:./\\[\\]*↔,-]{0,24}") {
            let _ = text.parse::<Wanted>();
        }
    }
}
