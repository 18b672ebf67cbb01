//! Making a connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::session::sockets::Sockets;
use crate::session::transport::BoxedIo;

type Connecting = Pin<Box<dyn Future<Output = io::Result<Dialed>> + Send>>;

/// A connection that was made.
pub(super) struct Dialed {
    pub(super) io: BoxedIo,
    /// To which of the addresses that were given.
    #[cfg_attr(
        not(feature = "tls"),
        expect(dead_code, reason = "whose certificate to expect")
    )]
    pub(super) address: usize,
}

/// Makes a connection each time it is called.
pub(super) type Connector = Box<dyn Fn() -> Connecting + Send + Sync>;

/// A connector from any closure.
pub(super) fn connector<F, Fut, S>(connect: F) -> Connector
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Box::new(move || {
        let connecting = connect();
        Box::pin(async move {
            let io = Box::new(connecting.await?) as BoxedIo;
            Ok(Dialed { io, address: 0 })
        })
    })
}

/// The head start of an address before the next is tried beside it (RFC 8305,
/// section 5, "Connection Attempt Delay").
const HEAD_START: Duration = Duration::from_millis(250);

/// A connector that resolves these addresses (`host:port`) anew each time and takes
/// the first that answers. An address that is slow does not hold up the next.
pub(super) fn tcp(addresses: Vec<String>, sockets: Sockets) -> Connector {
    Box::new(move || {
        let addresses = addresses.clone();
        let sockets = sockets.clone();
        Box::pin(async move {
            let (address, stream) = dial(addresses, &sockets).await?;
            let io = Box::new(stream) as BoxedIo;
            Ok(Dialed { io, address })
        })
    })
}

/// The first that answers, and to which of the addresses it leads.
async fn dial(addresses: Vec<String>, sockets: &Sockets) -> io::Result<(usize, TcpStream)> {
    let mut failures = Vec::new();
    let mut targets = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        match lookup_host(address).await {
            Ok(found) => {
                let found = alternate(found.collect());
                targets.extend(found.into_iter().map(|target| (index, target)));
            }
            Err(error) => failures.push((address.clone(), error)),
        }
    }
    // Owned by this future: where it is dropped, all of them are given up.
    let mut race = JoinSet::new();
    let mut targets = targets.into_iter();
    let mut next_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some(finished) = race.join_next() => match finished {
                Ok((index, target, Ok(stream))) => {
                    let set = sockets.prepare(&stream);
                    set.map_err(|error| cannot_set(target, &error))?;
                    return Ok((index, stream));
                }
                Ok((_, target, Err(error))) => {
                    failures.push((SocketAddr::to_string(&target), error));
                    // No need to wait any longer.
                    next_at = Instant::now();
                }
                Err(error) => return Err(io::Error::other(error)),
            },
            () = tokio::time::sleep_until(next_at), if targets.len() > 0 => {
                if let Some((index, target)) = targets.next() {
                    race.spawn(async move { (index, target, TcpStream::connect(target).await) });
                    next_at = Instant::now() + HEAD_START;
                }
            }
            else => return Err(none_answered(&failures)),
        }
    }
}

fn cannot_set(target: SocketAddr, error: &io::Error) -> io::Error {
    let text = format!("set up the socket connected to {target}: {error}");
    io::Error::new(error.kind(), text)
}

/// Both address families in turn, beginning with that of the first (RFC 8305,
/// section 4): where one of both does not work, the second try is already right.
fn alternate(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (same, other): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut other = other.into_iter();
    let mut all = Vec::new();
    for address in same {
        all.push(address);
        all.extend(other.next());
    }
    all.extend(other);
    all
}

/// One error that names every address and what was wrong with it.
fn none_answered(failures: &[(String, io::Error)]) -> io::Error {
    let kind = failures
        .last()
        .map_or(io::ErrorKind::NotFound, |(_, error)| error.kind());
    let mut text = String::from("no connection");
    for (index, (address, error)) in failures.iter().enumerate() {
        text.push_str(if index == 0 { " to " } else { "; to " });
        text.push_str(&format!("{address}: {error}"));
    }
    if failures.is_empty() {
        text.push_str(": the name has no address");
    }
    io::Error::new(kind, text)
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_none_is_left_out() {
        let parse = |all: &[&str]| -> Vec<SocketAddr> {
            all.iter().map(|text| text.parse().unwrap()).collect()
        };
        let found = parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let expected = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(alternate(found), expected);
        let v4_first = parse(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]);
        assert_eq!(alternate(v4_first.clone()), v4_first);
        assert!(alternate(Vec::new()).is_empty());
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_keep_the_next_from_being_tried() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let dead = closed.local_addr().unwrap().to_string();
        drop(closed);
        let live = listener.local_addr().unwrap();
        let (index, stream) = dial(vec![dead.clone(), live.to_string()], &Sockets::default())
            .await
            .unwrap();
        assert_eq!(index, 1);
        assert_eq!(stream.peer_addr().unwrap(), live);
        assert!(stream.nodelay().unwrap());
        let error = dial(vec![dead.clone()], &Sockets::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(&dead), "{error}");
    }
}
