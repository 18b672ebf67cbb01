//! Connections that have not registered: how many there may be.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use crate::sync::{Mutex, MutexGuard, PoisonError};

/// Counts the connections that have not said who they are.
#[derive(Debug)]
pub(super) struct Door {
    most: usize,
    most_per_address: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The place of one connection that has not registered; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    door: Arc<Door>,
    address: IpAddr,
}

impl Door {
    pub(super) fn new(most: usize, most_per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_per_address,
            state: Mutex::default(),
        })
    }

    /// A place for a connection from there; `None` where there is none.
    pub(super) fn enter(self: &Arc<Self>, peer: SocketAddr) -> Option<Place> {
        let address = counted_as(peer.ip());
        let mut state = self.lock();
        if state.all >= self.most {
            return None;
        }
        let of_address = state.by_address.entry(address).or_default();
        // Where it is new it is 0, and there is room for at least one.
        if *of_address >= self.most_per_address {
            return None;
        }
        *of_address += 1;
        state.all += 1;
        Some(Place {
            door: self.clone(),
            address,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.door.lock();
        state.all -= 1;
        if let Some(of_address) = state.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                state.by_address.remove(&self.address);
            }
        }
    }
}

/// An IPv6 host has a whole /64 to choose from (RFC 4291, 2.5.4), so that is what
/// counts as one address.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & !(u128::MAX >> 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 => v4,
    }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_counted_in_all_and_by_address_and_given_back() {
        let door = Door::new(3, 2);
        let first = door.enter(at("10.0.0.1:1")).unwrap();
        let second = door.enter(at("[::ffff:10.0.0.1]:2")).unwrap();
        assert!(door.enter(at("10.0.0.1:3")).is_none(), "two of one address");
        let third = door.enter(at("10.0.0.2:1")).unwrap();
        assert!(door.enter(at("10.0.0.3:1")).is_none(), "three in all");
        drop(first);
        assert!(door.enter(at("10.0.0.3:1")).is_some());
        drop((second, third));
        assert_eq!(door.count(), 0);
        assert!(door.lock().by_address.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let door = Door::new(10, 1);
        let _held = door.enter(at("[2001:db8::1]:1")).unwrap();
        assert!(door.enter(at("[2001:db8::2]:1")).is_none());
        assert!(door.enter(at("[2001:db8:0:1::1]:1")).is_some());
    }
}
