//! A server host in a namespace of its own, and clients whose cable can be
//! pulled.

use std::time::Duration;

use ayt_testbed::{Fixture, Ns, Side, TcpRow, TcpState, Veth, eventually};
use serde_json::Value;

use super::Home;

/// Long, because two cores may be building something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A host that serves, a host of clients, and the cable between them.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Where the server is, and where ayt looks.
    pub(crate) host: Ns,
    /// Where the clients are.
    pub(crate) peer: Ns,
    /// Between them.
    pub(crate) cable: Veth,
    /// The server.
    pub(crate) server: Fixture,
    /// The clients, all in one process.
    pub(crate) client: Fixture,
}

impl Scene {
    /// A server of this kind (`serve`, `leak-close-wait`, …) with so many
    /// clients.
    pub(crate) fn new(server: &str, clients: usize) -> Self {
        Self::with(server, clients, "hold", &[])
    }

    /// The same with clients of a kind (`hold`, `half-close`) and their options.
    pub(crate) fn with(server: &str, clients: usize, kind: &str, options: &[&str]) -> Self {
        let (host, peer) = (Ns::new().expect("a host"), Ns::new().expect("a host"));
        let cable = Veth::join(&host, &peer).expect("a cable");
        let bind = format!("{}:0", cable.v4(Side::A));
        let server = Fixture::start(&host, [server, "--bind", &bind]).expect("a server");
        let (to, number) = (server.addr().to_string(), clients.to_string());
        let mut arguments = vec![kind, &to, "--number", &number];
        arguments.extend(options);
        let client = Fixture::start(&peer, arguments).expect("clients");
        let scene = Self {
            host,
            peer,
            cable,
            server,
            client,
        };
        let accepted = || scene.accepted().len();
        eventually("the server has accepted", PATIENCE, || {
            accepted() == clients
        });
        scene
    }

    /// So many connections whose peers have gone without a word.
    pub(crate) fn ghosts(number: usize) -> Self {
        let scene = Self::new("serve", number);
        scene.cable.cable_pulled().expect("pulling the cable");
        scene
    }

    /// The namespace of the host, as ayt takes it.
    pub(crate) fn netns(&self) -> String {
        self.host.ino().to_string()
    }

    /// The server's connections, as /proc/net/tcp has them.
    pub(crate) fn accepted(&self) -> Vec<TcpRow> {
        let mut rows = self.host.tcp().expect("a table");
        let local = self.server.addr();
        rows.retain(|row| row.local == local && row.inode != 0 && row.state != TcpState::Listen);
        rows
    }

    /// How many of them are in a state.
    pub(crate) fn count(&self, state: TcpState) -> usize {
        let rows = self.accepted();
        rows.iter().filter(|row| row.state == state).count()
    }

    /// How many of them have a keepalive timer running.
    pub(crate) fn guarded(&self) -> usize {
        self.accepted().iter().filter(|row| row.timer == 2).count()
    }

    /// The keepalive settings of the server's connections, as ayt reads them.
    pub(crate) fn settings(&self, home: &Home) -> Vec<Value> {
        let list = format!(
            "list --json --exact --netns {} --state ESTABLISHED",
            self.netns()
        );
        let rows = home.ayt(&list).rows();
        rows.into_iter()
            .map(|row| row["keepalive"].clone())
            .collect()
    }
}
