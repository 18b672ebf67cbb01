//! The scene: a server host in a namespace of its own, and clients whose cable
//! can be pulled.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use ayt_testbed::{Fixture, Ns, Redis, Side, Veth, eventually};
use tempfile::TempDir;

/// The namespace of the server host.
pub(crate) const NETNS: &str = "ayt-demo";

const GHOSTS: &str = "10";
const LEAKED: usize = 20;
const WAITING: &str = "3";
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything in it ends when this is dropped.
pub(crate) struct Scene {
    late_cable: Veth,
    _cables: Vec<Veth>,
    _programs: Vec<Fixture>,
    _redis: Redis,
    _hosts: [Ns; 6],
    _folder: TempDir,
}

impl Scene {
    /// Sets the scene.
    pub(crate) fn set() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = Ns::named(NETNS)?;
        let (clients, late) = (Ns::new()?, Ns::new()?);
        let (routers, far) = ([Ns::new()?, Ns::new()?], Ns::new()?);
        let cable = Veth::join(&server, &clients)?;
        let path = path(&server, &routers, &far)?;
        let late_cable = Veth::join(&server, &late)?;
        let address = cable.v4(Side::A);

        let everywhere = SocketAddr::new(IpAddr::from([0, 0, 0, 0]), 6379);
        let redis = Redis::start(&server, everywhere, &["--tcp-keepalive", "0"])?;
        let program = |name: &str, command: &str, port: u16| {
            let bind = format!("{address}:{port}");
            let link = folder.path().join(name);
            Fixture::start_as(&server, &link, [command, "--bind", &bind])
        };
        let leaky = program("leaky-server", "leak-close-wait", 8080)?;
        let stuck = program("stuck-server", "stuck-accept", 7000)?;

        let hold = |host: &Ns, to: SocketAddr, number: &str| {
            Fixture::start(host, ["hold", &to.to_string(), "--number", number])
        };
        let connect = |to: SocketAddr, number: &str| hold(&clients, to, number);
        let mut programs = vec![
            connect(SocketAddr::new(address, 6379), GHOSTS)?,
            hold(&far, stuck.addr(), "1")?,
        ];
        stuck.wait_line("stuck", PATIENCE)?;
        programs.push(connect(stuck.addr(), WAITING)?);
        let mut leavers = connect(leaky.addr(), &LEAKED.to_string())?;
        eventually("leaky-server has its clients", PATIENCE, || {
            established(&server, 8080) == LEAKED
        });
        leavers.kill()?;
        eventually("leaky-server's clients have closed", PATIENCE, || {
            established(&server, 8080) == 0
        });
        let [.., last] = &path;
        last.cable_pulled()?;
        cable.cable_pulled()?;
        programs.push(Fixture::start(
            &late,
            ["hold", &format!("{}:6379", late_cable.v4(Side::A))],
        )?);
        programs.extend([leaky, stuck]);
        let [first, second] = routers;
        Ok(Self {
            late_cable,
            _cables: path.into_iter().chain([cable]).collect(),
            _programs: programs,
            _redis: redis,
            _hosts: [server, clients, late, first, second, far],
            _folder: folder,
        })
    }

    /// Pulls the cable of the last living client.
    pub(crate) fn pull(&mut self) -> Result<()> {
        self.late_cable.cable_pulled()
    }

    /// Address of the last living client.
    pub(crate) fn late_client(&self) -> IpAddr {
        self.late_cable.v4(Side::B)
    }
}

/// Joins a far host to the server, by two routers; the last cable is its own.
fn path(server: &Ns, [first, second]: &[Ns; 2], far: &Ns) -> Result<[Veth; 3]> {
    let cables = [
        Veth::join(server, first)?,
        Veth::join(first, second)?,
        Veth::join(second, far)?,
    ];
    let via = |to: &str, cable: usize, side: Side| {
        format!("route add {to} via {}\n", cables[cable].v4(side))
    };
    let host = cables[2].v4(Side::B).to_string();
    server.ip_batch(&via("default", 0, Side::B))?;
    first.ip_batch(&(via("default", 0, Side::A) + &via(&host, 1, Side::B)))?;
    second.ip_batch(&via("default", 1, Side::A))?;
    far.ip_batch(&via("default", 2, Side::A))?;
    for router in [first, second] {
        router.sysctl("net/ipv4/ip_forward", "1")?;
    }
    Ok(cables)
}

fn established(ns: &Ns, port: u16) -> usize {
    ns.tcp().map_or(0, |rows| {
        rows.iter()
            .filter(|row| {
                row.local.port() == port && row.state == ayt_testbed::TcpState::Established
            })
            .count()
    })
}
