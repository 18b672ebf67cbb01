//! `cargo xtask test`: every test there is, with what they need.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::apt::{self, Package};
use crate::run::{Failed, cargo, find_program, in_ci, say};
use crate::{fuzz, windows};

/// What may be said to `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave the fuzz smoke out
    #[arg(long)]
    fast: bool,
    /// Handed on to `cargo test`
    #[arg(last = true)]
    rest: Vec<String>,
}

/// How long each fuzz target runs here; a search for bugs takes longer.
const SMOKE_SECONDS: u64 = 10;

/// A program that tests run, and the package that brings it.
struct Need {
    program: &'static str,
    package: Package,
}

const IPROUTE: Package = Package::plain("iproute2");
const NEEDS: &[Need] = &[
    Need {
        program: "ip",
        package: IPROUTE,
    },
    Need {
        program: "ss",
        package: IPROUTE,
    },
    Need {
        program: "nft",
        package: Package {
            name: "nftables",
            services: &["nftables"],
        },
    },
    Need {
        program: "redis-server",
        package: Package {
            name: "redis-server",
            services: &["redis-server"],
        },
    },
    Need {
        program: "sshd",
        package: Package {
            name: "openssh-server",
            services: &["ssh", "ssh.socket"],
        },
    },
    Need {
        program: "ssh",
        package: Package::plain("openssh-client"),
    },
    Need {
        program: "openssl",
        package: Package::plain("openssl"),
    },
    Need {
        program: "python3",
        package: Package::plain("python3"),
    },
    // What `ayt plan --emit` prints is tried with these; tests/emit.
    Need {
        program: "gcc",
        package: Package::plain("gcc"),
    },
    Need {
        program: "sysctl",
        package: Package::plain("procps"),
    },
    Need {
        program: "systemd-analyze",
        package: Package::plain("systemd"),
    },
    // 0.7 MB to download on Debian 12 without what this list has already; HAProxy 2.2,
    // MariaDB 7.4, PostgreSQL 19.2, Mono 7.2, Go 81.1: 118 MB in all.
    Need {
        program: "nginx",
        package: Package {
            name: "nginx-light",
            services: &["nginx"],
        },
    },
    Need {
        program: "haproxy",
        package: Package {
            name: "haproxy",
            services: &["haproxy"],
        },
    },
    Need {
        program: "mariadbd",
        package: Package::plain("mariadb-server-core"),
    },
    Need {
        program: POSTGRESQL,
        package: Package {
            name: "postgresql",
            services: &["postgresql"],
        },
    },
    Need {
        program: "mcs",
        package: Package::plain("mono-mcs"),
    },
    Need {
        program: "go",
        package: Package::plain("golang-go"),
    },
    // Where they are not there anyway: about 115 and 25 MB.
    Need {
        program: "javac",
        package: Package::plain("default-jdk-headless"),
    },
    Need {
        program: "node",
        package: Package::plain("nodejs"),
    },
];
/// Debian keeps PostgreSQL's programs in a folder for each version.
const POSTGRESQL: &str = "initdb";
/// The emitted C++ is tried under wine where the Windows build is, too: in CI. 13 MB
/// more than that needs.
const WINDOWS_NEEDS: &[Need] = &[
    Need {
        program: "x86_64-w64-mingw32-g++",
        package: Package::plain("g++-mingw-w64-x86-64-win32"),
    },
    Need {
        program: "/usr/lib/wine/wine64",
        package: Package::plain("wine64"),
    },
];
/// libFuzzer is C++.
const FUZZ_NEED: Need = Need {
    program: "c++",
    package: Package::plain("g++"),
};

/// Runs the tests.
pub(crate) fn run(args: &Args) -> Result<()> {
    let fuzzing = !args.fast;
    let windows = if in_ci() { WINDOWS_NEEDS } else { &[] };
    let needs = NEEDS.iter().chain(windows);
    let needs = needs.chain(fuzzing.then_some(&FUZZ_NEED));
    let missing = bring(needs)?;

    let tally = cargo_test(&args.rest)?;
    if fuzzing {
        if find_program(FUZZ_NEED.program).is_some() {
            fuzz::run_every(SMOKE_SECONDS)?;
        } else {
            println!("test: fuzz smoke left out: no C++ compiler");
        }
    }
    if in_ci() {
        // About two minutes, packages included; developers run it by name.
        windows::run()?;
    } else {
        println!("test: the Windows build is left out; `cargo xtask windows` proves it");
    }
    if !missing.is_empty() {
        println!("test: ran without {}", missing.join(", "));
    }
    println!("{tally}");
    Ok(())
}

