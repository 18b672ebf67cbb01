//! `ayt trace`.

use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::trace::{INTERVAL, MAX_HOPS, ROUNDS, Settings};
use clap::Args;

use super::{FilterArgs, Json, values};

pub(super) const HELP: &str = "\
Shows where a connection's path ends: hop by hop who answers, how fast, and the \
last hop that does. Segments in the connection's own name, with few hops to live, \
are sent from a raw socket, so that firewalls, NATs and balancers treat them as that \
connection. It carries no data, the programs notice nothing, and a connection that \
lives is unharmed; docs/trace.md says why.

CONNECTION is a cookie (`ayt list --json`), the peer's address, this side's and the \
peer's, or a filter, as long as one connection is meant.

Every hop is asked once a round. A hop that misses asks which later hops do not miss \
limits its ICMP: nothing is lost there. A hop that answers nothing while later ones do \
is no end of the path.

On a terminal the table is shown while it grows; Ctrl-C ends it with what is known.

Exit status: 0 the peer answers, 1 the path ends before it, the peer does not \
know the connection, or this host drops its answers, 2 usage, 3 it could not be asked.

Needs CAP_NET_RAW.";

const EXAMPLES: &str = "\
Examples:
  ayt trace 10.0.3.7:51144
  ayt trace 10.0.0.1:7000 10.0.3.7:51144 --rounds 20
  ayt trace --pid 812 --peer 10.0.3.7 --mtu
  ayt trace 78f5e0 --against 10.0.3.7:51188 --json";

/// Options of `ayt trace`.
#[derive(Debug, Args)]
#[command(
    override_usage = "ayt trace <COOKIE | [LOCAL] REMOTE | FILTER…> [OPTIONS]",
    after_long_help = EXAMPLES
)]
pub(crate) struct TraceArgs {
    /// A cookie, the peer's address, or both sides'
    #[arg(value_name = "CONNECTION", num_args = 0..=2, value_parser = word)]
    pub(crate) connection: Vec<Word>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Ask each hop so often [3]
    #[arg(
        long,
        value_name = "N",
        default_value_t = ROUNDS,
        hide_default_value = true,
        value_parser = clap::value_parser!(u32).range(1..=1_000),
        help_heading = "Tracing"
    )]
    pub(crate) rounds: u32,
    /// Ask at most so many hops [30]
    #[arg(
        long,
        value_name = "N",
        default_value_t = MAX_HOPS,
        hide_default_value = true,
        value_parser = clap::value_parser!(u8).range(1..),
        help_heading = "Tracing"
    )]
    pub(crate) max_hops: u8,
    /// From round to round [1s; 100ms or more]
    #[arg(
        long,
        value_name = "TIME",
        value_parser = interval,
        help_heading = "Tracing",
        long_help = INTERVALS
    )]
    pub(crate) interval: Option<Duration>,
    /// Then ask with packets as big as its own may be
    #[arg(long, help_heading = "Tracing", long_help = FULL_SIZE)]
    pub(crate) mtu: bool,
    /// Trace this one too, a healthy one; say where they part
    #[arg(
        long,
        value_name = "CONNECTION",
        value_parser = word,
        help_heading = "Tracing",
        long_help = AGAINST
    )]
    pub(crate) against: Option<Word>,
    #[command(flatten)]
    pub(crate) json: Json,
}

const INTERVALS: &str = "\
From the start of a round to that of the next [default: 1s; 100ms or more]. Linux \
routers answer one such ask a second: shorter intervals show as misses that later \
hops do not have. The peer is asked every half second at most.";

const FULL_SIZE: &str = "\
Then ask with packets as big as the connection's own may be (its path MTU), not to be \
fragmented: says which link is too small, or beyond which hop big packets vanish \
without a word while small ones do not.";

const AGAINST: &str = "\
Trace this connection too, a healthy one to the same peer or network, and show both \
side by side with the first hop where they differ. A cookie, the peer's address, or \
LOCAL,REMOTE.";

/// How a connection is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// By the kernel's number, hexadecimal.
    Cookie(u64),
    /// By one side.
    Address(SocketAddr),
    /// By both.
    Both(SocketAddr, SocketAddr),
}

impl TraceArgs {
    /// How to trace.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            rounds: self.rounds,
            max_hops: self.max_hops,
            interval: self.interval.unwrap_or(INTERVAL),
            // The size itself is the connection's.
            full_size: self.mtu.then_some(u16::MAX),
        }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = values::positive_duration(text)?;
    if interval < Duration::from_millis(100) {
        return Err(format!("`{text}` is less than 100ms"));
    }
    Ok(interval)
}

fn word(text: &str) -> Result<Word, String> {
    let text = text.trim();
    if text.contains(',') {
        let (local, remote) = values::connection(text)?;
        return Ok(Word::Both(local, remote));
    }
    if let Ok(address) = text.parse() {
        return Ok(Word::Address(address));
    }
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let cookie = u64::from_str_radix(digits, 16).ok();
    cookie
        .filter(|_| !digits.starts_with('+'))
        .map(Word::Cookie)
        .ok_or_else(|| {
            format!(
                "`{text}` is neither an address with its port, such as 10.0.3.7:51144, nor a \
                 cookie, such as 78f5e0"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_named_by_cookie_or_addresses() {
        let address = "10.0.3.7:51144".parse().unwrap();
        let six = "[fd00::7]:443".parse().unwrap();
        for (text, expected) in [
            ("78f5e0", Word::Cookie(0x78_f5e0)),
            ("0x10", Word::Cookie(16)),
            ("10.0.3.7:51144", Word::Address(address)),
            ("[fd00::7]:443", Word::Address(six)),
            ("10.0.3.7:51144,[fd00::7]:443", Word::Both(address, six)),
        ] {
            assert_eq!(word(text), Ok(expected));
        }
        for bad in ["", "10.0.3.7", "redis", "1,2", "+5", "0x", "10.0.3.7:99999"] {
            assert!(word(bad).is_err(), "{bad}");
        }
        assert!(interval("50ms").is_err());
        assert_eq!(interval("200ms"), Ok(Duration::from_millis(200)));
    }
}
