//! A real OpenSSH server.

use std::fs;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::need::find_program;
use crate::{Fixture, Ns, eventually};

/// An sshd with a host key of its own, which lets nobody in: enough for
/// connections that wait in its pre-authentication children.
#[derive(Debug)]
pub struct Sshd {
    tether: Fixture,
    addr: SocketAddr,
    _folder: TempDir,
}

impl Sshd {
    /// Starts it in a namespace and waits until it sends its banner.
    /// `settings` are further lines for its configuration; the first of a kind
    /// wins, so they can change what is set here.
    ///
    /// # Errors
    /// When sshd or ssh-keygen is missing or does not start.
    pub fn start(ns: &Ns, addr: SocketAddr, settings: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir().context("making a folder for sshd")?;
        // Debian's sshd refuses to start without its folder for privilege separation.
        fs::create_dir_all("/run/sshd").context("making /run/sshd")?;
        let key = folder.path().join("host_key");
        let keygen = find_program("ssh-keygen").context("no program ssh-keygen")?;
        ns.output(
            Command::new(keygen)
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key),
        )?;
        let config = folder.path().join("config");
        let lines = format!(
            "{}\nListenAddress {}\nPort {}\nHostKey {}\nPidFile none\nUsePAM no\n\
             PasswordAuthentication no\nLoginGraceTime 0\nTCPKeepAlive no\n",
            settings.join("\n"),
            addr.ip(),
            addr.port(),
            key.display(),
        );
        fs::write(&config, lines).context("writing the configuration of sshd")?;
        let program = find_program("sshd").context("no program sshd")?;
        let (program, config) = (program.display().to_string(), config.display().to_string());
        let tether = Fixture::start(
            ns,
            ["tether", "--", &program, "-D", "-e", "-q", "-f", &config],
        )?;
        let sshd = Self {
            tether,
            addr,
            _folder: folder,
        };
        eventually("sshd sends its banner", Duration::from_secs(20), || {
            ns.run(|| banner(addr))
        });
        Ok(sshd)
    }

    /// Its process: the listener, not the children.
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

fn banner(addr: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&addr, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut banner = [0; 4];
    stream.read_exact(&mut banner)?;
    if &banner == b"SSH-" {
        Ok(())
    } else {
        Err(io::Error::other("not an SSH banner"))
    }
}
