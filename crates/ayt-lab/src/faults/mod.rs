//! What is broken: one file a fault.
//!
//! A fault says how it is inflicted, and what that is to the side that watches
//! ([`Effect`]). When each detector notices follows from the effect and from the
//! planner ([`expect`]); no fault has times of its own.

mod effect;
pub mod expect;

macro_rules! faults {
    ($($module:ident => $variant:ident,)*) => {
        $(mod $module;)*

        /// A fault of the lab.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Fault {
            $(#[doc = concat!("`faults/", stringify!($module), ".rs`")] $variant,)*
        }

        impl Fault {
            /// Every fault, as the matrix shows them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// What its file says.
            #[must_use]
            pub const fn spec(self) -> &'static Spec {
                match self {
                    $(Self::$variant => &$module::SPEC,)*
                }
            }
        }
    };
}

faults! {
    silent_drop => SilentDrop,
    drop_to_peer => DropToPeer,
    drop_from_peer => DropFromPeer,
    carrier_peer => CarrierPeer,
    carrier_own => CarrierOwn,
    link_down_own => LinkDownOwn,
    icmp_host => IcmpHost,
    icmp_admin => IcmpAdmin,
    icmp_port => IcmpPort,
    router_reset => RouterReset,
    nat_silent => NatSilent,
    nat_reset => NatReset,
    balancer_reset => BalancerReset,
    balancer_told => BalancerTold,
    crash => Crash,
    shutdown => Shutdown,
    peer_killed => PeerKilled,
    peer_killed_unread => PeerKilledUnread,
    linger_zero => LingerZero,
    peer_frozen => PeerFrozen,
    peer_rebooted => PeerRebooted,
    restarts => Restarts,
    never_accepts => NeverAccepts,
    never_closes => NeverCloses,
    last_ack => LastAck,
    fin_wait_2 => FinWait2,
    time_wait => TimeWait,
    port_exhaustion => PortExhaustion,
    slow_reader => SlowReader,
    late_heartbeat => LateHeartbeat,
    loss => Loss,
    jitter => Jitter,
}

use std::time::Duration;

pub use effect::Effect;
pub use expect::{Expected, Zero};

use crate::detectors::Setting;
use crate::error::LabError;
use crate::host::Host;
use crate::packet::Side;
use crate::runner::Bed;
use crate::scenario::Cell;
use crate::wire::Wire;

/// What a fault's file says of it.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its name in scenarios and in the matrix.
    pub name: &'static str,
    /// What happens, in a line.
    pub summary: &'static str,
    /// What it is to the side that watches.
    pub effect: Effect,
    /// Detectors that keep it from happening at all: then it is harmless.
    pub prevented: fn(&Setting) -> bool,
    /// What a scenario may set of it.
    pub takes: &'static [&'static str],
    /// Who watches: A is the server, B the client.
    pub observer: Side,
    /// What the programs do.
    pub manners: Manners,
    /// Puts things in place before there is a connection.
    pub ready: fn(&Ready<'_>) -> Result<(), LabError>,
    /// Breaks it; returns its time zero.
    pub inflict: fn(&Bed) -> Result<Duration, LabError>,
    /// What must be seen besides, when it is over: a sentence, and whether it holds.
    pub verify: fn(&Bed) -> Result<Vec<Fact>, LabError>,
}

/// A sentence, and whether it holds.
pub type Fact = (String, bool);

/// What there is before the connection.
#[derive(Debug, Clone, Copy)]
pub struct Ready<'a> {
    /// The wire.
    pub wire: &'a Wire,
    /// Server and client.
    pub hosts: &'a [Host; 2],
    /// What is to be done.
    pub cell: &'a Cell,
}

/// What the programs at both ends do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// The peer of the one who watches reads what comes.
    pub peer_reads: bool,
    /// The server takes connections out of its accept queue.
    pub accepts: bool,
    /// Who watches closes when the peer has closed.
    pub closes: bool,
}

/// As good programs do.
const GOOD: Manners = Manners {
    peer_reads: true,
    accepts: true,
    closes: true,
};

/// The beginning of most files.
const fn fault(
    name: &'static str,
    summary: &'static str,
    effect: Effect,
    inflict: fn(&Bed) -> Result<Duration, LabError>,
) -> Spec {
    Spec {
        name,
        summary,
        effect,
        prevented: |_| false,
        takes: &[],
        observer: Side::A,
        manners: GOOD,
        ready: |_| Ok(()),
        inflict,
        verify: |_| Ok(Vec::new()),
    }
}

impl Fault {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_scenario_that_agrees_with_it() {
        let cells = crate::scenario::standard().unwrap();
        let ground = crate::runner::Surroundings::default().ground(None);
        for fault in Fault::ALL {
            assert!(cells.iter().any(|cell| cell.fault == *fault), "{fault:?}");
        }
        for cell in cells {
            let (effect, setting) = (cell.effect(), &cell.setting);
            let derived = match expect::expect(effect, setting, cell.path, &ground, None) {
                Expected::Never(_) => None,
                Expected::Found { cause, .. } => Some(cause),
            };
            assert_eq!(cell.expect, Some(derived), "{cell:?}");
        }
    }

    #[test]
    fn names_are_plain_words_and_each_is_found() {
        for fault in Fault::ALL {
            let name = fault.name();
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{name}"
            );
            assert_eq!(Fault::named(name), Some(*fault));
            assert!(name.len() <= 18, "{name} is too wide for the matrix");
        }
    }
}
