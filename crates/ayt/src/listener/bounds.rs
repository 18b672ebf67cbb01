//! How many connections may be there that have not said who they are.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ayt_core::detectors::Detector;
use tokio::time::{Instant, sleep_until};

use crate::cause::Cause;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::task::spawn;
use crate::sync::{Mutex, MutexGuard, Notify, PoisonError};
use crate::watched::{Handle, Watched};

/// Bounds on connections that are not [registered](super#who-is-registered).
/// Registered ones do not count: how many of them there may be is the application's
/// to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// All together. Default 1,024: about 8 MiB of the kernel's memory, and far
    /// below the usual limit of descriptors.
    pub total: usize,
    /// From one address; of IPv6 the first 64 bits, since one host usually has as
    /// many addresses as it likes in its own /64 (RFC 6177). Default 64. Behind a
    /// proxy all connections come from one address: set it as `total` there.
    pub per_address: usize,
    /// From accepting to registering. It is fixed when the connection is accepted, and
    /// nothing moves it: over TLS it holds for the handshake and the first byte together,
    /// and where connections are [registered
    /// explicitly](super::Listener::register_explicitly) a peer that sends a byte now and
    /// then gains nothing. Default 10 s.
    ///
    /// It holds for a connection that nobody polls, too: at its age it has ended, its
    /// [handles](crate::watched::Handle::ended) are told, and whatever its owner does
    /// with it next fails. The descriptor stays its owner's to drop; until then it counts
    /// against [`total`](Self::total) and [`per_address`](Self::per_address), which bound
    /// what is really held.
    pub age: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            total: 1_024,
            per_address: 64,
            age: Duration::from_secs(10),
        }
    }
}

/// Why a connection was refused at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// [`Bounds::total`] unregistered connections were there.
    Total(usize),
    /// [`Bounds::per_address`] of them came from its address.
    PerAddress(usize),
    /// The hook that sets socket options failed, with this error.
    Socket(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total(n) => write!(f, "{n} connections have not registered yet"),
            Self::PerAddress(n) => {
                write!(f, "{n} connections of its address have not registered yet")
            }
            Self::Socket(error) => write!(f, "its socket could not be set up: {error}"),
        }
    }
}

/// What a listener has done so far, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Connections handed to the owner.
    pub accepted: u64,
    /// Refused because of [`Bounds::total`].
    pub refused_total: u64,
    /// Refused because of [`Bounds::per_address`].
    pub refused_per_address: u64,
    /// Refused because the socket hook failed.
    pub refused_socket: u64,
    /// Calls of accept that failed for want of descriptors or memory.
    pub accept_errors: u64,
    /// Not registered now.
    pub unregistered: usize,
    /// In the owner's hands now.
    pub live: usize,
}

/// The places of one listener.
#[derive(Debug, Default)]
pub(super) struct Places {
    inner: Mutex<Inner>,
    accept_errors: AtomicU64,
    refused_socket: AtomicU64,
    pub(super) changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    unregistered: usize,
    /// When each is to have registered, the earliest first: all have the same age.
    deadlines: VecDeque<(Instant, u64)>,
    /// A task waits for the first of them.
    watched: bool,
    per_address: HashMap<IpAddr, usize>,
    live: HashMap<u64, Handle>,
    next: u64,
    accepted: u64,
    refused_total: u64,
    refused_per_address: u64,
}

