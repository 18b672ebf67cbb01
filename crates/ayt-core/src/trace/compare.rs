//! Two paths to one peer: where they part.

use std::net::IpAddr;

use super::{Hop, Picture};

/// The first hop where two paths differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Hops from here.
    pub hop: u8,
    /// Who answers there on the first path; nobody where it is empty.
    pub this: Vec<IpAddr>,
    /// And on the other.
    pub other: Vec<IpAddr>,
    /// The last hop that both have.
    pub shared: Option<IpAddr>,
}

/// Compares two paths. `None` where they are the same as far as can be told: a
/// router's silence on one of them is no difference where both agree again later.
#[must_use]
pub fn difference(this: &Picture, other: &Picture) -> Option<Difference> {
    let longest = this.hops.len().max(other.hops.len());
    let pairs: Vec<(Vec<IpAddr>, Vec<IpAddr>)> = (0..longest)
        .map(|at| (who(this.hops.get(at)), who(other.hops.get(at))))
        .collect();
    let agree = |pair: &(Vec<IpAddr>, Vec<IpAddr>)| pair.0.iter().any(|one| pair.1.contains(one));
    let mut shared = None;
    for (at, pair) in pairs.iter().enumerate() {
        let silent = pair.0.is_empty() || pair.1.is_empty();
        if agree(pair) {
            shared = pair.0.iter().find(|one| pair.1.contains(one)).copied();
            continue;
        }
        let both_silent = pair.0.is_empty() && pair.1.is_empty();
        if both_silent || (silent && pairs.iter().skip(at + 1).any(agree)) {
            continue;
        }
        return Some(Difference {
            hop: u8::try_from(at + 1).unwrap_or(u8::MAX),
            this: pair.0.clone(),
            other: pair.1.clone(),
            shared,
        });
    }
    None
}

fn who(hop: Option<&Hop>) -> Vec<IpAddr> {
    let routers = hop.into_iter().flat_map(|hop| &hop.routers);
    routers.map(|router| router.address).collect()
}
