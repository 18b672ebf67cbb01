//! The scenarios that come with the program.

use super::{BadScenario, Cell, parse};

macro_rules! files {
    ($($name:literal,)*) => {
        /// The files, by name and text.
        pub const FILES: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!("../../scenarios/", $name)),
        ),)*];
    };
}

files! {
    "silent-drop.toml",
    "drop-to-peer.toml",
    "drop-from-peer.toml",
    "carrier-peer.toml",
    "carrier-own.toml",
    "link-down-own.toml",
    "icmp-host.toml",
    "icmp-admin.toml",
    "icmp-port.toml",
    "router-reset.toml",
    "nat-silent.toml",
    "nat-reset.toml",
    "balancer-reset.toml",
    "balancer-told.toml",
    "crash.toml",
    "shutdown.toml",
    "peer-killed.toml",
    "killed-unread.toml",
    "linger-zero.toml",
    "peer-frozen.toml",
    "peer-rebooted.toml",
    "restarts.toml",
    "never-accepts.toml",
    "never-closes.toml",
    "last-ack.toml",
    "fin-wait-2.toml",
    "time-wait.toml",
    "port-exhaustion.toml",
    "slow-reader.toml",
    "late-heartbeat.toml",
    "loss.toml",
    "jitter.toml",
}

/// Every cell that comes with the program.
///
/// # Errors
/// Never in a program that was tested.
pub fn standard() -> Result<Vec<Cell>, BadScenario> {
    let mut all = Vec::new();
    for (name, text) in FILES {
        all.extend(parse(name, text)?);
    }
    Ok(all)
}
