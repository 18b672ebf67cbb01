//! Two hosts with a router between them, whose firewall and NAT are the kernel's
//! own (nftables, nf_conntrack).

use std::net::IpAddr;

use ayt_testbed::{Ns, Side, Veth};

use crate::bed::{Host, Pair, join};
use crate::nft::masquerade;

/// `near` – `router` – `far`.
pub(crate) struct Routed {
    pub(crate) near: Host,
    pub(crate) router: Ns,
    pub(crate) far: Host,
    pub(crate) left: Veth,
    pub(crate) right: Veth,
}

impl Routed {
    pub(crate) fn new() -> Self {
        let (near, far) = (Host::new(), Host::new());
        let router = Ns::new().expect("a router");
        let left = Veth::join(&near.ns, &router).expect("a veth pair");
        let right = Veth::join(&router, &far.ns).expect("a veth pair");
        for sysctl in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
            router.sysctl(sysctl, "1").expect("forwarding");
        }
        for (host, via4, via6) in [
            (&near, left.v4(Side::B), left.v6(Side::B)),
            (&far, right.v4(Side::A), right.v6(Side::A)),
        ] {
            let ip = |arguments: String| host.ns.ip(&arguments).expect("a route");
            ip(format!("route add default via {via4}"));
            ip(format!("-6 route add default via {via6}"));
        }
        Self {
            near,
            router,
            far,
            left,
            right,
        }
    }

    pub(crate) fn near_address(&self, six: bool) -> IpAddr {
        if six {
            self.left.v6(Side::A)
        } else {
            self.left.v4(Side::A)
        }
    }

    pub(crate) fn far_address(&self, six: bool) -> IpAddr {
        if six {
            self.right.v6(Side::B)
        } else {
            self.right.v4(Side::B)
        }
    }

    /// A connection that the far host has made.
    pub(crate) fn accepted(&self, six: bool) -> Pair {
        let listener = self.near.listen(self.near_address(six));
        join(&listener, &self.far, 1).remove(0)
    }

    /// A connection that the near host has made.
    pub(crate) fn connected(&self, six: bool) -> Pair {
        let listener = self.far.listen(self.far_address(six));
        let Pair {
            near: far,
            far: near,
        } = join(&listener, &self.near, 1).remove(0);
        Pair { near, far }
    }

    /// The router gives what goes to the far host its own address.
    pub(crate) fn masquerade(&self) {
        masquerade(&self.router, &self.right.device());
    }
}
