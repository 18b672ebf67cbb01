//! Two hosts with a router between them, whose firewall and NAT are the kernel's
//! own (nftables, nf_conntrack).

use std::net::IpAddr;
use std::process::Command;

use ayt_testbed::{Need, Ns, Side, Veth};

use crate::bed::{Host, Pair, join};

/// `near` – `router` – `far`.
pub(crate) struct Routed {
    pub(crate) near: Host,
    pub(crate) router: Ns,
    pub(crate) far: Host,
    pub(crate) left: Veth,
    pub(crate) right: Veth,
}

/// What such a test needs.
pub(crate) fn needed() -> bool {
    Need::root() && Need::program("nft", "install nftables")
}

/// Drops what connection tracking calls invalid, wherever it passes.
pub(crate) const NO_INVALID: &str = "
    table inet strict {
        chain input { type filter hook input priority 0; ct state invalid drop; }
        chain output { type filter hook output priority 0; ct state invalid drop; }
        chain forward { type filter hook forward priority 0; ct state invalid drop; }
    }";

/// Drops all that passes a router.
pub(crate) const SILENCE: &str = "
    table inet silence {
        chain forward { type filter hook forward priority -10; drop; }
    }";

/// Nothing of lo's is taken in: this host's kernel shows no numbers.
pub(crate) const DEAF: &str = "
    table inet deaf {
        chain input { type filter hook input priority -10; iif lo drop; }
    }";

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
        let device = self.right.device();
        rules(
            &self.router,
            &format!(
                "table inet nat {{
                    chain post {{
                        type nat hook postrouting priority 100; oif {device} masquerade;
                    }}
                }}"
            ),
        );
    }
}

/// Loads rules into a namespace.
#[track_caller]
pub(crate) fn rules(ns: &Ns, text: &str) {
    ns.output(Command::new("nft").arg(text)).expect("nft");
}
