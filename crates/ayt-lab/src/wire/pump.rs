//! The thread of a wire: the edge between kernel and chain.
//!
//! A packet counts as having come when the kernel took it from its sender, by the
//! kernel's own stamp, not when this thread got round to reading it: a thread that
//! runs late makes neither delays longer nor outages shorter than they are. Packets
//! of both directions are judged in the order of their stamps.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ayt_sys::lab::{self, PacketPort};

use super::chain::Chain;
use super::control::Message;
use super::{Counts, Shared};
use crate::clock::{self, Stamps};
use crate::log::Log;
use crate::packet::{Direction, Packet, Side};
use crate::sync::lock;

/// Packets read from an end before they are judged and sent on.
const BATCH: usize = 256;
/// Buffers kept for the next packets.
const SPARE: usize = 4 * BATCH;

/// Starts the thread; it ends when it is told to stop.
pub(super) fn start(shared: &Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name("wire".to_owned())
        .spawn(move || {
            lab::be_prompt();
            let mut pump = Pump {
                shared: &shared,
                chain: Chain::new(),
                ends: [Reader::default(), Reader::default()],
                spare: Vec::new(),
                leaving: Vec::new(),
                overruns: 0,
                changed: Duration::ZERO,
            };
            pump.run();
        })
}

/// One end, and what has been read from it and not yet been judged.
#[derive(Default)]
struct Reader {
    port: Option<Box<PacketPort>>,
    read: VecDeque<Packet>,
    /// It may have more.
    more: bool,
}

struct Pump<'a> {
    shared: &'a Shared,
    chain: Chain,
    ends: [Reader; 2],
    spare: Vec<Vec<u8>>,
    /// What has passed the chain.
    leaving: Vec<Packet>,
    overruns: u64,
    /// When the chain was changed last. A packet that was on its way from its stamp
    /// into the ring just then has met the new chain, and came after the change.
    changed: Duration,
}

