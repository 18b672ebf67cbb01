//! `cargo xtask targets`: the library compiles for every system whose keepalive it
//! knows. A check needs no linker, so any machine can do it; it proves types and
//! names of options, not what a kernel does with them.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::paths;
use crate::run::{cargo, find_program, in_ci, output_of, run as run_command};
use crate::windows;

/// What may be said to `targets`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also those that rustup has no library for, which is then built from
    /// Debian's sources: some minutes each
    #[arg(long)]
    all: bool,
}

const CRATES: &[&str] = &["-p", "ayt-core", "-p", "ayt-sys", "-p", "ayt"];

/// Those that rustup has a library for.
const WITH_LIBRARY: &[&str] = &[
    "x86_64-unknown-linux-gnu",
    "aarch64-linux-android",
    "x86_64-apple-darwin",
    "aarch64-apple-ios",
    "x86_64-unknown-freebsd",
    "x86_64-unknown-netbsd",
    "x86_64-unknown-illumos",
    "x86_64-pc-windows-gnu",
];
/// Those whose library has to be built.
const FROM_SOURCE: &[&str] = &["x86_64-unknown-openbsd", "x86_64-unknown-dragonfly"];

/// Checks the library for one target after another.
pub(crate) fn run(args: &Args) -> Result<()> {
    if find_program("rustup").is_none() {
        let what = "targets: no rustup here to fetch the libraries of other systems";
        if in_ci() {
            bail!("{what}");
        }
        println!("{what}: only this system is checked by an ordinary build");
        return Ok(());
    }
    let there = output_of(Command::new("rustup").args(["target", "list", "--installed"]))?;
    for target in WITH_LIBRARY {
        if !there.lines().any(|line| line == *target) {
            run_command(Command::new("rustup").args(["target", "add", target]))?;
        }
        check(&mut cargo(), target, "targets")?;
    }
    if args.all {
        if !Path::new(windows::RUST_SOURCES).exists() {
            bail!(
                "targets: no Rust sources; as root on Debian: apt-get install rust-web-src cargo-web"
            );
        }
        for target in FROM_SOURCE {
            let mut command = windows::debian_cargo();
            check(&mut command, target, "targets-source")?;
        }
    } else {
        println!(
            "targets: left out, for want of a library: {}; --all builds it",
            FROM_SOURCE.join(", ")
        );
    }
    Ok(())
}

fn check(command: &mut Command, target: &str, directory: &str) -> Result<()> {
    command
        .current_dir(paths::root())
        .args(["check", "--quiet", "--locked", "--target", target])
        .args(CRATES)
        .arg("--target-dir")
        .arg(paths::target().join(directory));
    if directory == "targets-source" {
        command.arg("-Zbuild-std=std,panic_unwind");
    }
    run_command(command)?;
    println!("targets: {target}: the library compiles");
    Ok(())
}
