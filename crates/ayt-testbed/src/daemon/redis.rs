//! A real redis-server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::need::find_program;
use crate::{Fixture, Ns, eventually};

/// A redis-server without persistence, on a temporary folder.
#[derive(Debug)]
pub struct Redis {
    tether: Fixture,
    addr: SocketAddr,
    _folder: TempDir,
}

impl Redis {
    /// Starts it in a namespace and waits until it answers a PING. `settings`
    /// are options as on its command line (`--tcp-keepalive 0`).
    ///
    /// # Errors
    /// When the program is missing or does not start.
    pub fn start(ns: &Ns, addr: SocketAddr, settings: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir().context("making a folder for redis")?;
        let program = find_program("redis-server").context("no program redis-server")?;
        let (host, port) = (addr.ip().to_string(), addr.port().to_string());
        let (program, folder_path) = (program.display().to_string(), folder.path().display());
        let folder_path = folder_path.to_string();
        let mut command = vec!["tether", "--", &program, "--bind", &host, "--port", &port];
        command.extend(["--dir", &folder_path, "--save", "", "--appendonly", "no"]);
        command.extend([
            "--protected-mode",
            "no",
            "--daemonize",
            "no",
            "--loglevel",
            "warning",
        ]);
        command.extend(settings);
        let tether = Fixture::start(ns, command)?;
        let redis = Self {
            tether,
            addr,
            _folder: folder,
        };
        eventually("redis answers PING", Duration::from_secs(20), || {
            ns.run(|| ping(addr))
        });
        Ok(redis)
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.tether.pid()
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

fn ping(addr: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&addr, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    stream.read_exact(&mut [0; 7])
}
