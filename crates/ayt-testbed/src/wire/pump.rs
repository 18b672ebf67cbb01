//! One direction of the wire: a thread that moves packets.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::answer;
use super::control::{Controls, Decision, Direction};
use super::device::Device;
use super::packet::{Fate, Lost, Origin, Packet};
use super::recorder::{Entry, Recorder};
use crate::Subnet;
use crate::sync::lock;

/// Packets read before looking at the queue and the bell again.
const BATCH: usize = 64;
/// How long to leave alone a device that cannot be read (it is down or gone).
const SICK: Duration = Duration::from_millis(20);

/// What both pumps and the [`Wire`](super::Wire) share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) ends: Mutex<[Arc<Device>; 2]>,
    pub(super) bells: [Bell; 2],
    pub(super) controls: Mutex<Controls>,
    pub(super) recorder: Recorder,
    pub(super) router: Subnet,
}

/// Wakes a pump that waits in `poll`.
#[derive(Debug)]
pub(super) struct Bell(OwnedFd);

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?))
    }

    pub(super) fn ring(&self) -> io::Result<()> {
        rustix::io::write(&self.0, &1_u64.to_ne_bytes())?;
        Ok(())
    }

    fn silence(&self) {
        // Empty when somebody else rang and it was read already: all the same.
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}

struct Waiting {
    due: Instant,
    entry: Entry,
    bytes: Vec<u8>,
}

struct Pump<'a> {
    shared: &'a Shared,
    direction: Direction,
    from: Arc<Device>,
    to: Arc<Device>,
    /// In the order of arrival, and of delivery: `due` never decreases.
    queue: VecDeque<Waiting>,
}

/// Moves packets in one direction until told to stop.
pub(super) fn run(shared: &Shared, direction: Direction) {
    let [from, to] = ends(shared, direction);
    let mut pump = Pump {
        shared,
        direction,
        from,
        to,
        queue: VecDeque::new(),
    };
    let mut buffer = vec![0; 1 << 16];
    let mut readable = true;
    loop {
        pump.deliver_due();
        match pump.wait(readable) {
            Woken::Bell => {
                shared.bells[direction.index()].silence();
                if lock(&shared.controls).stop {
                    return;
                }
                [pump.from, pump.to] = ends(shared, direction);
                readable = true;
            }
            Woken::Packets => readable = pump.take_batch(&mut buffer),
            Woken::Time => readable = true,
        }
    }
}

fn ends(shared: &Shared, direction: Direction) -> [Arc<Device>; 2] {
    let ends = lock(&shared.ends);
    let sender = direction.sender();
    [sender, sender.other()].map(|side| Arc::clone(&ends[side.index()]))
}

enum Woken {
    Bell,
    Packets,
    Time,
}

impl Pump<'_> {
    /// Sleeps until the bell rings, packets come (if `listen`), or the first in
    /// the queue is due.
    fn wait(&self, listen: bool) -> Woken {
        let due = self.queue.front().map(|first| first.due);
        let left = due.map(|due| due.saturating_duration_since(Instant::now()));
        let left = if listen {
            left
        } else {
            Some(left.map_or(SICK, |left| left.min(SICK)))
        };
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let bell = &self.shared.bells[self.direction.index()].0;
        let mut fds = [
            PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.from.as_fd(), PollFlags::IN),
        ];
        let watched = if listen { &mut fds[..] } else { &mut fds[..1] };
        // An interrupted or failed poll is a wake-up like another.
        let _ = poll(watched, timeout.as_ref());
        if !fds[0].revents().is_empty() {
            Woken::Bell
        } else if listen && !fds[1].revents().is_empty() {
            Woken::Packets
        } else {
            Woken::Time
        }
    }

    /// Takes what the device has; false when the device cannot be read now.
    fn take_batch(&mut self, buffer: &mut [u8]) -> bool {
        for _ in 0..BATCH {
            match self.from.receive(buffer) {
                Ok(length) => self.take(&buffer[..length]),
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
        true
    }

    fn take(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        let Some(packet) = Packet::parse(bytes, self.direction, Origin::Host, now) else {
            return;
        };
        if packet.destination.is_multicast() {
            // The kernel's own chatter about the link (MLD): it has no meaning
            // for a host across a point-to-point wire and would spoil counts.
            return;
        }
        self.shared.recorder.add_to_count(self.direction);
        let decision = lock(&self.shared.controls).decide(self.direction, now);
        let lost = match &decision {
            Decision::Pass(_, Some(picks)) if picks(&packet) => Lost::Picked,
            Decision::Pass(delay, _) => return self.pass(bytes, packet, *delay),
            Decision::Lose(lost) => *lost,
            Decision::Unreachable(_) => Lost::Unreachable,
            Decision::Reset => Lost::Reset,
        };
        self.shared.recorder.push(Packet {
            fate: Fate::Lost(lost),
            ..packet
        });
        let reply = match decision {
            Decision::Unreachable(code) => {
                let router = self.shared.router.router(packet.source);
                answer::unreachable(bytes, &packet, router, code)
            }
            Decision::Reset => answer::reset(&packet),
            Decision::Pass(..) | Decision::Lose(_) => None,
        };
        if let Some(reply) = reply {
            self.reply(&reply);
        }
    }

    fn pass(&mut self, bytes: &[u8], packet: Packet, delay: Duration) {
        let entry = self.shared.recorder.push(packet);
        if delay.is_zero() && self.queue.is_empty() {
            return self.deliver(bytes, entry);
        }
        let due = packet.seen + delay;
        let due = self.queue.back().map_or(due, |last| last.due.max(due));
        self.queue.push_back(Waiting {
            due,
            entry,
            bytes: bytes.to_vec(),
        });
    }

    fn deliver_due(&mut self) {
        loop {
            let now = Instant::now();
            if self.queue.front().is_none_or(|first| first.due > now) {
                return;
            }
            let Some(waiting) = self.queue.pop_front() else {
                return;
            };
            // What was under way when the wire was cut is lost with it.
            if lock(&self.shared.controls).is_cut(self.direction, now) {
                self.shared
                    .recorder
                    .settle(waiting.entry, Fate::Lost(Lost::Cut));
            } else {
                self.deliver(&waiting.bytes, waiting.entry);
            }
        }
    }

    fn deliver(&self, bytes: &[u8], entry: Entry) {
        hand_over(&self.shared.recorder, &self.to, bytes, entry);
    }

    /// Sends the wire's own answer back to where the packet came from.
    fn reply(&self, bytes: &[u8]) {
        let now = Instant::now();
        let back = self.direction.back();
        let entry = Packet::parse(bytes, back, Origin::Wire, now)
            .and_then(|packet| self.shared.recorder.push(packet));
        hand_over(&self.shared.recorder, &self.from, bytes, entry);
    }
}

/// Writes a packet to a device and notes its fate. Noted before the write:
/// whoever has read the data, or its answer, finds the packet delivered.
fn hand_over(recorder: &Recorder, to: &Device, bytes: &[u8], entry: Entry) {
    recorder.settle(entry, Fate::Delivered(Instant::now()));
    if to.send(bytes).is_err() {
        recorder.settle(entry, Fate::Lost(Lost::NoDevice));
    }
}
