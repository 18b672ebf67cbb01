//! Two namespaces joined by a wire in user space, which sees every packet.
//!
//! One thread per direction reads packets from a TUN device in one namespace
//! and writes them to the device in the other, after asking the controls what
//! to do with them:
//!
//! ```text
//!   Ns A ─ TUN ─▶ pump A→B ─ record ─ decide ─┬─ pass ─▶ queue (delay) ─▶ TUN ─ Ns B
//!         ▲                                   ├─ lost: silence
//!         └─ ICMP unreachable or RST ◀────────┘
//! ```

mod answer;
mod control;
mod device;
mod packet;
mod pump;
mod recorder;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::sync::lock;
use crate::{Ns, Side, Subnet};
use control::{Controls, Path};
use device::Device;
use pump::{Bell, Shared};
use recorder::Recorder;

pub use control::{Direction, Unreachable};
pub use packet::{Fate, Lost, Origin, Packet, Tcp, TcpFlags, Transport};
pub use recorder::Mark;

/// A wire between two namespaces. All controls take effect on the next packet
/// and may be called from any thread; dropping the wire removes both devices.
#[derive(Debug)]
pub struct Wire {
    shared: Arc<Shared>,
    subnet: Subnet,
    pumps: Vec<JoinHandle<()>>,
}

impl Wire {
    /// Joins two namespaces: a TUN device and addresses in each.
    ///
    /// # Errors
    /// Without /dev/net/tun, the right to use it, or iproute2.
    pub fn join(a: &Ns, b: &Ns) -> Result<Self> {
        let subnet = Subnet::unique();
        let ends = [
            Device::new(a, Side::A, subnet)?,
            Device::new(b, Side::B, subnet)?,
        ];
        let shared = Arc::new(Shared {
            ends: Mutex::new(ends.map(Arc::new)),
            bells: [Bell::new()?, Bell::new()?],
            controls: Mutex::new(Controls::default()),
            recorder: Recorder::default(),
            router: subnet,
        });
        let mut wire = Self {
            shared,
            subnet,
            pumps: Vec::new(),
        };
        for direction in [Direction::AtoB, Direction::BtoA] {
            let shared = Arc::clone(&wire.shared);
            let pump = thread::Builder::new()
                .name(format!("wire {direction:?}"))
                .spawn(move || pump::run(&shared, direction))
                .context("starting a thread of the wire")?;
            wire.pumps.push(pump);
        }
        Ok(wire)
    }

    /// The addresses at both ends.
    #[must_use]
    pub fn subnet(&self) -> Subnet {
        self.subnet
    }

    /// The IPv4 address of a side.
    #[must_use]
    pub fn v4(&self, side: Side) -> IpAddr {
        self.subnet.v4(side).into()
    }

    /// The IPv6 address of a side.
    #[must_use]
    pub fn v6(&self, side: Side) -> IpAddr {
        self.subnet.v6(side).into()
    }

    /// The name of the wire's device, the same in both namespaces.
    #[must_use]
    pub fn device(&self) -> String {
        Device::name(self.subnet)
    }

    /// One-way delays. Packets never overtake each other: after a delay was
    /// shortened, the next packet still waits for those under way.
    pub fn delay(&self, a_to_b: Duration, b_to_a: Duration) {
        self.control(|controls| controls.delay = [a_to_b, b_to_a]);
    }

    /// Silence both ways, also for what is under way.
    pub fn cut(&self) {
        self.control(|controls| controls.paths = [Path::Cut; 2]);
    }

    /// Silence one way.
    pub fn cut_one_way(&self, direction: Direction) {
        self.control(|controls| *controls.path(direction) = Path::Cut);
    }

    /// Silence both ways for a time, then as [`Wire::heal`] leaves it. Returns at once.
    pub fn outage(&self, length: Duration) {
        let end = Instant::now() + length;
        self.control(|controls| controls.paths = [Path::CutUntil(end); 2]);
    }