impl Pump<'_> {
    fn run(&mut self) {
        loop {
            let (messages, stopped) = self.shared.controls.take();
            if stopped {
                return;
            }
            for message in messages {
                self.obey(message);
            }
            let now = clock::now();
            self.read();
            self.judge(None);
            self.advance(now);
            self.send();
            if self.ends.iter().all(|end| end.read.is_empty() && !end.more) {
                self.sleep();
            }
        }
    }

    /// Does what a message asks, after everything that came before now.
    fn obey(&mut self, message: Message) {
        let now = clock::now();
        // What the kernel stamped before `now` is in the rings already.
        loop {
            self.read();
            self.judge(Some(now));
            self.send();
            if self.ends.iter().all(|end| end.is_read_until(now)) {
                break;
            }
        }
        self.advance(now);
        self.send();
        match message {
            Message::Change(change) => {
                self.changed = now;
                change(&mut self.chain, now);
                // What a stage held that is there no more goes on at once.
                self.advance(now);
                self.send();
            }
            Message::Port(side, port, answer) => {
                self.ends[side.index()] = Reader {
                    port,
                    ..Reader::default()
                };
                let _ = answer.send(now);
            }
        }
    }

    /// Reads what has come, a batch from each end.
    fn read(&mut self) {
        let stamps = Stamps::read();
        for side in Side::BOTH {
            let end = &mut self.ends[side.index()];
            let Some(port) = &mut end.port else {
                end.more = false;
                continue;
            };
            let direction = Direction::from(side);
            end.more = true;
            while end.read.len() < BATCH {
                let mut buffer = self.spare.pop().unwrap_or_default();
                buffer.clear();
                let taken = port.take(|arrival| {
                    buffer.extend_from_slice(arrival.bytes);
                    let whole = arrival.length == arrival.bytes.len();
                    whole.then(|| stamps.time(arrival.time))
                });
                let Some(at) = taken else {
                    self.spare.push(buffer);
                    end.more = false;
                    break;
                };
                // No packet of a host of ours is longer than the frames of the ring.
                let packet = at.and_then(|at| Packet::parse(buffer, direction, at));
                // The kernels' own chatter about the link (listener reports) has no
                // meaning for a host across a point-to-point wire.
                end.read
                    .extend(packet.filter(|packet| !packet.summary().destination.is_multicast()));
            }
        }
    }

    /// Judges what has been read, in the order of time: all of it, or what came
    /// before `until`.
    fn judge(&mut self, until: Option<Duration>) {
        if self.ends.iter().all(|end| end.read.is_empty()) {
            return;
        }
        let mut log = lock(&self.shared.log);
        loop {
            let [a, b] = [0, 1].map(|at| self.ends[at].read.front().map(Packet::at));
            let (first, at) = match (a, b) {
                (Some(a), Some(b)) if b < a => (1, b),
                (Some(a), _) => (0, a),
                (None, Some(b)) => (1, b),
                (None, None) => break,
            };
            // The other end may have something older that has not been read yet.
            let other = &self.ends[1 - first];
            if until.is_some_and(|until| at >= until) || (other.read.is_empty() && other.more) {
                break;
            }
            let Some(mut packet) = self.ends[first].read.pop_front() else {
                break;
            };
            packet.not_before(self.changed);
            self.chain.arrive(packet, &mut log, &mut self.leaving);
        }
    }

    /// Lets everything happen that is due.
    fn advance(&mut self, now: Duration) {
        if self.chain.due().is_some_and(|due| due <= now) {
            let mut log = lock(&self.shared.log);
            self.chain.advance(now, &mut log, &mut self.leaving);
        }
    }

    /// Hands what has passed the chain to the hosts.
    fn send(&mut self) {
        let mut log = lock(&self.shared.log);
        let now = clock::now();
        // Noted before it is sent: whoever has read the data finds it delivered.
        for packet in &self.leaving {
            log.delivered(packet, now);
        }
        for side in Side::BOTH {
            let direction = Direction::from(side).back();
            let mine = || {
                let leaving = self.leaving.iter();
                leaving.filter(move |packet| packet.direction() == direction)
            };
            let count = &mut self.chain.counts[direction.index()];
            let mut refused = |packet: &Packet, log: &mut Log| {
                count.dropped += 1;
                log.dropped(packet.number, now, "wire", "no device");
            };
            let total = mine().count();
            let Some(port) = &self.ends[side.index()].port else {
                mine().for_each(|packet| refused(packet, &mut log));
                continue;
            };
            let mut failed = Vec::new();
            port.send(mine().map(Packet::bytes), |at, result| {
                if result.is_err() {
                    failed.push(at);
                }
            });
            for at in &failed {
                mine()
                    .nth(*at)
                    .into_iter()
                    .for_each(|packet| refused(packet, &mut log));
            }
            count.delivered += (total - failed.len()) as u64;
        }
        *lock(&self.shared.counts) = Counts {
            ways: self.chain.counts,
            overruns: self.overruns,
        };
        drop(log);
        self.shared.news.notify_all();
        let room = SPARE.saturating_sub(self.spare.len());
        let used = self.leaving.drain(..).map(Packet::into_bytes);
        self.spare.extend(used.take(room));
    }

    /// Sleeps until there is something to do.
    fn sleep(&mut self) {
        let lost: u32 = self
            .ends
            .iter()
            .filter_map(|end| end.port.as_ref())
            .map(|port| port.overruns())
            .sum();
        self.overruns += u64::from(lost);
        let due = self.chain.due();
        let time = due.map(|due| due.saturating_sub(clock::now()));
        let ports = [0, 1].map(|at| self.ends[at].port.as_deref());
        let woken = lab::wait(&self.shared.bell, ports, time);
        if woken.bell {
            self.shared.bell.silence();
        }
        for (port, woken) in ports.iter().zip(woken.ports) {
            if let Some(port) = port.filter(|_| woken) {
                port.clear_error();
            }
        }
    }
}

impl Reader {
    /// Nothing is left that came before `time`.
    fn is_read_until(&self, time: Duration) -> bool {
        match self.read.front() {
            Some(packet) => packet.at() >= time,
            None => !self.more,
        }
    }
}
