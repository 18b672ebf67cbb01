//! Asks and tells the kernel. The only crate with `unsafe`, and the only one
//! that knows which operating system it is on.
//!
//! - [`wire`]: the bytes of sock_diag netlink messages and of ICMP, parsed and
//!   built without I/O;
//! - [`keepalive`]: keepalive of a program's own sockets, on every system;
//! - [`procfs`]: the text of /proc files, parsed without I/O;
//! - [`own`]: what the kernel knows of this process's own sockets;
//! - [`lab`]: namespaces of one's own, veth pairs, and packets on them;
//! - the rest does the I/O and is re-exported here with one interface on every
//!   system; where there is no Linux kernel, every call answers
//!   [`SysError::NeedsLinux`].

pub mod error;
#[cfg(any(unix, windows))]
pub mod keepalive;
#[path = "proc/mod.rs"]
pub mod procfs;
pub mod wire;

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod os;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod os;

pub use error::{NoSocket, SysError};
pub use os::{
    Clocks, Descriptors, DiagSocket, Hold, Netns, RawSockets, Witness, boot_id,
    clock_ticks_per_second, have_net_admin, have_net_raw, monotonic_now, prepare_runtime_dir,
    process_start, read_children, read_counters, read_inside, read_process, read_socket_counts,
    read_sysctls, read_threads, runtime_dir, scan_proc,
};
pub use os::{lab, own};

/// Expands to its first block where the system has `TCP_USER_TIMEOUT` (Linux,
/// Android), else to its second: for calls of other crates that exist only there.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[macro_export]
macro_rules! with_user_timeout {
    ({ $($with:tt)* } else { $($without:tt)* }) => {{ $($with)* }};
}

/// Expands to its first block where the system has `TCP_USER_TIMEOUT` (Linux,
/// Android), else to its second: for calls of other crates that exist only there.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[macro_export]
macro_rules! with_user_timeout {
    ({ $($with:tt)* } else { $($without:tt)* }) => {{ $($without)* }};
}
