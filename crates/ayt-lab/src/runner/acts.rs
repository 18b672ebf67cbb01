//! What faults do to a bed.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::bed::{Bed, PATIENCE, PORT, seen, subject};
use crate::clock;
use crate::detectors::Setting;
use crate::error::LabError;
use crate::host::Host;
use crate::log::Record;
use crate::packet::{Direction, Side};
use crate::stage::{Code, Cut, Unreachable, Ways};
use crate::subjects::{Agent, What};
use crate::sync::lock;
use crate::wire::{Place, Wire};

impl Bed {
    /// The idle time after which the NATs and balancers of the lab forget.
    pub const FORGETS: Duration = Duration::from_millis(1_500);

    /// A detector speaks, or lets speak, more often than that.
    #[must_use]
    pub fn keeps_awake(setting: &Setting) -> bool {
        let kernel = setting.kernel().filter(|kernel| kernel.enabled);
        let period = kernel.map(|kernel| kernel.idle.max(kernel.interval));
        setting
            .beat()
            .or(period)
            .is_some_and(|period| period < Self::FORGETS)
    }

    /// Waits until a NAT or balancer has forgotten the connection, where it does.
    ///
    /// # Errors
    /// None so far.
    pub fn let_it_be_forgotten(&self) -> Result<Duration, LabError> {
        let more = Duration::from_millis(50);
        if Self::keeps_awake(&self.cell.setting) {
            std::thread::sleep(Self::FORGETS * 2);
            return Ok(clock::now());
        }
        loop {
            let last = self.wire.log(|log| log.records().next_back().map(|r| r.at));
            let due = last.unwrap_or_default() + Self::FORGETS + more;
            let left = due.saturating_sub(clock::now());
            if left.is_zero() {
                return Ok(due - more);
            }
            std::thread::sleep(left);
        }
    }

    /// The peer's host loses its power and comes back, ready to send.
    ///
    /// # Errors
    /// As [`Host::reboot`](crate::Host::reboot).
    pub fn reboot_peer(&self) -> Result<Duration, LabError> {
        reboot(self.host(self.peer()), &self.wire, self.peer())
    }

    /// Another client starts on the peer's host, connects and says hello.
    ///
    /// # Errors
    /// When it does not get that far.
    pub fn connect_again(&self) -> Result<(), LabError> {
        let listen = SocketAddr::from((self.wire.v4(Side::A), PORT));
        let spec = subject(&self.cell, self.cell.fault.spec(), Side::B, listen);
        let client = Agent::start(self.host(Side::B), &self.program, &spec)?;
        seen(&client, |what| matches!(what, What::Connected(..)))?;
        let mut later = lock(&self.later);
        let number = later.len() + 1;
        let server = self.agent(Side::A);
        let taken = server.wait(clock::now() + PATIENCE, |event| {
            event.connection == number && matches!(event.what, What::Connected(..))
        });
        later.push(client);
        taken
            .map(drop)
            .map_err(|_| LabError::other("the server", "it does not accept", None))
    }

    /// A router before the peer answers all that goes there, and nothing comes from it.
    ///
    /// # Errors
    /// When the wire has ended.
    pub fn unreachable(&self, code: Code) -> Result<Duration, LabError> {
        let to_peer = Direction::from(self.observer());
        let stage = Unreachable::new(Ways::Only(to_peer), code, self.wire.router());
        let changed = self.wire.change(move |chain, _| {
            chain.insert(Place::NextToB, stage);
            chain.insert(Place::NextToB, Cut::one_way(to_peer.back()));
        })?;
        Ok(changed.at)
    }
}

/// A host loses its power and comes back, ready to send over its wire; since when it was
/// silent.
pub(crate) fn reboot(host: &Host, wire: &Wire, side: Side) -> Result<Duration, LabError> {
    let at = host.reboot()?.silenced_at;
    // A link is ready to send a moment after it is up: something is sent until it
    // shows on the wire. Nobody listens on that port.
    let mark = wire.mark();
    let (here, there) = (wire.v4(side), wire.v4(side.other()));
    let sent = || -> std::io::Result<()> {
        let socket = UdpSocket::bind((here, 0))?;
        socket.send_to(&[], (there, 9)).map(drop)
    };
    for _ in 0..200 {
        // Refused while it is not ready.
        let _ = host.enter(sent)?;
        let brief = Duration::from_millis(10);
        let from_it = |record: &Record| record.direction.sender() == side;
        if wire.wait_for(mark, brief, from_it).is_some() {
            return Ok(at);
        }
    }
    let why = "it does not come back";
    Err(LabError::other(format!("host {}", host.name()), why, None))
}
