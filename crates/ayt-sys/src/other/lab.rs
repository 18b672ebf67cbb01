//! Where there is no Linux kernel there are no namespaces: nothing of the lab can
//! be made, and types that come from making it have no values.

use std::io;
use std::net::IpAddr;
use std::process::{Child, Command};
use std::time::Duration;

use super::Netns;
use crate::error::SysError;
use crate::wire::route::{Link, VethEnd};

/// No hosts here.
#[derive(Debug)]
pub enum HostInit {}

/// No rtnetlink here.
#[derive(Debug)]
pub enum RouteSocket {}

/// No packet sockets here.
#[derive(Debug)]
pub enum PacketPort {}

/// No process handles here.
#[derive(Debug)]
pub enum Exit {}

/// Nobody waits here.
#[derive(Debug)]
pub enum Bell {}

/// A packet that has arrived.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "as on Linux")]
pub struct Arrival<'a> {
    pub bytes: &'a [u8],
    pub length: usize,
    pub time: Duration,
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "as on Linux")]
pub struct Woken {
    pub bell: bool,
    pub ports: [bool; 2],
}

/// What may keep a user from making namespaces: here, that there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "as on Linux")]
pub struct Obstacles {
    pub max_user_namespaces: Option<u64>,
    pub max_net_namespaces: Option<u64>,
    pub max_pid_namespaces: Option<u64>,
    pub unprivileged_userns_clone: Option<u64>,
    pub apparmor_restrict: Option<u64>,
    pub seccomp: bool,
    pub kernel_has_them: bool,
}

impl Obstacles {
    /// There is nothing to look at.
    #[must_use]
    pub fn read() -> Self {
        Self::default()
    }
}

/// Needs Linux.
#[must_use]
pub fn have_lab_rights() -> bool {
    false
}

/// Not known here.
#[must_use]
pub fn thread_count() -> usize {
    0
}

/// Needs Linux.
///
/// # Errors
/// Always.
pub fn enter_user_namespace() -> Result<(), SysError> {
    Err(SysError::NeedsLinux)
}

/// Needs Linux.
///
/// # Errors
/// Always.
pub fn become_host() -> Result<(Netns, HostInit), SysError> {
    Err(SysError::NeedsLinux)
}

/// Needs Linux.
///
/// # Errors
/// Always.
pub fn offload_off(ns: &Netns, _device: &str) -> Result<(), SysError> {
    match *ns {}
}

/// Nothing is started here.
pub fn die_with_parent(_command: &mut Command) {}

/// Nothing waits here.
pub fn be_prompt() {}

/// Needs Linux.
///
/// # Errors
/// Always.
pub const fn limit_descriptors(_most: u64) -> Result<(), SysError> {
    Err(SysError::NeedsLinux)
}

/// Nothing waits here.
#[must_use]
pub fn wait(bell: &Bell, _ports: [Option<&PacketPort>; 2], _time: Option<Duration>) -> Woken {
    match *bell {}
}

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl Netns {
    pub fn fresh() -> Result<Self, SysError> {
        Err(SysError::NeedsLinux)
    }
}

#[allow(missing_docs, reason = "as on Linux")]
impl HostInit {
    #[must_use]
    pub fn pid(&self) -> u32 {
        match *self {}
    }

    pub fn end(&mut self) {
        match *self {}
    }

    pub fn wait(self) {
        match self {}
    }
}

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl RouteSocket {
    pub fn open(ns: &Netns) -> Result<Self, SysError> {
        match *ns {}
    }

    pub fn new_veth(
        &mut self,
        _here: &VethEnd<'_>,
        _there: &VethEnd<'_>,
        _namespace: &Netns,
        _mtu: u32,
    ) -> Result<u32, SysError> {
        match *self {}
    }

    pub fn index_of(&mut self, _name: &str) -> Result<u32, SysError> {
        match *self {}
    }

    pub fn links(&mut self) -> Result<Vec<Link>, SysError> {
        match *self {}
    }

    pub fn up_without_arp(&mut self, _index: u32) -> Result<(), SysError> {
        match *self {}
    }

    pub fn set_up(&mut self, _index: u32, _up: bool) -> Result<(), SysError> {
        match *self {}
    }

    pub fn loopback_up(&mut self) -> Result<(), SysError> {
        match *self {}
    }

    pub fn add_address(&mut self, _index: u32, _to: IpAddr, _prefix: u8) -> Result<(), SysError> {
        match *self {}
    }

    pub fn delete(&mut self, _index: u32) -> Result<(), SysError> {
        match *self {}
    }
}

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl PacketPort {
    pub fn open(ns: &Netns, _index: u32, _mac: [u8; 6]) -> Result<Self, SysError> {
        match *ns {}
    }

    pub fn take<T>(&mut self, _sink: impl FnOnce(Arrival<'_>) -> T) -> Option<T> {
        match *self {}
    }

    pub fn clear_error(&self) {
        match *self {}
    }

    #[must_use]
    pub fn overruns(&self) -> u32 {
        match *self {}
    }

    pub fn send<'a>(
        &self,
        _packets: impl IntoIterator<Item = &'a [u8]>,
        _sent: impl FnMut(usize, io::Result<()>),
    ) {
        match *self {}
    }
}

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl Exit {
    pub fn of(_child: &Child) -> Result<Self, SysError> {
        Err(SysError::NeedsLinux)
    }

    #[must_use]
    pub fn wait(&self, _time: Duration) -> bool {
        match *self {}
    }

    pub fn signal(&self, _number: i32) -> Result<(), SysError> {
        match *self {}
    }
}

#[allow(missing_docs, reason = "as on Linux")]
#[allow(clippy::missing_errors_doc, reason = "as on Linux")]
impl Bell {
    pub fn new() -> Result<Self, SysError> {
        Err(SysError::NeedsLinux)
    }

    pub fn ring(&self) {
        match *self {}
    }

    pub fn silence(&self) {
        match *self {}
    }
}

/// As on Linux; no time here.
#[must_use]
pub fn monotonic() -> Duration {
    Duration::ZERO
}
