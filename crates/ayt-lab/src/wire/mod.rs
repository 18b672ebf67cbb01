//! A wire between two hosts: a program that sees every packet.
//!
//! Each host has one end of a veth pair; the other ends are in a namespace of the
//! wire's own, where one thread reads and writes them packet by packet. Between
//! reading and writing lies the [`Chain`].

pub(crate) mod chain;
mod control;
mod end;
mod pump;
pub mod stage;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use ayt_sys::lab::Bell;
use ayt_sys::{Netns, SysError};

use crate::clock;
use crate::error::LabError;
use crate::host::{Addresses, Host};
use crate::log::{Count, Log, Record, Room};
use crate::packet::{Direction, Side};
use crate::sync::lock;
pub use chain::{Chain, Place, StageId};
pub use control::Changed;
use control::Controls;
use end::End;
use stage::{Cut, Stage};

/// The end of a wire, as a host sees it: something to pull out and put in again.
pub(crate) trait Port: Send + Sync + std::fmt::Debug {
    /// From the time returned on nothing passes between host and wire.
    fn unplug(&self) -> Result<Duration, LabError>;
    /// Puts a new device, with the addresses of this end, into a host.
    fn plug(&self, ns: &Netns) -> Result<Duration, LabError>;
}

/// What a wire did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// What went from A to B, and from B to A.
    pub ways: [Count; 2],
    /// Packets that the wire lost because the machine was too busy to run it: the
    /// measurement is not worth much then.
    pub overruns: u64,
}

impl Counts {
    /// Of one direction.
    #[must_use]
    pub const fn of(&self, direction: Direction) -> Count {
        self.ways[direction.index()]
    }
}

/// What the wire's thread and its owner share.
#[derive(Debug)]
struct Shared {
    bell: Bell,
    controls: Controls,
    log: Mutex<Log>,
    /// There is something new in the log.
    news: Condvar,
    counts: Mutex<Counts>,
}

/// Two hosts joined; see the module and, for what it can do, [`stage`].
#[derive(Debug)]
pub struct Wire {
    shared: Arc<Shared>,
    /// What the hosts hold on to weakly.
    ends: [Arc<End>; 2],
    pump: Option<JoinHandle<()>>,
    number: u8,
}

/// How long a host's device may take to come up.
const PATIENCE: Duration = Duration::from_secs(10);

impl Wire {
    /// Joins two hosts, with an empty chain and a log of the usual [`Room`].
    ///
    /// # Errors
    /// Without [ground](crate::ground); without veth or packet sockets in the
    /// kernel; without 8 MiB of memory for each end.
    pub fn join(a: &Host, b: &Host) -> Result<Self, LabError> {
        Self::join_with(a, b, Room::default())
    }

    /// As [`Wire::join`], with this room for its log.
    ///
    /// # Errors
    /// As [`Wire::join`].
    pub fn join_with(a: &Host, b: &Host, room: Room) -> Result<Self, LabError> {
        let number = next_number();
        let on = format!("wire {} – {}", a.name(), b.name());
        let kernel = |error: SysError| LabError::kernel(&on, error);
        let ns = Arc::new(Netns::fresh().map_err(kernel)?);
        let shared = Arc::new(Shared {
            bell: Bell::new().map_err(kernel)?,
            controls: Controls::default(),
            log: Mutex::new(Log::new(room)),
            news: Condvar::new(),
            counts: Mutex::default(),
        });
        let ends = Side::BOTH.map(|side| {
            let addresses = Addresses {
                side,
                four: (v4(number, side.index() as u8 + 1).into(), 24),
                six: (v6(number, side.index() as u16 + 1).into(), 64),
            };
            let on = on.clone();
            Arc::new(End::new(
                on,
                number,
                addresses,
                Arc::clone(&ns),
                Arc::clone(&shared),
            ))
        });
        let pump = pump::start(&shared)
            .map_err(|error| kernel(SysError::call("start a thread", error)))?;
        let wire = Self {
            shared,
            ends,
            pump: Some(pump),
            number,
        };
        for (host, end) in [a, b].into_iter().zip(&wire.ends) {
            let end: Arc<dyn Port> = Arc::<End>::clone(end);
            host.attach(Arc::downgrade(&end))?;
        }
        wire.ends
            .iter()
            .try_for_each(|end| end.wait_for_carrier(PATIENCE))?;
        Ok(wire)
    }

    /// The IPv4 address of a side: 10.77.N.1 and 10.77.N.2 on wire N of this process.
    #[must_use]
    pub const fn v4(&self, side: Side) -> Ipv4Addr {
        v4(self.number, side.index() as u8 + 1)
    }

