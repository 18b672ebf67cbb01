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
    crash => Crash,
    shutdown => Shutdown,
    peer_killed => PeerKilled,
    peer_killed_unread => PeerKilledUnread,
    peer_frozen => PeerFrozen,
    peer_rebooted => PeerRebooted,
}

use std::time::Duration;

pub use effect::Effect;
pub use expect::{Expected, Zero};

use crate::error::LabError;
use crate::packet::Side;
use crate::runner::Bed;

/// What a fault's file says of it.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its name in scenarios and in the matrix.
    pub name: &'static str,
    /// What happens, in a line.
    pub summary: &'static str,
    /// What it is to the side that watches.
    pub effect: Effect,
    /// Who watches: A is the server, B the client.
    pub observer: Side,
    /// What the programs do.
    pub manners: Manners,
    /// Puts things in place before there is a connection.
    pub ready: fn(&Bed) -> Result<(), LabError>,
    /// Breaks it; returns its time zero.
    pub inflict: fn(&Bed) -> Result<Duration, LabError>,
    /// What must be seen besides, when it is over: a sentence, and whether it holds.
    pub verify: fn(&Bed) -> Result<Vec<Fact>, LabError>,
}

/// A sentence, and whether it holds.
pub type Fact = (String, bool);

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
    fn names_are_plain_words_and_each_is_found() {
        for fault in Fault::ALL {
            let name = fault.name();
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{name}"
            );
            assert_eq!(Fault::named(name), Some(*fault));
            assert!(name.len() <= 20, "{name} is too wide for the matrix");
        }
    }
}
