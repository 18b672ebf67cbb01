//! One side of a connection as people write it: `10.0.0.7`, `10.0.0.0/8`,
//! `:5432`, `10.0.0.7:5432`, `10.0.0.0/8:5432`, `[fd00::1]:22`, `fd00::/64`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

/// An address, a network, a port, or an address or network with a port.
/// IPv4-mapped IPv6 addresses match as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointFilter {
    net: Option<IpNet>,
    port: Option<u16>,
}

impl EndpointFilter {
    /// Whether the address is meant.
    #[must_use]
    pub fn matches(&self, address: SocketAddr) -> bool {
        self.net
            .is_none_or(|net| net.contains(&address.ip().to_canonical()))
            && self.port.is_none_or(|port| port == address.port())
    }

    /// The port, where one is named.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }
}

/// What is wrong with an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// Neither address nor network.
    #[error(
        "{} is neither an address nor a network such as 10.0.0.0/8",
        within(part, text)
    )]
    Address {
        /// All that was given.
        text: String,
        /// The offending part.
        part: String,
    },
    /// Not a prefix length of the address before it.
    #[error(
        "{} is not a prefix length: 0 to 32 (IPv4) or 128 (IPv6)",
        within(part, text)
    )]
    Prefix {
        /// All that was given.
        text: String,
        /// The offending part.
        part: String,
    },
    /// Not a port.
    #[error("{} is not a port: 0 to 65535", within(part, text))]
    Port {
        /// All that was given.
        text: String,
        /// The offending part.
        part: String,
    },
    /// Nothing given.
    #[error(
        "an empty endpoint: write an address, a network or a port, such as 10.0.0.0/8 or :5432"
    )]
    Empty,
}

fn within(part: &str, text: &str) -> String {
    if part == text {
        format!("`{text}`")
    } else {
        format!("`{part}` in `{text}`")
    }
}

impl FromStr for EndpointFilter {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        let (net, port) = split(text);
        if net.is_none() && port.is_none() {
            return Err(BadEndpoint::Empty);
        }
        let net = net
            .map(|part| parse_net(part).ok_or_else(|| bad_net(text, part)))
            .transpose()?;
        let port = port
            .map(|part| {
                part.parse().map_err(|_| BadEndpoint::Port {
                    text: text.to_owned(),
                    part: part.to_owned(),
                })
            })
            .transpose()?;
        Ok(Self { net, port })
    }
}

/// Parts text into the address or network and the port.
fn split(text: &str) -> (Option<&str>, Option<&str>) {
    let some = |part: &'_ str| -> bool { !part.is_empty() && part != "*" };
    let (net, port) = if let Some(inner) = text.strip_prefix('[') {
        match inner.split_once(']') {
            Some((net, rest)) => (net, rest.strip_prefix(':').or(some(rest).then_some(rest))),
            None => (text, None),
        }
    } else if let Some(port) = text.strip_prefix(':').filter(|rest| !rest.contains(':')) {
        ("", Some(port))
    } else if text.matches(':').count() == 1 {
        match text.split_once(':') {
            Some((net, port)) => (net, Some(port)),
            None => (text, None),
        }
    } else if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        ("", Some(text))
    } else {
        (text, None)
    };
    (some(net).then_some(net), port)
}

fn parse_net(part: &str) -> Option<IpNet> {
    let net = match part.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => part.parse().ok()?,
    };
    Some(net.trunc())
}

/// Which part of something that is no network is to blame.
fn bad_net(text: &str, part: &str) -> BadEndpoint {
    let text = text.to_owned();
    match part.split_once('/') {
        Some((address, prefix)) if address.parse::<IpAddr>().is_ok() => BadEndpoint::Prefix {
            text,
            part: format!("/{prefix}"),
        },
        Some((address, _)) => BadEndpoint::Address {
            text,
            part: address.to_owned(),
        },
        None => BadEndpoint::Address {
            text,
            part: part.to_owned(),
        },
    }
}

impl fmt::Display for EndpointFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.net, self.port) {
            (Some(IpNet::V6(net)), Some(port)) => write!(f, "[{net}]:{port}"),
            (Some(net), Some(port)) => write!(f, "{net}:{port}"),
            (Some(net), None) => write!(f, "{net}"),
            (None, Some(port)) => write!(f, ":{port}"),
            (None, None) => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(filter: &str, address: &str) -> bool {
        filter
            .parse::<EndpointFilter>()
            .unwrap()
            .matches(address.parse().unwrap())
    }

    #[test]
    fn every_form_matches_what_it_says() {
        for (filter, yes, no) in [
            ("10.0.0.7", "10.0.0.7:1", "10.0.0.8:1"),
            ("10.0.0.0/8", "10.255.0.1:1", "11.0.0.1:1"),
            ("10.0.0.9/8", "10.255.0.1:1", "11.0.0.1:1"),
            (":5432", "10.0.0.7:5432", "10.0.0.7:5433"),
            ("5432", "10.0.0.7:5432", "10.0.0.7:5433"),
            ("*:5432", "[::1]:5432", "[::1]:5433"),
            ("10.0.0.7:22", "10.0.0.7:22", "10.0.0.7:23"),
            ("10.0.0.0/8:22", "10.1.1.1:22", "10.1.1.1:23"),
            ("[fd00::1]:22", "[fd00::1]:22", "[fd00::2]:22"),
            ("[fd00::/64]:22", "[fd00::9]:22", "[fd00:1::9]:22"),
            ("fd00::/64", "[fd00::9]:22", "[fd01::9]:22"),
            ("::1", "[::1]:9", "[::2]:9"),
            ("10.0.0.7", "[::ffff:10.0.0.7]:1", "[::ffff:10.0.0.8]:1"),
        ] {
            assert!(matches(filter, yes), "{filter} {yes}");
            assert!(!matches(filter, no), "{filter} {no}");
        }
    }

    #[test]
    fn errors_name_the_offending_part() {
        for (text, message) in [
            (
                "10.0.0.300",
                "`10.0.0.300` is neither an address nor a network such as 10.0.0.0/8",
            ),
            (
                "10.0.0.300/8:22",
                "`10.0.0.300` in `10.0.0.300/8:22` is neither an address nor a network such as 10.0.0.0/8",
            ),
            (
                "10.0.0.0/33",
                "`/33` in `10.0.0.0/33` is not a prefix length: 0 to 32 (IPv4) or 128 (IPv6)",
            ),
            (
                "10.0.0.1:70000",
                "`70000` in `10.0.0.1:70000` is not a port: 0 to 65535",
            ),
            (":x", "`x` in `:x` is not a port: 0 to 65535"),
            (
                "[fd00::1]22x",
                "`22x` in `[fd00::1]22x` is not a port: 0 to 65535",
            ),
            (
                "",
                "an empty endpoint: write an address, a network or a port, such as 10.0.0.0/8 or :5432",
            ),
        ] {
            assert_eq!(
                text.parse::<EndpointFilter>().unwrap_err().to_string(),
                message
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9a-f:./\\[\\]*]{0,20}") {
            let _ = text.parse::<EndpointFilter>();
        }

        #[test]
        fn what_is_printed_parses_back(text in "[0-9a-f:./\\[\\]*]{0,20}") {
            if let Ok(filter) = text.parse::<EndpointFilter>() {
                prop_assert_eq!(filter.to_string().parse::<EndpointFilter>(), Ok(filter));
            }
        }
    }
}