    /// The IPv6 address of a side; usable where the kernel has IPv6
    /// ([`Wire::has_v6`]).
    #[must_use]
    pub const fn v6(&self, side: Side) -> Ipv6Addr {
        v6(self.number, side.index() as u16 + 1)
    }

    /// The hosts have IPv6.
    #[must_use]
    pub fn has_v6(&self) -> bool {
        self.ends.iter().all(|end| end.has_v6())
    }

    /// The name of the device of this wire, the same in both hosts.
    #[must_use]
    pub fn device(&self) -> String {
        end::device_name(self.number)
    }

    /// Addresses that neither host has, IPv4 and IPv6: those of a router or NAT on
    /// the wire.
    #[must_use]
    pub const fn router(&self) -> [Option<IpAddr>; 2] {
        let (four, six) = (v4(self.number, 254), v6(self.number, 254));
        [Some(IpAddr::V4(four)), Some(IpAddr::V6(six))]
    }

    /// Changes the chain between two packets: every packet that the kernel took
    /// from a host before [`Changed::at`] has met the old chain, every later one
    /// meets the new. `change` is given that time.
    ///
    /// # Errors
    /// When the wire's thread has ended.
    pub fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Chain, Duration) -> T + Send + 'static,
    ) -> Result<Changed<T>, LabError> {
        self.shared.controls.change(&self.shared.bell, change)
    }

    /// Puts a stage into the chain.
    ///
    /// # Errors
    /// As [`Wire::change`].
    pub fn insert(
        &self,
        place: Place,
        stage: impl Stage + 'static,
    ) -> Result<Changed<StageId>, LabError> {
        self.change(move |chain, _| chain.insert(place, stage))
    }

    /// Takes stages out of the chain; those that are not there are no error.
    ///
    /// # Errors
    /// As [`Wire::change`].
    pub fn remove(&self, ids: impl IntoIterator<Item = StageId>) -> Result<Changed<()>, LabError> {
        let ids: Vec<StageId> = ids.into_iter().collect();
        self.change(move |chain, _| {
            for id in ids {
                chain.remove(id);
            }
        })
    }

    /// The cable is pulled: nothing arrives any more at either end, also nothing of
    /// what was under way. No host is told: for that see [`Wire::carrier`].
    ///
    /// # Errors
    /// As [`Wire::change`].
    pub fn cut(&self) -> Result<Changed<[StageId; 2]>, LabError> {
        self.change(|chain, _| {
            [
                chain.insert(Place::NextToA, Cut::one_way(Direction::BtoA)),
                chain.insert(Place::NextToB, Cut::one_way(Direction::AtoB)),
            ]
        })
    }

    /// Takes the carrier from a host's device, or gives it back: the far end of its
    /// veth pair is set down or up. Returns when the host's kernel knew of it, in
    /// the lab's time.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn carrier(&self, side: Side, up: bool) -> Result<Duration, LabError> {
        self.ends[side.index()].set_carrier(up)
    }

    /// What the wire did so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *lock(&self.shared.counts)
    }

    /// Reads the log. The wire stands still meanwhile: take out what is wanted.
    pub fn log<T>(&self, read: impl FnOnce(&Log) -> T) -> T {
        read(&self.locked_log())
    }

    /// The number that the next packet will have in the log.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.locked_log().next()
    }

    /// Waits until a packet from number `from` on is such as `wanted`, also in its
    /// fate, and returns its record; `None` when none is within `time`.
    #[must_use]
    pub fn wait_for(
        &self,
        from: u64,
        time: Duration,
        mut wanted: impl FnMut(&Record) -> bool,
    ) -> Option<Record> {
        let end = clock::now() + time;
        let mut log = self.locked_log();
        loop {
            if let Some(record) = log.since(from).find(|record| wanted(record)) {
                return Some(record.clone());
            }
            let left = end
                .checked_sub(clock::now())
                .filter(|left| !left.is_zero())?;
            log = match self.shared.news.wait_timeout(log, left) {
                Ok((log, _)) => log,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn locked_log(&self) -> MutexGuard<'_, Log> {
        lock(&self.shared.log)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.controls.stop(&self.shared.bell);
        if let Some(pump) = self.pump.take() {
            // One that panicked has said so itself.
            let _ = pump.join();
        }
        for end in &self.ends {
            end.remove();
        }
    }
}

/// Wires are numbered 0 to 255 and then from 0 again: only wires that meet in one
/// host would mind.
fn next_number() -> u8 {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

const fn v4(number: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, number, host)
}

const fn v6(number: u8, host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd77, 0, 0, number as u16, 0, 0, 0, host)
}
