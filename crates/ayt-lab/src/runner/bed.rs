//! Two hosts, a wire, a server and a client, and a connection between them.

mod commands;

use std::net::SocketAddr;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use crate::clock;
use crate::detectors::Setting;
use crate::error::LabError;
use crate::faults::{Ready, Spec as FaultSpec};
use crate::host::Host;
use crate::log::Record;
use crate::packet::Side;
use crate::scenario::Cell;
use crate::subjects::{Agent, Event, Part, Spec, What};
use crate::wire::Wire;

/// For what happens at once, on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// The server's port.
pub(super) const PORT: u16 = 7000;
/// For a search of an interval: the silences it tries add up.
const SEARCH: Duration = Duration::from_secs(45);
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
    /// Clients that came later.
    pub(super) later: Mutex<Vec<Agent>>,
    pub(super) program: PathBuf,
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
        (fault.ready)(&Ready {
            wire: &wire,
            hosts: &hosts,
            cell,
        })?;
        let client = subject(cell, fault, Side::B, listen);
        let client = Agent::start(&hosts[1], program, &client)?;
        let bed = Self {
            wire,
            cell: cell.clone(),
            hosts,
            agents: [server, client],
            later: Mutex::default(),
            program: program.to_owned(),
        };
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
        if !fault.manners.peer_reads {
            // It must have it, unread.
            let to = self.peer();
            let arrived = |record: &Record| {
                record.direction.receiver() == to
                    && record.tcp().is_some_and(|tcp| tcp.payload > 0)
                    && record.delivered_at().is_some()
            };
            if self.wire.wait_for(0, PATIENCE, arrived).is_none() {
                return Err(LabError::other("the peer", "nothing reaches it", None));
            }
        }
        // Between two beats it is quiet as well.
        if self.cell.setting.beat().is_none_or(|beat| beat > QUIET * 3) {
            self.wait_for_quiet();
        }
        Ok(())
    }

    /// Waits until a client that searches has found its interval, and both have agreed on
    /// it over another connection.
    pub(super) fn wait_until_settled(&self) -> Result<(), LabError> {
        if !matches!(self.cell.setting, Setting::Adaptive { .. }) {
            return Ok(());
        }
        let late = |_| LabError::other("the search", "it does not end", None);
        let until = clock::now() + SEARCH;
        let settled = |event: &Event| matches!(event.what, What::Settled { .. });
        let settled = self.agent(Side::B).wait(until, settled).map_err(late)?;
        let moved =
            |event: &Event| matches!(event.what, What::Connected(..)) && event.at() > settled.at();
        self.agent(Side::A).wait(until, moved).map_err(late)?;
        self.wait_for_quiet();
        Ok(())
    }

    /// The interval that the client has found, and the longest silence it survived.
    #[must_use]
    pub fn settled(&self) -> Option<(Duration, Option<Duration>)> {
        let events = self.agent(Side::B).events();
        events.iter().rev().find_map(|event| match event.what {
            What::Settled {
                interval_ns,
                survived_ns,
            } => {
                let survived = survived_ns.map(Duration::from_nanos);
                Some((Duration::from_nanos(interval_ns), survived))
            }
            _ => None,
        })
    }

    /// Waits until everything is acknowledged, and nothing has been on the wire for
    /// longer than any acknowledgement is held back. One that came after the fault would
    /// be answered by routers and NATs, and count as data in flight.
    pub(super) fn wait_for_quiet(&self) {
        wait_for_quiet(&self.wire, QUIET, PATIENCE);
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

    /// Lets the observer send.
    pub(super) fn send(&self, bytes: usize) -> Result<(), LabError> {
        self.agent(self.observer()).order(&format!("send {bytes}"))
    }

    /// The peer of the connection that is watched, as the observer knows it.
    fn remote(&self) -> Option<SocketAddr> {
        let events = self.agent(self.observer()).events();
        // The last: a session moves.
        events.iter().rev().find_map(|event| match event.what {
            What::Connected(_, remote) if event.connection == 0 => Some(remote),
            _ => None,
        })
    }

    /// The last segment of the connection that reached the observer until `until`;
    /// `data`: the last with data.
    pub(super) fn heard(&self, until: Duration, data: bool) -> Option<Duration> {
        let to = self.observer();
        let remote = self.remote()?;
        let is_heard = |record: &&Record| {
            let from = record.delivered_summary().flow().map(|flow| flow.source);
            record.direction.receiver() == to
                && from == Some(remote)
                && record
                    .tcp()
                    .is_some_and(|tcp| !tcp.flags.rst && (tcp.payload > 0 || !data))
        };
        self.wire.log(|log| {
            let arrived = log.records().rev().filter(is_heard);
            arrived
                .filter_map(Record::delivered_at)
                .find(|at| *at <= until)
        })
    }

    /// The first segment that the observer sent from number `mark` on: the first ask.
    pub(super) fn asked(&self, mark: u64) -> Option<Duration> {
        let from = self.observer();
        self.wire.log(|log| {
            let sent = log
                .since(mark)
                .find(|record| record.direction.sender() == from && record.tcp().is_some());
            sent.map(|record| record.at)
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
                .filter_map(Record::delivered_at)
                .find(|at| *at >= since)
        })
    }
}

/// Waits until everything is acknowledged and the wire has been silent for `quiet`; for
/// at most `patience`.
fn wait_for_quiet(wire: &Wire, quiet: Duration, patience: Duration) {
    let give_up = clock::now() + patience;
    loop {
        let (last, owed) = wire.log(|log| {
            let last = log.records().next_back().map(|record| record.at);
            (last, log.owes_acknowledgement())
        });
        let now = clock::now();
        let silent = now.saturating_sub(last.unwrap_or_default());
        let left = match owed {
            true => quiet,
            false => quiet.saturating_sub(silent),
        };
        if left.is_zero() || now > give_up {
            return;
        }
        std::thread::sleep(left);
    }
}

pub(super) fn subject(cell: &Cell, fault: &FaultSpec, side: Side, server: SocketAddr) -> Spec {
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
        watch: (watches || cell.setting.is_session())
            .then(|| (cell.detector.name().to_owned(), cell.settings.clone())),
        beat_ms: beat.map(|beat| nanos(beat) / 1_000_000),
        reads: watches || fault.manners.peer_reads,
        closes: !watches || fault.manners.closes,
    }
}

pub(super) fn seen(agent: &Agent, wanted: impl Fn(&What) -> bool) -> Result<(), LabError> {
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
