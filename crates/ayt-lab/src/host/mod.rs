//! A host: a network namespace with its own kernel TCP, and processes of its own.
//!
//! It is held by descriptors and threads of this process alone. When they go, in
//! whatever way, the kernel takes it apart: its processes are killed, its sockets
//! and devices vanish.

mod kernel;
mod process;

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use ayt_sys::{Netns, SysError};

use crate::error::LabError;
use crate::packet::Side;
use crate::sync::lock;
use crate::wire::Port;
use kernel::Kernel;
pub use process::Process;

/// A host of the lab; a clone is the same one.
#[derive(Debug, Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    kernel: Mutex<Arc<Kernel>>,
    ports: Mutex<Vec<Weak<dyn Port>>>,
}

/// When a reboot happened, in the lab's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reboot {
    /// From then on nothing of the old kernel gets onto a wire, and nothing
    /// reaches it.
    pub silenced_at: Duration,
    /// From then on the new one is there.
    pub up_at: Duration,
}

impl Host {
    /// A new host, with its loopback device up. The name is for people.
    ///
    /// # Errors
    /// Without [ground](crate::ground), or at a limit of the system.
    pub fn new(name: &str) -> Result<Self, LabError> {
        let kernel = Kernel::boot(name)?;
        Ok(Self {
            inner: Arc::new(Inner {
                name: name.to_owned(),
                kernel: Mutex::new(Arc::new(kernel)),
                ports: Mutex::default(),
            }),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The inode number of its network namespace, as in `/proc/PID/ns/net`; another
    /// one after a reboot.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.kernel().ns().inode()
    }

    /// Runs `work` on a fresh thread inside the host. Sockets made there belong to
    /// the host wherever they are used. A process that is started there does not:
    /// use [`Host::spawn`].
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    ///
    /// # Panics
    /// With the panic of `work`.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        self.with_netns(|ns| ns.enter(work))
    }

    /// Lends the namespace to something that wants one, such as
    /// [`DiagSocket::open`](ayt_sys::DiagSocket::open).
    ///
    /// # Errors
    /// Those of `work`.
    pub fn with_netns<T>(
        &self,
        work: impl FnOnce(&Netns) -> Result<T, SysError>,
    ) -> Result<T, LabError> {
        work(self.kernel().ns()).map_err(|error| self.error(error))
    }

    /// Starts a program on the host. It, and whatever it starts, is killed when the
    /// host or this process ends, also when it has made itself a daemon. It has a
    /// process namespace of its own and sees the /proc of this one.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn(&self, command: Command) -> Result<Process, LabError> {
        self.kernel().spawn(command)
    }

    /// Sets a sysctl of the host, named as below /proc/sys (`net/ipv4/tcp_retries2`)
    /// or as sysctl(8) has it (`net.ipv4.tcp_retries2`).
    ///
    /// # Errors
    /// When there is none of that name, it is not per namespace, or refuses the value.
    pub fn set_sysctl(&self, name: &str, value: &str) -> Result<(), LabError> {
        let path = self.sysctl_path(name)?;
        // Below /proc/sys/net the kernel takes the namespace of the opening thread.
        self.enter(|| fs::write(&path, value))?
            .map_err(|error| self.error(SysError::call(format!("set {name} to {value}"), error)))
    }

    /// Reads a sysctl of the host.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn sysctl(&self, name: &str) -> Result<String, LabError> {
        let path = self.sysctl_path(name)?;
        let text = self
            .enter(|| fs::read_to_string(&path))?
            .map_err(|error| self.error(SysError::call(format!("read {name}"), error)))?;
        Ok(text.trim().to_owned())
    }

    /// The power goes, and comes back: every process of the host is killed, its
    /// kernel forgets everything, and a fresh one has the same addresses on the same
    /// wires. The wires are silenced first, so that no FIN or RST of the dying gets
    /// out. Sysctls have their defaults again. Sockets that this process holds in
    /// the old host stay there, cut off.
    ///
    /// # Errors
    /// As [`Host::new`], or when a wire cannot be joined again: the host is then
    /// off.
    pub fn reboot(&self) -> Result<Reboot, LabError> {
        let mut ports = lock(&self.inner.ports);
        ports.retain(|port| port.strong_count() > 0);
        let plugged: Vec<Arc<dyn Port>> = ports.iter().filter_map(Weak::upgrade).collect();
        let mut silenced_at = crate::clock::now();
        for port in &plugged {
            silenced_at = silenced_at.max(port.unplug()?);
        }
        let fresh = Arc::new(Kernel::boot(&self.inner.name)?);
        let old = std::mem::replace(&mut *lock(&self.inner.kernel), Arc::clone(&fresh));
        old.power_off();
        drop(old);
        let mut up_at = crate::clock::now();
        for port in &plugged {
            up_at = up_at.max(port.plug(fresh.ns())?);
        }
        Ok(Reboot { silenced_at, up_at })
    }

    /// Puts the end of a wire into the host, and remembers it for the next reboot.
    pub(crate) fn attach(&self, port: Weak<dyn Port>) -> Result<(), LabError> {
        let mut ports = lock(&self.inner.ports);
        if let Some(port) = port.upgrade() {
            port.plug(self.kernel().ns())?;
        }
        ports.push(port);
        Ok(())
    }

    fn kernel(&self) -> Arc<Kernel> {
        Arc::clone(&lock(&self.inner.kernel))
    }

    fn sysctl_path(&self, name: &str) -> Result<PathBuf, LabError> {
        // Dots separate, as in sysctl(8), unless there are slashes.
        let path = if name.contains('/') {
            name.to_owned()
        } else {
            name.replace('.', "/")
        };
        if !path.starts_with("net/") || path.split('/').any(|part| part == "..") {
            let cause = format!("{name} does not belong to a network namespace");
            let on = format!("host {}", self.name());
            let remedy = "name one below net, such as net.ipv4.tcp_retries2";
            return Err(LabError::other(on, cause, Some(remedy)));
        }
        Ok(PathBuf::from("/proc/sys").join(path))
    }

    fn error(&self, error: SysError) -> LabError {
        LabError::kernel(format!("host {}", self.name()), error)
    }
}

/// An end of a wire with its addresses, as it is put into a host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) side: Side,
    pub(crate) four: (IpAddr, u8),
    pub(crate) six: (IpAddr, u8),
}