    /// Packets going in `direction` are lost, and a router answers each with
    /// ICMP (or ICMPv6) destination unreachable, quoting it. The other
    /// direction is left as it is.
    pub fn icmp_unreachable(&self, direction: Direction, code: Unreachable) {
        self.control(|controls| *controls.path(direction) = Path::Unreachable(code));
    }

    /// TCP packets going in `direction` are lost and answered with a RST in
    /// the name of the other side, as a middlebox does; others are only lost.
    pub fn reset(&self, direction: Direction) {
        self.control(|controls| *controls.path(direction) = Path::Reset);
    }

    /// Loses the packets the predicate picks (it may count, or roll seeded
    /// dice). It is asked about every packet that the path would let through.
    pub fn drop_if(&self, predicate: impl Fn(&Packet) -> bool + Send + Sync + 'static) {
        self.control(|controls| controls.drop_if = Some(Arc::new(predicate)));
    }

    /// Undoes cuts, answers and [`Wire::drop_if`]; delays stay.
    pub fn heal(&self) {
        self.control(|controls| {
            controls.paths = [Path::Open; 2];
            controls.drop_if = None;
        });
    }

    /// A new host takes the place of `side`, with its addresses and none of its
    /// memory: a reboot. Returns the new namespace; whatever still runs in the
    /// old one has lost its link.
    ///
    /// # Errors
    /// As [`Ns::new`] and [`Wire::join`].
    pub fn reboot(&self, side: Side) -> Result<Ns> {
        let fresh = Ns::new()?;
        let device = Arc::new(Device::new(&fresh, side, self.subnet)?);
        let old = std::mem::replace(&mut lock(&self.shared.ends)[side.index()], device);
        self.shared
            .bells
            .iter()
            .try_for_each(Bell::ring)
            .context("waking the wire")?;
        drop(old);
        Ok(fresh)
    }

    /// Packets the hosts have put on the wire in a direction, lost ones
    /// included, the wire's own answers not.
    #[must_use]
    pub fn count(&self, direction: Direction) -> u64 {
        self.shared.recorder.count(direction)
    }

    /// Switches the recording of packets on (as it is at first) or off; the
    /// counters always run.
    pub fn record(&self, on: bool) {
        self.shared.recorder.enable(on);
    }

    /// All recorded packets, in the order in which the wire saw them.
    ///
    /// # Panics
    /// When there were more than the recorder holds (a quarter of a million):
    /// an assertion on part of the packets would be wrong without a word.
    #[must_use]
    pub fn packets(&self) -> Vec<Packet> {
        self.packets_since(Mark::default())
    }

    /// A mark in the recording: now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.shared.recorder.mark()
    }

    /// The packets recorded after a mark.
    ///
    /// # Panics
    /// As [`Wire::packets`].
    #[must_use]
    pub fn packets_since(&self, mark: Mark) -> Vec<Packet> {
        self.shared.recorder.since(mark)
    }

    /// Waits for a packet after the mark that `wanted` picks, as soon as the
    /// wire has seen it (its fate may still be open).
    ///
    /// # Panics
    /// With `what` when none came within `within`.
    #[track_caller]
    pub fn wait_for(
        &self,
        what: &str,
        mark: Mark,
        within: Duration,
        wanted: impl Fn(&Packet) -> bool,
    ) -> Packet {
        match self.shared.recorder.wait(mark, within, wanted) {
            Some(packet) => packet,
            None => panic!("no packet within {within:?}: {what}"),
        }
    }

    fn control(&self, change: impl FnOnce(&mut Controls)) {
        change(&mut lock(&self.shared.controls));
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        lock(&self.shared.controls).stop = true;
        let rung: io::Result<()> = self.shared.bells.iter().try_for_each(Bell::ring);
        if rung.is_ok() {
            for pump in self.pumps.drain(..) {
                // A pump that panicked has said so itself.
                let _ = pump.join();
            }
        }
    }
}
