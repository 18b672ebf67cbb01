//! Two hosts with routers between them, in a row.

use std::net::{IpAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ayt_core::facts::{HostFacts, Socket};
use ayt_core::trace::{End, Hop, Picture, Settings};
use ayt_guard::trace::{Report, TraceError, trace};
use ayt_testbed::{Ns, Side, Veth};

use crate::bed::{Host, Pair, join};
use crate::socket::{cookie, wait_quiet};

/// Routers between the hosts.
pub(crate) const ROUTERS: usize = 5;

/// Hops to the far host.
pub(crate) const FAR: u8 = ROUTERS as u8 + 1;

/// `near` – five routers – `far`.
pub(crate) struct Chain {
    pub(crate) near: Host,
    routers: Vec<Ns>,
    pub(crate) far: Host,
    /// The first leads from `near` to the first router.
    pub(crate) links: Vec<Veth>,
}

impl Chain {
    pub(crate) fn new() -> Self {
        let (near, far) = (Host::new(), Host::new());
        let routers: Vec<Ns> = (0..ROUTERS).map(|_| Ns::new().expect("a router")).collect();
        let mut nodes = vec![&near.ns];
        nodes.extend(&routers);
        nodes.push(&far.ns);
        let links: Vec<Veth> = nodes
            .windows(2)
            .map(|pair| Veth::join(pair[0], pair[1]).expect("a veth pair"))
            .collect();
        for router in &routers {
            for sysctl in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
                router.sysctl(sysctl, "1").expect("forwarding");
            }
        }
        let chain = Self {
            near,
            routers,
            far,
            links,
        };
        chain.lay_routes();
        chain
    }

    fn lay_routes(&self) {
        let last = ROUTERS;
        for (at, node) in self.nodes().enumerate() {
            let mut lines = String::new();
            if at < last {
                let next = &self.links[at];
                lines += &format!("route add default via {}\n", next.v4(Side::B));
                lines += &format!("route add default via {}\n", next.v6(Side::B));
            }
            // To the near host, and to the routers before, of which one may be a NAT.
            for before in 1..at {
                let (to, back) = (&self.links[before - 1], &self.links[at - 1]);
                let (to4, to6) = (to.v4(Side::A), to.v6(Side::A));
                lines += &format!("route add {to4}/32 via {}\n", back.v4(Side::A));
                lines += &format!("route add {to6}/128 via {}\n", back.v6(Side::A));
            }
            if !lines.is_empty() {
                node.ip_batch(&lines).expect("routes");
            }
        }
        let back = &self.links[ROUTERS];
        let lines = format!(
            "route add default via {}\nroute add default via {}\n",
            back.v4(Side::A),
            back.v6(Side::A)
        );
        self.far.ns.ip_batch(&lines).expect("routes");
    }

    fn nodes(&self) -> impl Iterator<Item = &Ns> {
        let ends = [&self.near.ns];
        ends.into_iter().chain(&self.routers).chain([&self.far.ns])
    }

    /// A router, by its hop: the first is 1.
    pub(crate) fn router(&self, hop: u8) -> &Ns {
        &self.routers[usize::from(hop) - 1]
    }

    /// The address that a router answers from.
    pub(crate) fn address(&self, hop: u8, six: bool) -> IpAddr {
        let link = &self.links[usize::from(hop) - 1];
        if six {
            link.v6(Side::B)
        } else {
            link.v4(Side::B)
        }
    }

    pub(crate) fn near_address(&self, six: bool) -> IpAddr {
        if six {
            self.links[0].v6(Side::A)
        } else {
            self.links[0].v4(Side::A)
        }
    }

    pub(crate) fn far_address(&self, six: bool) -> IpAddr {
        self.address(FAR, six)
    }

    /// A connection that the near host has made; bytes have gone both ways.
    pub(crate) fn connected(&self, six: bool) -> Pair {
        let listener = self.far.listen(self.far_address(six));
        let Pair {
            near: far,
            far: near,
        } = join(&listener, &self.near, 1).remove(0);
        let mut pair = Pair { near, far };
        pair.carries_data();
        pair
    }

    /// A connection that the far host has made.
    pub(crate) fn accepted(&self, six: bool) -> Pair {
        let listener = self.near.listen(self.near_address(six));
        let mut pair = join(&listener, &self.far, 1).remove(0);
        pair.carries_data();
        pair
    }

    /// Traces the near end of a pair.
    #[track_caller]
    pub(crate) fn trace(&self, pair: &Pair, how: &Settings) -> Report {
        self.try_trace(pair, how).expect("a trace")
    }

    pub(crate) fn try_trace(&self, pair: &Pair, how: &Settings) -> Result<Report, TraceError> {
        trace_one(&self.near, &pair.near, how)
    }

    /// One quick round, once nothing of the connection is under way.
    #[track_caller]
    pub(crate) fn trace_at_rest(&self, pair: &Pair) -> Report {
        wait_quiet(&pair.near, 600);
        self.trace(pair, &quick(1))
    }
}

/// A look at a host, and where in it a socket of ours is.
#[track_caller]
pub(crate) fn find(host: &Host, socket: &TcpStream) -> (HostFacts, usize) {
    let (facts, cookie) = (host.look(), cookie(socket));
    let is_it = |socket: &Socket| socket.cookie == cookie;
    let at = facts.sockets.iter().position(is_it).expect("its socket");
    (facts, at)
}

/// Traces one socket of a host.
pub(crate) fn trace_one(
    host: &Host,
    socket: &TcpStream,
    how: &Settings,
) -> Result<Report, TraceError> {
    let (facts, at) = find(host, socket);
    trace(&facts, at, how, &AtomicBool::new(false), &mut |_| {})
}

/// The last hop that answers is this one, and nothing beyond it.
#[track_caller]
pub(crate) fn is_swallowed(report: &Report, behind: u8) {
    let End::Swallowed {
        last: Some(last), ..
    } = report.picture.end
    else {
        panic!("{report:#?}");
    };
    assert_eq!(last.hop, behind, "{report:#?}");
}

/// So many rounds, at most 12 hops.
pub(crate) fn rounds(rounds: u32) -> Settings {
    Settings {
        rounds,
        max_hops: 12,
        ..Settings::default()
    }
}

/// Quick ones, for what the routers' limits do not matter to.
pub(crate) fn quick(rounds: u32) -> Settings {
    Settings {
        interval: Duration::from_millis(100),
        ..self::rounds(rounds)
    }
}

/// Who answers at each hop.
pub(crate) fn who(picture: &Picture) -> Vec<Option<IpAddr>> {
    let first = |hop: &Hop| hop.routers.first().map(|router| router.address);
    picture.hops.iter().map(first).collect()
}