/// Installs what is missing; names the programs that stay missing.
fn bring<'a>(needs: impl Iterator<Item = &'a Need>) -> Result<Vec<&'static str>> {
    let missing: Vec<&Need> = needs.filter(|need| !is_there(need.program)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let packages = packages_of(&missing);
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    let obstacle = match apt::obstacle() {
        Some(reason) => String::from(reason),
        None => match apt::install(&packages) {
            Ok(()) => return Ok(Vec::new()),
            Err(error) => format!("{error:#}"),
        },
    };
    let programs: Vec<&str> = missing.iter().map(|need| need.program).collect();
    let what = format!(
        "no {} here, and it cannot be installed ({obstacle}); as root: apt-get install {}",
        programs.join(", "),
        names.join(" ")
    );
    if in_ci() {
        bail!("test: {what}");
    }
    println!("test: {what}\ntest: the tests that need it are left out");
    Ok(programs)
}

fn is_there(program: &str) -> bool {
    let versions = || std::fs::read_dir("/usr/lib/postgresql").ok();
    let in_a_version = || {
        let mut versions = versions().into_iter().flatten().flatten();
        versions.any(|version| version.path().join("bin").join(program).is_file())
    };
    find_program(program).is_some() || program == POSTGRESQL && in_a_version()
}

fn packages_of(needs: &[&Need]) -> Vec<Package> {
    let mut packages: Vec<Package> = Vec::new();
    for need in needs {
        if !packages.contains(&need.package) {
            packages.push(need.package);
        }
    }
    packages
}

/// What cargo's test runners said in their closing lines, added up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

impl Tally {
    /// Reads "test result: ok. 3 passed; 0 failed; 1 ignored; …".
    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else {
            return;
        };
        let count = |what: &str| {
            rest.split([';', '.'])
                .filter_map(|part| part.trim().strip_suffix(what))
                .find_map(|number| number.trim().parse::<u64>().ok())
                .unwrap_or(0)
        };
        self.passed += count("passed");
        self.failed += count("failed");
        self.skipped += count("ignored");
    }
}

/// Runs cargo's tests, doc tests included, showing every line as it comes.
fn cargo_test(rest: &[String]) -> Result<Tally> {
    let mut command = cargo();
    command
        .current_dir(crate::paths::root())
        .args(["test", "--locked", "--no-fail-fast"])
        // A package named by hand would be lost beside --workspace.
        .args((!names_package(rest)).then_some("--workspace"))
        .args(rest)
        .stdout(Stdio::piped());
    say(&command);
    let mut child = command.spawn().context("cargo test")?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        let mut ours = std::io::stdout().lock();
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("the output of cargo test")?;
            ours.write_all(&line)?;
            ours.write_all(b"\n")?;
            ours.flush()?;
            tally.add(&String::from_utf8_lossy(&line));
        }
    }
    let status = child.wait().context("cargo test")?;
    if status.success() {
        Ok(tally)
    } else {
        println!("{tally}");
        Err(Failed::new(&command, status).into())
    }
}

fn names_package(rest: &[String]) -> bool {
    rest.iter()
        .take_while(|word| *word != "--")
        .any(|word| word.starts_with("-p") || word.starts_with("--package"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1.50s",
            "test a::passed ... ok",
        ] {
            tally.add(line);
        }
        assert_eq!(tally.to_string(), "13 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn a_package_with_two_programs_is_installed_once() {
        let needs: Vec<&Need> = NEEDS.iter().collect();
        let names: Vec<&str> = packages_of(&needs)
            .iter()
            .map(|package| package.name)
            .collect();
        assert_eq!(
            names,
            [
                "iproute2",
                "nftables",
                "redis-server",
                "openssh-server",
                "openssh-client",
                "openssl",
                "python3",
                "gcc",
                "procps",
                "systemd",
                "nginx-light",
                "haproxy",
                "mariadb-server-core",
                "postgresql",
                "mono-mcs",
                "golang-go",
                "default-jdk-headless",
                "nodejs"
            ]
        );
    }
}
