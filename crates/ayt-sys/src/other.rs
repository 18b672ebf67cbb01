//! Where there is no Linux kernel: the same interface, and every call that
//! would ask the kernel answers [`SysError::NeedsLinux`]. What can only come
//! from such a call cannot exist here, so its type has no values.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ayt_core::fact::{Fact, Why};
use ayt_core::facts::{Cookie, Counters, Owner, Process, Sysctls, TcpInfo, Thread, Threads};
use ayt_core::keepalive::Keepalive;
use ayt_core::probe::segment::Segment;
use ayt_core::tcp_state::TcpState;

use crate::error::{NoSocket, SysError};
use crate::procfs::{ProcScan, Seen};
use crate::wire::capture::Sight;
use crate::wire::packet::{FourTuple, Sighting};
use crate::wire::request::SocketName;
use crate::wire::segment::Ask;

/// No namespaces here.
#[derive(Debug)]
pub enum Netns {}

/// No sock_diag here.
#[derive(Debug)]
pub enum DiagSocket {}

/// No duplicates here.
#[derive(Debug)]
pub enum Hold {}

/// No raw sockets here.
#[derive(Debug)]
pub enum Witness {}

/// No packet sockets here.
#[derive(Debug)]
pub enum RawSockets {}
/// No clocks of a scheduler here.
#[derive(Debug, Default)]
pub struct Clocks(());

/// Gives no duplicates.
#[derive(Debug, Default)]
pub struct Descriptors(());

const WHY: Why = Why::Unsupported("this needs Linux");

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl Netns {
    pub fn own() -> Result<Self, SysError> {
        Err(SysError::NeedsLinux)
    }

    pub fn of_process(_pid: u32) -> Result<Self, SysError> {
        Err(SysError::NeedsLinux)
    }

    pub fn at(_path: &Path) -> Result<Self, SysError> {
        Err(SysError::NeedsLinux)
    }

    pub const fn inode(&self) -> u64 {
        match *self {}
    }

    pub fn enter<T: Send>(&self, _work: impl FnOnce() -> T + Send) -> Result<T, SysError> {
        match *self {}
    }
}

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl DiagSocket {
    pub fn open(ns: &Netns) -> Result<Self, SysError> {
        match *ns {}
    }

    pub fn dump(
        &mut self,
        _family: u8,
        _states: u32,
        _sink: impl FnMut(&[u8]) -> Result<(), SysError>,
    ) -> Result<Seen, SysError> {
        match *self {}
    }

    pub fn get_many(
        &mut self,
        _names: &[SocketName],
        _sink: impl FnMut(usize, Result<&[u8], NoSocket>),
    ) -> Result<(), SysError> {
        match *self {}
    }

    pub fn destroy(&mut self, _name: &SocketName) -> Result<(), SysError> {
        match *self {}
    }
}

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl Descriptors {
    pub fn hold(&mut self, _owner: &Owner) -> Result<Hold, SysError> {
        Err(SysError::NeedsLinux)
    }
}

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl Hold {
    pub fn cookie(&self) -> Result<Cookie, SysError> {
        match *self {}
    }

    pub fn is_tcp(&self) -> bool {
        match *self {}
    }

    pub fn is_multipath_tcp(&self) -> bool {
        match *self {}
    }

    pub fn keepalive(&self) -> Result<Keepalive, SysError> {
        match *self {}
    }

    pub fn tcp_info(&self) -> Result<(TcpState, TcpInfo), SysError> {
        match *self {}
    }

    pub fn local_address(&self) -> Option<SocketAddr> {
        match *self {}
    }

    pub fn error_waiting(&self) -> bool {
        match *self {}
    }

    pub fn reuse_address(&self) -> Result<bool, SysError> {
        match *self {}
    }

    pub fn set_reuse_address(&self, _on: bool) -> Result<(), SysError> {
        match *self {}
    }

    pub fn in_repair(&self) -> Result<bool, SysError> {
        match *self {}
    }

    pub fn repair_off(&self) -> Result<(), SysError> {
        match *self {}
    }

    pub fn set_keepalive(&self, _on: bool) -> Result<(), SysError> {
        match *self {}
    }

    pub fn set_idle(&self, _seconds: u32) -> Result<(), SysError> {
        match *self {}
    }

    pub fn set_interval(&self, _seconds: u32) -> Result<(), SysError> {
        match *self {}
    }

    pub fn set_count(&self, _count: u32) -> Result<(), SysError> {
        match *self {}
    }

    pub fn set_user_timeout(&self, _ms: u32) -> Result<(), SysError> {
        match *self {}
    }
}

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl Witness {
    pub fn open(ns: &Netns) -> Result<Self, SysError> {
        match *ns {}
    }

    pub fn has_lost(&self) -> bool {
        match *self {}
    }

    pub fn drain(&self, _sink: impl FnMut(Sighting)) {
        match *self {}
    }
}

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl RawSockets {
    pub fn open(ns: &Netns) -> Result<Self, SysError> {
        match *ns {}
    }

    pub fn watch(&self, _connections: &[FourTuple]) -> Result<(), SysError> {
        match *self {}
    }

    pub fn ask(&mut self, _ask: &Ask) -> Result<(), SysError> {
        match *self {}
    }

    pub fn knock(
        &mut self,
        _connection: &FourTuple,
        _interface: u32,
        _segment: &Segment,
    ) -> Result<(), SysError> {
        match *self {}
    }

    pub fn drain(&mut self, _sink: impl FnMut(Sight)) {
        match *self {}
    }

    pub fn wait(&self, _longest: Duration) {
        match *self {}
    }

    pub fn has_lost(&self) -> bool {
        match *self {}
    }
}

