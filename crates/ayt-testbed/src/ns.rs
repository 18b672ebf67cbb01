//! A network namespace: one host of a test.

mod mount;

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{IpAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::panic;
use std::path::PathBuf;
use std::process::{self, Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, ensure};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use crate::tcp_table::{self, TcpRow};
use mount::Mount;

/// A network namespace held open by a descriptor; a clone is the same one.
///
/// Without a name it vanishes with its last holder, whatever way the test ends.
#[derive(Debug, Clone)]
pub struct Ns {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    ino: u64,
    mount: Option<Mount>,
}

impl Ns {
    /// A new namespace, with `lo` up.
    ///
    /// # Errors
    /// Without the right to make one, or without `ip` from iproute2.
    pub fn new() -> Result<Self> {
        let ns = Self::from_file(unshared()?, None)?;
        ns.ip("link set lo up")?;
        Ok(ns)
    }

    /// A new namespace that others see as /run/netns/NAME (`ip netns`), until
    /// the last clone is dropped.
    ///
    /// # Errors
    /// As [`Ns::new`]; also when the name is taken.
    pub fn named(name: &str) -> Result<Self> {
        let file = unshared()?;
        let mount = Mount::new(&file, name)?;
        let ns = Self::from_file(file, Some(mount))?;
        ns.ip("link set lo up")?;
        Ok(ns)
    }

    /// The namespace of the calling thread: the host itself, in a test.
    ///
    /// # Errors
    /// Without /proc.
    pub fn current() -> Result<Self> {
        Self::from_file(current_file()?, None)
    }

    fn from_file(file: File, mount: Option<Mount>) -> Result<Self> {
        let ino = file
            .metadata()
            .context("reading a namespace's number")?
            .ino();
        Ok(Self {
            inner: Arc::new(Inner { file, ino, mount }),
        })
    }

    /// Runs `work` on a fresh thread that has entered the namespace, and
    /// returns its value; sockets made there belong to the namespace.
    ///
    /// # Panics
    /// When the namespace cannot be entered, or with the panic of `work`.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            move_into_link_name_space(self.fd(), Some(LinkNameSpaceType::Network))
                .expect("entering a network namespace");
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|payload| panic::resume_unwind(payload))
    }

    /// Starts a child that lives in the namespace.
    ///
    /// # Errors
    /// As [`Command::spawn`].
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        self.run(|| command.spawn())
    }

    /// Runs a program in the namespace to its end and returns its output.
    ///
    /// # Errors
    /// When it cannot be started or ends with a failure; its stderr is quoted.
    pub fn output(&self, command: &mut Command) -> Result<String> {
        let described = format!("{command:?}");
        let output = self
            .run(|| command.output())
            .with_context(|| described.clone())?;
        text_of(output, &described)
    }

    /// Runs `ip ARGUMENTS` (split at spaces) in the namespace.
    ///
    /// # Errors
    /// As [`Ns::output`].
    pub fn ip(&self, arguments: &str) -> Result<String> {
        self.output(Command::new("ip").args(arguments.split_whitespace()))
    }

    /// Runs many `ip` commands in one process, one a line.
    ///
    /// # Errors
    /// As [`Ns::output`].
    pub fn ip_batch(&self, lines: &str) -> Result<String> {
        let mut command = Command::new("ip");
        command.args(["-batch", "-"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.spawn(&mut command).context("starting ip -batch")?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin
                .write_all(lines.as_bytes())
                .context("writing to ip -batch")?;
        }
        let output = child.wait_with_output().context("waiting for ip -batch")?;
        text_of(output, lines)
    }

    /// Sets a sysctl of the namespace, named as below /proc/sys
    /// (`net/ipv4/tcp_retries2`).
    ///
    /// # Errors
    /// When there is no such sysctl, or it is not per namespace, or refuses the value.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<()> {
        let path = PathBuf::from("/proc/sys").join(name);
        // Below /proc/sys/net the kernel takes the namespace of the opening thread.
        self.run(|| fs::write(&path, value))
            .with_context(|| format!("setting {name}={value}"))
    }

    /// Reads a sysctl of the namespace.
    ///
    /// # Errors
    /// When there is no such sysctl.
    pub fn read_sysctl(&self, name: &str) -> Result<String> {
        let path = PathBuf::from("/proc/sys").join(name);
        let text = self.run(|| fs::read_to_string(&path));
        Ok(text
            .with_context(|| format!("reading {name}"))?
            .trim()
            .to_owned())
    }

    /// The namespace's TCP sockets of both families, as /proc/net/tcp has them.
    ///
    /// # Errors
    /// When /proc cannot be read or understood.
    pub fn tcp(&self) -> Result<Vec<TcpRow>> {
        self.run(tcp_table::read)
    }

    /// A TCP port that was free on `address` a moment ago.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn free_port(&self, address: IpAddr) -> Result<u16> {
        let bound = self.run(|| TcpListener::bind((address, 0)).and_then(|l| l.local_addr()));
        Ok(bound
            .with_context(|| format!("looking for a free port on {address}"))?
            .port())
    }

    /// The namespace's inode number, as in `/proc/PID/ns/net`.
    #[must_use]
    pub fn ino(&self) -> u64 {
        self.inner.ino
    }

    /// The name under /run/netns, where it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.inner.mount.as_ref().map(Mount::name)
    }

    /// The open namespace file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.inner.file
    }

    /// The descriptor of the namespace, good for `setns`.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.inner.file.as_fd()
    }

    /// A path that other programs can open as long as this value lives.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!(
            "/proc/{}/fd/{}",
            process::id(),
            self.inner.file.as_raw_fd()
        ))
    }
}

fn text_of(output: Output, described: &str) -> Result<String> {
    ensure!(
        output.status.success(),
        "{described}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A new namespace, made on a thread of its own: only that thread moves into it.
fn unshared() -> Result<File> {
    let made = || -> Result<File> {
        #[expect(
            deprecated,
            reason = "the replacement is unsafe because of CLONE_FILES; CLONE_NEWNET alone only moves this thread"
        )]
        rustix::thread::unshare(UnshareFlags::NEWNET).context("making a network namespace")?;
        current_file()
    };
    thread::scope(|scope| scope.spawn(made).join())
        .unwrap_or_else(|payload| panic::resume_unwind(payload))
}

fn current_file() -> Result<File> {
    File::open("/proc/thread-self/ns/net").context("opening /proc/thread-self/ns/net")
}
