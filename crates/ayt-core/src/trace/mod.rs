//! Where does a connection's path end? Decisions without I/O.
//!
//! Segments in the connection's own name are sent with few hops to live, so that
//! each router on the way tells of itself (ICMP time exceeded), and the peer
//! answers what reaches it. Firewalls, NATs and balancers see one flow, the
//! connection's own: addresses, ports, traffic class and flow label are always
//! the same.
//!
//! What tells one ask from another is its sequence number: all lie below what the
//! peer has acknowledged, each at another place, and every ICMP error quotes it
//! (RFC 792: eight bytes of the segment). The peer's answer quotes nothing, so
//! which ask it answers is found by asking alone ([`Trace`]).
//!
//! - [`Trace`]: what to ask when, and what came ([`Said`], [`Heard`]);
//! - [`Picture`]: hop by hop, at any time;
//! - [`End`]: where the path ends;
//! - [`Difference`]: the first hop where two paths part;
//! - [`reason`]: what ICMP codes mean.

mod compare;
mod end;
mod full;
mod ledger;
mod peer;
mod picture;
pub mod reason;
mod run;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use compare::{Difference, difference};
pub use end::{End, Place};
pub use full::{Full, Narrow};
pub use peer::{Heard, Peer};
pub use picture::{Hop, Noted, Picture, Refusal, Router};
pub use run::{Next, Trace};

/// Hops asked where nobody says otherwise, as traceroute(8).
pub const MAX_HOPS: u8 = 30;

/// Rounds where nobody says otherwise.
pub const ROUNDS: u32 = 3;

/// Time from round to round where nobody says otherwise. Linux routers answer one
/// ask a second and sender after the first six (`net.ipv4.icmp_ratelimit`).
pub const INTERVAL: Duration = Duration::from_secs(1);

/// How to trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How often each hop is asked, at least once.
    pub rounds: u32,
    /// Hops asked at most.
    pub max_hops: u8,
    /// From the start of a round to that of the next.
    pub interval: Duration,
    /// Afterwards ask with packets of so many bytes, too: as big as the
    /// connection's own may be.
    pub full_size: Option<u16>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rounds: ROUNDS,
            max_hops: MAX_HOPS,
            interval: INTERVAL,
            full_size: None,
        }
    }
}

/// The connection's addresses, as its packets have them on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// This side.
    pub local: SocketAddr,
    /// The peer.
    pub remote: SocketAddr,
}

/// A segment to be sent: an acknowledgement of nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Which one.
    pub number: u32,
    /// Hops it may take.
    pub ttl: u8,
    /// IPv4 identification, never 0.
    pub id: u16,
    /// So far below what the peer has acknowledged lies the number behind its
    /// last byte; at least 2, so that it is not the kernel's own keepalive.
    pub below: u32,
    /// Bytes of the whole packet; `None` for one without data.
    pub size: Option<u16>,
}

/// An ICMP error that came, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who says it.
    pub from: IpAddr,
    /// What.
    pub what: What,
    /// The quoted segment's addresses, as they were where it was quoted.
    pub flow: Flow,
    /// The quoted sequence number.
    pub seq: u32,
    /// The quoted IPv4 identification; 0 over IPv6.
    pub id: u16,
    /// Hops the quoted packet had left where it was quoted.
    pub hops_left: u8,
    /// MPLS labels the quoted packet had.
    pub labels: Vec<u32>,
}

/// What an ICMP error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// The packet had no hops left.
    TimeExceeded,
    /// It cannot be delivered; ICMP code.
    Unreachable(u8),
    /// It is too big for the next link, of which this is the MTU; 0 where an old
    /// router does not say.
    TooBig(u32),
}

#[cfg(test)]
mod tests;
