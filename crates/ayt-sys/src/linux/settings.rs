//! Settings and counters of the network namespace the calling thread is in.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ayt_core::fact::{Fact, Why};
use ayt_core::facts::{Counters, Sysctls};

use crate::procfs;

/// Reads the settings ayt knows from /proc/sys/net.
#[must_use]
pub fn read_sysctls() -> Sysctls {
    // In a container or a sandbox this part of /proc may be left out or covered.
    let mounted = Path::new("/proc/sys/net/ipv4").exists();
    let read = |name: &'static str| {
        let path = format!("/proc/sys/net/{name}");
        let fact = match fs::read_to_string(&path) {
            Ok(text) => Fact::Known(text.trim().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound && mounted => {
                Fact::Unknown(Why::Unsupported("this kernel has no such setting"))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Fact::Unknown(Why::Failed {
                operation: format!("read {path}"),
                error: "/proc/sys/net is not there".to_owned(),
            }),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Fact::Unknown(Why::NoRight {
                    operation: format!("read {path}"),
                    remedy: "run as root, or make /proc/sys/net readable".to_owned(),
                })
            }
            Err(error) => Fact::Unknown(Why::Failed {
                operation: format!("read {path}"),
                error: error.to_string(),
            }),
        };
        (name, fact)
    };
    Sysctls(
        Sysctls::READ
            .into_iter()
            .map(read)
            .collect::<BTreeMap<_, _>>(),
    )
}

/// Reads the counters of /proc/net/netstat and /proc/net/snmp.
#[must_use]
pub fn read_counters() -> Fact<Counters> {
    let mut text = String::new();
    for file in ["netstat", "snmp"] {
        // Not /proc/net: that is the namespace of the process's first thread.
        let path = format!("/proc/thread-self/net/{file}");
        match fs::read_to_string(&path) {
            Ok(part) => text.push_str(&part),
            Err(error) => {
                return Fact::Unknown(Why::Failed {
                    operation: format!("read {path}"),
                    error: error.to_string(),
                });
            }
        }
    }
    Fact::Known(procfs::counters(&text))
}

/// Counts the TCP sockets of the namespace; `None` where the kernel does not
/// say, as one without IPv6.
#[must_use]
pub fn read_socket_counts() -> Option<procfs::SocketCounts> {
    let read = |file| fs::read_to_string(format!("/proc/thread-self/net/{file}")).ok();
    procfs::socket_counts(&(read("sockstat")? + &read("sockstat6")?))
}
