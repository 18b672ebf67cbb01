//! Many idle connections in a namespace of their own.

use std::net::Ipv4Addr;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use ayt_testbed::{Fixture, Ns};
use rustix::process::{Resource, getrlimit};

/// Sockets per process, at most: what an ordinary hard limit of 20,000
/// descriptors leaves.
const SOCKETS: usize = 19_800;
/// Descriptors that are not of the crowd.
const OTHERS: usize = 100;
/// Server addresses that one of several crowds has to itself.
const BLOCK: usize = 1_000;
/// One connection in so many is IPv6.
const V6_EVERY: usize = 10;

/// Connections over loopback, both ends held by the same processes.
#[derive(Debug)]
pub(super) struct Crowd {
    ns: Ns,
    port: u16,
    v6_every: usize,
    /// The first server's address.
    first: usize,
    parts: Vec<Fixture>,
    sockets: usize,
}

impl Crowd {
    /// Nobody yet, in a fresh namespace.
    pub(super) fn new() -> Result<Self> {
        Ok(Self::at(fresh_namespace()?, 0, V6_EVERY, 0))
    }

    /// Nobody yet; all servers will listen on this port, over IPv4. Two crowds
    /// may share a namespace when their `block`s differ.
    pub(super) fn on_port(ns: Ns, port: u16, block: usize) -> Self {
        Self::at(ns, port, 0, block * BLOCK)
    }

    fn at(ns: Ns, port: u16, v6_every: usize, first: usize) -> Self {
        Self {
            ns,
            port,
            v6_every,
            first,
            parts: Vec::new(),
            sockets: 0,
        }
    }

    pub(super) fn ns(&self) -> &Ns {
        &self.ns
    }

    /// Established sockets: two for each connection.
    pub(super) fn sockets(&self) -> usize {
        self.sockets
    }

    /// Opens connections until there are so many sockets.
    pub(super) fn grow_to(&mut self, sockets: usize) -> Result<()> {
        let missing = sockets.saturating_sub(self.sockets).div_ceil(2);
        let each = (per_process()? / 2).min(missing.div_ceil(cores())).max(1);
        let counts = (0..missing)
            .step_by(each)
            .map(|done| each.min(missing - done));
        let first = self.parts.len();
        let plans: Vec<(usize, usize)> = (first..).zip(counts).collect();
        // As many at once as there are cores.
        for wave in plans.chunks(cores()) {
            let started: Vec<Result<Fixture>> = thread::scope(|scope| {
                let this = &*self;
                let starting: Vec<_> = wave
                    .iter()
                    .map(|&(index, count)| scope.spawn(move || this.start(index, count)))
                    .collect();
                starting
                    .into_iter()
                    .map(|part| {
                        part.join()
                            .unwrap_or_else(|_| Err(anyhow!("a thread of the crowd panicked")))
                    })
                    .collect()
            });
            for part in started {
                let part = part?;
                self.sockets += 2 * part.field::<usize>("count");
                self.parts.push(part);
            }
        }
        Ok(())
    }

    fn start(&self, index: usize, connections: usize) -> Result<Fixture> {
        let address = server_address(self.first + index)?;
        let arguments = [
            "pairs".to_owned(),
            format!("--number={connections}"),
            format!("--bind={address}:{}", self.port),
            format!("--v6-every={}", self.v6_every),
        ];
        Fixture::start(&self.ns, arguments).context("opening connections")
    }

    /// Takes every client end away without FIN or RST.
    pub(super) fn vanish(&mut self) -> Result<()> {
        for part in &mut self.parts {
            let count: usize = part.field("count");
            part.tell(&format!("vanish {count}"))?;
            let said = part.wait_line("vanished", std::time::Duration::from_secs(30))?;
            ensure!(
                said.get("count") == Some(&count.to_string()),
                "{count} peers were to vanish: {said:?}"
            );
        }
        self.sockets /= 2;
        Ok(())
    }

    /// Processes and their sockets, as `ayt-fixture bare` takes them.
    pub(super) fn holders(&self) -> String {
        self.parts
            .iter()
            .map(|part| format!("{}:{}", part.pid(), part.field::<String>("fds")))
            .collect::<Vec<_>>()
            .join(",")
    }

    /// How many processes hold it.
    pub(super) fn processes(&self) -> usize {
        self.parts.len()
    }
}

impl Drop for Crowd {
    /// Many sockets take a while to close: all processes at once.
    fn drop(&mut self) {
        thread::scope(|scope| {
            for part in self.parts.drain(..) {
                scope.spawn(move || drop(part));
            }
        });
    }
}

/// A namespace with room for many connections.
pub(super) fn fresh_namespace() -> Result<Ns> {
    let ns = Ns::new()?;
    ns.sysctl("net/ipv4/ip_local_port_range", "1024 65535")?;
    Ok(ns)
}

/// 127.1.1.1, 127.1.2.1 and so on: each with all ports of its own.
fn server_address(index: usize) -> Result<Ipv4Addr> {
    let high = u8::try_from(1 + index / 250)?;
    let low = u8::try_from(1 + index % 250)?;
    Ok(Ipv4Addr::new(127, high, low, 1))
}

/// Sockets that one process may hold.
fn per_process() -> Result<usize> {
    let hard = getrlimit(Resource::Nofile).maximum;
    let hard = hard.map_or(SOCKETS, |hard| usize::try_from(hard).unwrap_or(SOCKETS));
    let sockets = hard.saturating_sub(OTHERS).min(SOCKETS);
    ensure!(
        sockets >= 100,
        "a process may hold {hard} descriptors only: raise `ulimit -Hn`"
    );
    Ok(sockets)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_servers_share_an_address() {
        let all: std::collections::BTreeSet<_> = (0..10 * BLOCK)
            .map(|at| server_address(at).unwrap())
            .collect();
        assert_eq!(all.len(), 10 * BLOCK);
        assert!(all.iter().all(Ipv4Addr::is_loopback));
    }
}
