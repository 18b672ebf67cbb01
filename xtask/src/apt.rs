//! Debian's packages, where we may install them: as root, on Debian or Ubuntu,
//! without a question asked and without a service started.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::run::{find_program, is_root, output_of, run};

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// A Debian package and the services it would like to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) services: &'static [&'static str],
}

impl Package {
    /// A package without services.
    pub(crate) const fn plain(name: &'static str) -> Self {
        Self {
            name,
            services: &[],
        }
    }
}

/// Why packages cannot be installed here; None where they can.
pub(crate) fn obstacle() -> Option<&'static str> {
    if !Path::new("/etc/debian_version").exists() || find_program("apt-get").is_none() {
        Some("this is neither Debian nor Ubuntu")
    } else if !is_root() {
        Some("not root")
    } else {
        None
    }
}

/// Whether dpkg knows the package as installed.
pub(crate) fn is_installed(package: Package) -> bool {
    output_of(Command::new("dpkg-query").args(["-W", "-f=${db:Status-Status}", package.name]))
        .is_ok_and(|status| status == "installed")
}

/// Installs packages; none of their services runs afterwards, now or at the
/// next start of the machine.
pub(crate) fn install(packages: &[Package]) -> Result<()> {
    let _held = ServicesHeld::hold()?;
    run(&mut apt_get(&["update", "-qq"]))?;
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    run(apt_get(&["install", "-y", "-qq", "--no-install-recommends"]).args(names))?;
    for service in packages.iter().flat_map(|package| package.services) {
        disable(service);
    }
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .args(["-o", "Acquire::Retries=3"])
        .args(["-o", "Dpkg::Use-Pty=0"])
        .args(["-o", "Dpkg::Options::=--force-confold"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Ubuntu's needrestart would restart services of the host.
        .env("NEEDRESTART_MODE", "l")
        .env("RUNLEVEL", "1")
        // Cargo sets it for us; apt's helpers are none of cargo's children.
        .env_remove("LD_LIBRARY_PATH")
        .stdin(Stdio::null());
    command
}

/// Best effort: where neither tool is there, nothing starts services either.
fn disable(service: &str) {
    let mut command = if find_program("systemctl").is_some() {
        Command::new("systemctl")
    } else if find_program("update-rc.d").is_some() {
        Command::new("update-rc.d")
    } else {
        return;
    };
    if command.get_program() == "systemctl" {
        command.args(["--quiet", "disable", service]);
    } else {
        command.args([service.trim_end_matches(".socket"), "disable"]);
    }
    let _unknown_service = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// While this lives, Debian's policy hook says no to every start of a service.
struct ServicesHeld {
    written: bool,
}

impl ServicesHeld {
    fn hold() -> Result<Self> {
        // A hook that is there already belongs to the host; it decides.
        if Path::new(POLICY).exists() {
            return Ok(Self { written: false });
        }
        let hook = "#!/bin/sh\n# Written by `cargo xtask`, which removes it: no service starts meanwhile.\nexit 101\n";
        std::fs::write(POLICY, hook).context(POLICY)?;
        let held = Self { written: true };
        run(Command::new("chmod").args(["755", POLICY]))?;
        Ok(held)
    }
}

impl Drop for ServicesHeld {
    fn drop(&mut self) {
        if self.written {
            let _gone_already = std::fs::remove_file(POLICY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_asks_nothing() {
        let command = apt_get(&["update"]);
        let frontend = command
            .get_envs()
            .find(|(name, _)| *name == "DEBIAN_FRONTEND")
            .and_then(|(_, value)| value);
        assert_eq!(frontend, Some("noninteractive".as_ref()));
    }
}