/// Needs Linux.
///
/// # Errors
/// Always.
pub fn scan_proc() -> Result<ProcScan, SysError> {
    Err(SysError::NeedsLinux)
}

/// Needs Linux: no process can be seen.
#[must_use]
pub fn read_process(_pid: u32, _descriptors: Option<u32>) -> Option<Process> {
    None
}

/// Needs Linux: no process can be seen.
#[must_use]
pub fn process_start(_pid: u32) -> Option<u64> {
    None
}

/// Needs Linux.
#[must_use]
pub fn read_threads(_pid: u32) -> Fact<Vec<Thread>> {
    Fact::Unknown(WHY)
}

/// Needs Linux.
#[must_use]
pub fn read_inside(_pid: u32, _most: usize, _clocks: &mut Clocks) -> Fact<Threads> {
    Fact::Unknown(WHY)
}

/// Needs Linux: no child can be seen.
#[must_use]
pub fn read_children(_pid: u32) -> Vec<u32> {
    Vec::new()
}

/// Needs Linux: nothing is asked of its clock here.
#[must_use]
pub fn monotonic_now() -> std::time::Duration {
    std::time::Duration::ZERO
}

/// Needs Linux: no setting is known.
#[must_use]
pub fn read_sysctls() -> Sysctls {
    Sysctls::default()
}

/// Needs Linux.
#[must_use]
pub fn read_socket_counts() -> Option<crate::procfs::SocketCounts> {
    None
}

/// Needs Linux.
#[must_use]
pub fn read_counters() -> Fact<Counters> {
    Fact::Unknown(WHY)
}

/// Needs Linux.
///
/// # Errors
/// Always.
pub fn boot_id() -> Result<String, SysError> {
    Err(SysError::NeedsLinux)
}

/// No such right here.
#[must_use]
pub fn have_net_admin() -> bool {
    false
}

/// No such right here.
#[must_use]
pub fn have_net_raw() -> bool {
    false
}

/// The usual number; nothing here counts in ticks.
#[must_use]
pub fn clock_ticks_per_second() -> u64 {
    100
}

/// A folder of the user's own; nothing is written there.
#[must_use]
pub fn runtime_dir() -> PathBuf {
    std::env::temp_dir().join("ayt")
}

/// Needs Linux.
///
/// # Errors
/// Always.
pub fn prepare_runtime_dir(_path: &Path) -> Result<(), SysError> {
    Err(SysError::NeedsLinux)
}

#[path = "other/own.rs"]
pub mod own;

#[path = "other/lab.rs"]
pub mod lab;