/// A place among the unregistered, and one among the living.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    group: IpAddr,
    id: u64,
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a connection, or says which bound it would break.
    pub(super) fn take(
        self: &Arc<Self>,
        peer: SocketAddr,
        bounds: &Bounds,
    ) -> Result<Place, Refusal> {
        let group = group(peer.ip());
        let mut inner = self.lock();
        if inner.unregistered >= bounds.total {
            inner.refused_total += 1;
            return Err(Refusal::Total(inner.unregistered));
        }
        let here = inner.per_address.get(&group).copied().unwrap_or(0);
        if here >= bounds.per_address {
            inner.refused_per_address += 1;
            return Err(Refusal::PerAddress(here));
        }
        inner.unregistered += 1;
        inner.per_address.insert(group, here + 1);
        let id = inner.next;
        inner.next += 1;
        Ok(Place {
            places: Arc::clone(self),
            group,
            id,
        })
    }

    pub(super) fn count_accept_error(&self) {
        self.accept_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_socket_refusal(&self) {
        self.refused_socket.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> Stats {
        let inner = self.lock();
        Stats {
            accepted: inner.accepted,
            refused_total: inner.refused_total,
            refused_per_address: inner.refused_per_address,
            refused_socket: self.refused_socket.load(Ordering::Relaxed),
            accept_errors: self.accept_errors.load(Ordering::Relaxed),
            unregistered: inner.unregistered,
            live: inner.live.len(),
        }
    }

    /// When the next is to have registered; `None` where there is none: whoever asked
    /// waits no more.
    fn next_deadline(&self) -> Option<Instant> {
        let mut inner = self.lock();
        loop {
            let &(at, id) = match inner.deadlines.front() {
                Some(first) => first,
                None => {
                    inner.watched = false;
                    return None;
                }
            };
            let waits = inner.live.get(&id).is_some_and(Handle::is_unregistered);
            if waits {
                return Some(at);
            }
            inner.deadlines.pop_front();
        }
    }

    /// Ends those that are to have registered by now, and have not.
    fn end_overdue(&self, now: Instant) {
        let mut overdue = Vec::new();
        {
            let mut inner = self.lock();
            while let Some((_, id)) = inner.deadlines.pop_front_if(|(at, _)| *at <= now) {
                overdue.extend(inner.live.get(&id).cloned());
            }
        }
        for handle in overdue {
            // Outside of the lock: registering takes it.
            if handle.is_unregistered() {
                handle.end(Cause::NeverRegistered);
            }
        }
    }

    /// Ends all that live, and says how many there were.
    pub(super) fn end_all(&self, cause: Cause) -> usize {
        // Ended outside of the lock: a connection may give its place up meanwhile.
        let live: Vec<Handle> = self.lock().live.values().cloned().collect();
        live.iter().filter(|handle| handle.end(cause)).count()
    }
}

impl Place {
    /// The connection takes it, and has to register in time.
    pub(super) fn seat<S, D: Detector>(
        self,
        connection: &mut Watched<S, D>,
        age: Duration,
        at_first_byte: bool,
    ) {
        let place = Arc::new(self);
        place.live(connection.handle());
        let (registered, gone) = (Arc::clone(&place), Arc::clone(&place));
        connection.must_register(
            age,
            at_first_byte,
            Box::new(move || registered.registered()),
            Box::new(move || gone.gone()),
        );
        place.must_register_by(Instant::now() + age);
    }

    /// The connection lives from now on.
    fn live(&self, handle: Handle) {
        let mut inner = self.places.lock();
        inner.accepted += 1;
        inner.live.insert(self.id, handle);
    }

    /// It has to register by then. One task for all that wait is enough, and none while
    /// nobody waits.
    fn must_register_by(&self, at: Instant) {
        let mut inner = self.places.lock();
        inner.deadlines.push_back((at, self.id));
        if !std::mem::replace(&mut inner.watched, true) {
            drop(inner);
            spawn(watch(Arc::clone(&self.places)));
        }
    }

    /// It is registered.
    pub(super) fn registered(&self) {
        let mut inner = self.places.lock();
        inner.unregistered -= 1;
        if let Some(here) = inner.per_address.get_mut(&self.group) {
            *here -= 1;
            if *here == 0 {
                inner.per_address.remove(&self.group);
            }
        }
    }

    /// It is gone.
    pub(super) fn gone(&self) {
        let handle = self.places.lock().live.remove(&self.id);
        drop(handle);
        self.places.changed.notify_waiters();
    }
}

/// Ends each connection at its age, also those that nobody polls.
async fn watch(places: Arc<Places>) {
    while let Some(at) = places.next_deadline() {
        sleep_until(at).await;
        places.end_overdue(Instant::now());
    }
}

/// What counts as one address.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    fn take(places: &Arc<Places>, peer: &str, bounds: &Bounds) -> Result<Place, Refusal> {
        places.take(peer.parse().unwrap(), bounds)
    }

    #[test]
    fn each_bound_refuses_by_itself_and_places_come_back() {
        let places = Arc::new(Places::default());
        let bounds = Bounds {
            total: 3,
            per_address: 2,
            ..Bounds::default()
        };
        let a = take(&places, "192.0.2.1:1", &bounds).unwrap();
        let _b = take(&places, "192.0.2.1:2", &bounds).unwrap();
        let third = take(&places, "192.0.2.1:3", &bounds);
        assert_eq!(third.unwrap_err(), Refusal::PerAddress(2));
        let _c = take(&places, "192.0.2.2:1", &bounds).unwrap();
        let fourth = take(&places, "192.0.2.3:1", &bounds);
        assert_eq!(fourth.unwrap_err(), Refusal::Total(3));
        a.registered();
        let _again = take(&places, "192.0.2.1:4", &bounds).unwrap();
        let stats = places.stats();
        assert_eq!((stats.refused_total, stats.refused_per_address), (1, 1));
        assert_eq!(stats.unregistered, 3);
    }

    #[test]
    fn an_ipv6_host_is_its_64_and_a_mapped_address_is_ipv4() {
        for (one, other, same) in [
            ("2001:db8::1", "2001:db8::ffff:2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let [one, other] = [one, other].map(|text| group(text.parse().unwrap()));
            assert_eq!(one == other, same, "{one} {other}");
        }
    }

    #[test]
    fn nothing_is_kept_of_addresses_that_are_gone() {
        let places = Arc::new(Places::default());
        for n in 0..100u8 {
            let peer = SocketAddr::from(([192, 0, 2, n], 1));
            let place = places.take(peer, &Bounds::default()).unwrap();
            place.registered();
            place.gone();
        }
        let inner = places.lock();
        assert!(inner.per_address.is_empty() && inner.live.is_empty());
        assert_eq!(inner.unregistered, 0);
    }
}
