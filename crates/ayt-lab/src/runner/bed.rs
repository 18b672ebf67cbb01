//! Two hosts, a wire, a server and a client, and a connection between them.

use std::net::SocketAddr;
use std::path::Path as FilePath;
use std::time::Duration;

use crate::clock;
use crate::error::LabError;
use crate::faults::Spec as FaultSpec;
use crate::host::Host;
use crate::packet::{Direction, Side};
use crate::scenario::Cell;
use crate::stage::{Code, Cut, Unreachable, Ways};
use crate::subjects::{Agent, Part, Spec, What};
use crate::wire::{Place, Wire};

/// For what happens at once, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);
/// The server's port.
const PORT: u16 = 7000;
/// A delayed acknowledgement waits for 40 ms.
const QUIET: Duration = Duration::from_millis(60);

/// Where a fault is inflicted.
#[derive(Debug)]
pub struct Bed {
    /// The wire between server (A) and client (B).
    pub wire: Wire,
    /// What is to be done.
    pub cell: Cell,
    hosts: [Host; 2],
    agents: [Agent; 2],
}

impl Bed {
    /// Makes all, up to a connection over which both have spoken.
    pub(super) fn make(cell: &Cell, program: &FilePath) -> Result<Self, LabError> {
        let fault = cell.fault.spec();
        let hosts = [Host::new("server")?, Host::new("client")?];
        let wire = Wire::join(&hosts[0], &hosts[1])?;
        let listen = SocketAddr::from((wire.v4(Side::A), PORT));
        let server = subject(cell, fault, Side::A, listen);
        let server = Agent::start(&hosts[0], program, &server)?;
        seen(&server, |what| matches!(what, What::Listening(_)))?;
        let client = subject(cell, fault, Side::B, listen);
        let client = Agent::start(&hosts[1], program, &client)?;
        let bed = Self {
            wire,
            cell: cell.clone(),
            hosts,
            agents: [server, client],
        };
        (fault.ready)(&bed)?;
        bed.introduce(fault)?;
        Ok(bed)
    }

    /// Both speak, and all is acknowledged.
    fn introduce(&self, fault: &FaultSpec) -> Result<(), LabError> {
        let connected = |what: &What| matches!(what, What::Connected(..));
        let heard = |what: &What| matches!(what, What::Received(_));
        seen(self.agent(Side::B), connected)?;
        if fault.manners.accepts {
            seen(self.agent(Side::A), connected)?;
        }
        let reads = |side| match side == self.observer() {
            true => true,
            false => fault.manners.peer_reads,
        };
        for (from, to) in [(Side::B, Side::A), (Side::A, Side::B)] {
            if from == Side::A && !fault.manners.accepts {
                continue;
            }
            self.agent(from).order("send 5")?;
            if reads(to) && (to == Side::B || fault.manners.accepts) {
                seen(self.agent(to), heard)?;
            }
        }
        if self.cell.setting.beat().is_none() {
            self.wait_for_quiet();
        }
        Ok(())
    }

    /// Waits until nothing has been on the wire for longer than any acknowledgement is
    /// held back.
    pub(super) fn wait_for_quiet(&self) {
        let give_up = clock::now() + PATIENCE;
        loop {
            let last = self.wire.log(|log| log.records().next_back().map(|r| r.at));
            let now = clock::now();
            let quiet = now.saturating_sub(last.unwrap_or_default());
            if quiet >= QUIET || now > give_up {
                return;
            }
            std::thread::sleep(QUIET - quiet);
        }
    }

    /// Who watches.
    #[must_use]
    pub const fn observer(&self) -> Side {
        self.cell.fault.spec().observer
    }

    /// The other side.
    #[must_use]
    pub const fn peer(&self) -> Side {
        self.observer().other()
    }

    /// The host of a side.
    #[must_use]
    pub const fn host(&self, side: Side) -> &Host {
        &self.hosts[side.index()]
    }

    /// The program of a side.
    #[must_use]
    pub const fn agent(&self, side: Side) -> &Agent {
        &self.agents[side.index()]
    }

    /// Sends the peer's process a signal; returns when.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal_peer(&self, number: i32) -> Result<Duration, LabError> {
        let at = clock::now();
        let process = self.agent(self.peer()).process();
        process
            .signal(number)
            .map_err(|error| LabError::kernel("the peer's process", error))?;
        Ok(at)
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

    /// Lets the observer send.
    pub(super) fn send(&self, bytes: usize) -> Result<(), LabError> {
        self.agent(self.observer()).order(&format!("send {bytes}"))
    }

    /// The last segment that reached the observer until `until`.
    pub(super) fn heard(&self, until: Duration) -> Option<Duration> {
        let to = self.observer();
        self.wire.log(|log| {
            let arrived = log.records().rev().filter(|record| {
                record.direction.receiver() == to && record.tcp().is_some_and(|tcp| !tcp.flags.rst)
            });
            arrived
                .filter_map(crate::log::Record::delivered_at)
                .find(|at| *at <= until)
        })
    }

    /// The first FIN or RST that reached the observer from `since` on.
    pub(super) fn told(&self, since: Duration) -> Option<Duration> {
        let to = self.observer();
        self.wire.log(|log| {
            let last = |flags: &crate::packet::Flags| flags.fin || flags.rst;
            let arrived = log.records().filter(|record| {
                record.direction.receiver() == to
                    && record.tcp().is_some_and(|tcp| last(&tcp.flags))
            });
            arrived
                .filter_map(crate::log::Record::delivered_at)
                .find(|at| *at >= since)
        })
    }
}

fn subject(cell: &Cell, fault: &FaultSpec, side: Side, server: SocketAddr) -> Spec {
    let watches = side == fault.observer;
    let beat = cell.setting.beat().filter(|_| !watches);
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Spec {
        origin_ns: nanos(clock::shared_origin()),
        part: match side {
            Side::A => Part::Server {
                listen: server,
                accepts: fault.manners.accepts,
            },
            Side::B => Part::Client { connect: server },
        },
        watch: watches.then(|| (cell.detector.name().to_owned(), cell.settings.clone())),
        beat_ms: beat.map(|beat| nanos(beat) / 1_000_000),
        reads: watches || fault.manners.peer_reads,
        closes: !watches || fault.manners.closes,
    }
}

fn seen(agent: &Agent, wanted: impl Fn(&What) -> bool) -> Result<(), LabError> {
    let found = agent.wait(clock::now() + PATIENCE, |event| {
        wanted(&event.what) || matches!(event.what, What::Failed(_))
    });
    let why = match (found, agent.failure()) {
        (_, Some(failure)) => failure,
        (Ok(_), None) => return Ok(()),
        (Err(_), None) => "it does not get ready".to_owned(),
    };
    Err(LabError::other(agent.name(), why, None))
}
