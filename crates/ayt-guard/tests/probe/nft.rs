//! Firewalls and NATs: the kernel's own (nftables, nf_conntrack).

use std::process::Command;

use ayt_testbed::{Need, Ns};

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

/// Loads rules into a namespace.
#[track_caller]
pub(crate) fn rules(ns: &Ns, text: &str) {
    ns.output(Command::new("nft").arg(text)).expect("nft");
}

/// A router gives what leaves by a device its own address there.
#[track_caller]
pub(crate) fn masquerade(router: &Ns, device: &str) {
    rules(
        router,
        &format!(
            "table inet nat {{
                chain post {{ type nat hook postrouting priority 100; oif {device} masquerade; }}
            }}"
        ),
    );
}

/// What a port of the peer's sends is dropped before TCP has it.
#[track_caller]
pub(crate) fn drop_from_port(ns: &Ns, port: u16) {
    rules(
        ns,
        &format!(
            "table inet unheard {{
                chain input {{
                    type filter hook input priority 0; iif != lo tcp sport {port} drop;
                }}
            }}"
        ),
    );
}

#[track_caller]
pub(crate) fn flush(ns: &Ns) {
    rules(ns, "flush ruleset");
}
