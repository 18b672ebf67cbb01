//! Happy Eyeballs (RFC 8305): a dead address family costs a quarter of a second,
//! not a minute.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The order in which to try: the families alternate, beginning with that of the
/// first address, which the resolver prefers (RFC 8305 section 4).
pub(super) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else {
        return addresses;
    };
    let (preferred, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first);
    let mut ordered = Vec::with_capacity(preferred.len() + other.len());
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    loop {
        let (one, two) = (preferred.next(), other.next());
        if one.is_none() && two.is_none() {
            return ordered;
        }
        ordered.extend(one);
        ordered.extend(two);
    }
}

/// Tries the addresses in turn. The next one starts when the one before has
/// failed, or has not answered for `head_start`; the first to connect wins, and
/// the others are dropped. Failures are left in `failed`.
pub(super) async fn race(
    addresses: Vec<SocketAddr>,
    head_start: Duration,
    failed: &mut Vec<(SocketAddr, io::Error)>,
) -> Option<(SocketAddr, TcpStream)> {
    let mut waiting = interleave(addresses).into_iter();
    // Dropped with its tasks when this future is.
    let mut attempts = JoinSet::new();
    loop {
        let mut more = false;
        if let Some(address) = waiting.next() {
            more = true;
            attempts.spawn(async move { (address, TcpStream::connect(address).await) });
        }
        tokio::select! {
            biased;
            ended = attempts.join_next() => match ended {
                Some(Ok((address, Ok(stream)))) => return Some((address, stream)),
                Some(Ok((address, Err(error)))) => failed.push((address, error)),
                // A task that panicked or was stopped by the runtime.
                Some(Err(_)) => {}
                None => return None,
            },
            () = sleep(head_start), if more => {}
        }
    }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_and_nothing_is_lost() {
        let parse = |list: &str| -> Vec<SocketAddr> {
            list.split_whitespace()
                .map(|a| a.parse().unwrap())
                .collect()
        };
        for (given, expected) in [
            ("", ""),
            ("[::1]:1 [::2]:1 1.1.1.1:1", "[::1]:1 1.1.1.1:1 [::2]:1"),
            ("1.1.1.1:1 1.1.1.2:1 [::1]:1", "1.1.1.1:1 [::1]:1 1.1.1.2:1"),
            ("1.1.1.1:1 1.1.1.2:1", "1.1.1.1:1 1.1.1.2:1"),
            (
                "[::1]:1 1.1.1.1:1 1.1.1.2:1 1.1.1.3:1",
                "[::1]:1 1.1.1.1:1 1.1.1.2:1 1.1.1.3:1",
            ),
        ] {
            assert_eq!(interleave(parse(given)), parse(expected));
        }
    }
}
