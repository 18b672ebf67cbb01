//! `cargo xtask dist`: one file that runs on any Linux of its architecture.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::run::{
    cargo, host_triple, is_root, mebibytes, output_of, run as run_command, say, size_of,
};
use crate::{elf, paths};

/// Builds `target/dist/ayt` and proves what can be proved about it here.
pub(crate) fn run() -> Result<()> {
    let binary = build()?;
    let asks = elf::asks(&std::fs::read(&binary)?).with_context(|| binary.display().to_string())?;
    ensure!(
        !asks.interpreter && asks.libraries == 0,
        "dist: not static: interpreter {}, shared libraries {}",
        asks.interpreter,
        asks.libraries
    );
    println!(
        "dist: {}, {}, static: no interpreter, no shared library",
        binary.display(),
        mebibytes(size_of(&binary)?)
    );
    if is_root() {
        prove_in_bare_root(&binary)?;
        println!("dist: runs in a root directory that holds nothing else");
    } else {
        println!("dist: running in a bare root is not proved: needs root");
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    let triple = host_triple()?;
    // Given a --target, the flag reaches neither build scripts nor procedural
    // macros, which cannot be static.
    let flags = format!(
        "{} -C target-feature=+crt-static",
        std::env::var("RUSTFLAGS").unwrap_or_default()
    );
    run_command(
        cargo()
            .current_dir(paths::root())
            .args(["build", "--release", "--locked", "-p", "ayt-cli"])
            .args(["--target", &triple])
            .arg("--target-dir")
            .arg(paths::target())
            .env("RUSTFLAGS", flags.trim())
            // Shipped alone: without the line tables that backtraces use at home.
            .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env_remove("CARGO_ENCODED_RUSTFLAGS"),
    )?;
    let binary = paths::fresh_dir("dist")?.join("ayt");
    let built = paths::target().join(&triple).join("release/ayt");
    std::fs::copy(&built, &binary).with_context(|| built.display().to_string())?;
    Ok(binary)
}

/// Runs it where there is no other file, process or network.
fn prove_in_bare_root(binary: &Path) -> Result<()> {
    let bare = tempfile::tempdir()?;
    std::fs::copy(binary, bare.path().join("ayt"))?;
    std::fs::create_dir(bare.path().join("proc"))?;
    let version = in_bare_root(bare.path(), &["--version"])?;
    let wanted = concat!("ayt ", env!("CARGO_PKG_VERSION"));
    ensure!(
        version.starts_with(wanted),
        "dist: `ayt --version` says {version:?}, not {wanted:?}"
    );
    in_bare_root(bare.path(), &["list"])?;
    Ok(())
}

fn in_bare_root(root: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--pid", "--net", "--fork", "--kill-child"])
        .arg(format!("--root={}", root.display()))
        .args(["--mount-proc", "/ayt"])
        .args(arguments);
    say(&command);
    let output = output_of(&mut command)?;
    print!("{output}");
    Ok(output)
}
