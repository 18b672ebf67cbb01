//! `cargo xtask windows`: the product builds where there is no Linux, and says
//! so instead of pretending. Windows stands for every other system, because it
//! can be built and run here. The library's keepalive is proved there, too: its
//! test runs unchanged under wine, and the kernel behind wine is asked whether the
//! connection's timer is the one that was set.
//!
//! rustup's toolchains come without the Windows library; Debian's come with the
//! sources, from which cargo builds it. The target is the one for Windows 7,
//! whose library does without a system DLL that wine 8 lacks.

#[cfg(target_os = "linux")]
mod keepalive;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::apt::{self, Package};
use crate::paths;
use crate::run::{Failed, in_ci, mebibytes, run as run_command, say, size_of};

const TARGET: &str = "x86_64-win7-windows-gnu";
const CARGO: &str = "/usr/bin/cargo";
const RUSTC: &str = "/usr/bin/rustc";
/// What rust-web-src brings.
pub(crate) const RUST_SOURCES: &str = "/usr/lib/rustlib/src/rust/library";
const WINE: &str = "/usr/lib/wine/wine64";
const WINESERVER: &str = "/usr/lib/wine/wineserver64";
const PACKAGES: &[Package] = &[
    Package::plain("rustc-web"),
    Package::plain("cargo-web"),
    Package::plain("rust-web-src"),
    Package::plain("gcc-mingw-w64-x86-64-win32"),
    Package::plain("wine64"),
];
/// The commands' exit status for "could not look".
const COULD_NOT_LOOK: i32 = 3;

/// Builds for Windows and runs the result.
pub(crate) fn run() -> Result<()> {
    let started = Instant::now();
    bring()?;
    let built = build()?;
    println!(
        "windows: {TARGET} builds: ayt.exe, {}, after {} s",
        mebibytes(size_of(&built.program)?),
        started.elapsed().as_secs()
    );
    if Path::new(WINE).exists() {
        let wine = Wine::new()?;
        prove(&wine, &built.program)?;
        println!("windows: ayt.exe runs and says what needs Linux");
        for version in ["win7", "win10"] {
            wine.plays(version)?;
            run_command(wine.command(WINE).arg(&built.test))?;
            #[cfg(target_os = "linux")]
            keepalive::prove(&wine, &built.example)?;
        }
        println!(
            "windows: keepalive is set there, and what wine lacks is told, {} s in all",
            started.elapsed().as_secs()
        );
    } else {
        ensure!(
            !in_ci(),
            "windows: wine64 is not installed: running it is not proved"
        );
        println!("windows: running it is not proved: wine64 is not installed");
    }
    Ok(())
}

/// Installs what is missing; without wine the build alone can be proved.
fn bring() -> Result<()> {
    let missing: Vec<Package> = PACKAGES
        .iter()
        .copied()
        .filter(|package| !apt::is_installed(*package))
        .collect();
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    match apt::obstacle() {
        _ if missing.is_empty() => Ok(()),
        None => apt::install(&missing),
        Some(_) if names == ["wine64"] => Ok(()),
        Some(reason) => bail!(
            "windows: not proved: {reason}; as root on Debian: apt-get install {}",
            names.join(" ")
        ),
    }
}

/// What was built.
struct Built {
    program: PathBuf,
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "run on Linux only")
    )]
    example: PathBuf,
    test: PathBuf,
}

/// Builds the program, and an example and a test of the library, in one go: the
/// libraries of all three are then the same.
fn build() -> Result<Built> {
    let mut command = cargo();
    command
        .args(["-p", "ayt-cli", "--bin", "ayt"])
        .args(["-p", "ayt", "--example", "keepalive", "--test", "keepalive"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    say(&command);
    let output = command.output().context(CARGO)?;
    if !output.status.success() {
        return Err(Failed::new(&command, output.status).into());
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let built = |kind: &str, name: &str| {
        messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Message>(line).ok())
            .find(|message| {
                let target = message.target.as_ref();
                target.is_some_and(|target| target.name == name && target.kind == [kind])
            })
            .and_then(|message| message.executable)
            .with_context(|| format!("windows: cargo built no {kind} {name}"))
    };
    Ok(Built {
        program: built("bin", "ayt")?,
        example: built("example", "keepalive")?,
        test: built("test", "keepalive")?,
    })
}

/// One of cargo's messages, as far as it matters here.
#[derive(serde::Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(serde::Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Debian's cargo, building for Windows.
fn cargo() -> Command {
    let mut command = debian_cargo();
    command
        .current_dir(paths::root())
        .args(["build", "--locked"])
        .args(["-Zbuild-std=std,panic_unwind,test", "--target", TARGET])
        // It runs once: nothing is gained by making it fast or debuggable.
        .args(["--config", "profile.dev.package.\"*\".opt-level=0"])
        .args(["--config", "profile.dev.debug=false"])
        .arg("--target-dir")
        .arg(paths::target().join("windows"))
        .env(
            "CARGO_TARGET_X86_64_WIN7_WINDOWS_GNU_LINKER",
            "x86_64-w64-mingw32-gcc",
        );
    command
}

/// Debian's cargo, which builds the library of any system from its sources.
pub(crate) fn debian_cargo() -> Command {
    let mut command = Command::new(CARGO);
    // We run under rustup's cargo; nothing of that toolchain may reach this one.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let toolchain = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "RUSTUP_",
            "RUSTC",
            "RUSTDOC",
            "RUSTFLAGS",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix));
        let exact = [
            "CARGO",
            "LD_LIBRARY_PATH",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_TARGET_DIR",
        ];
        if toolchain || exact.contains(&name.as_str()) {
            command.env_remove(name);
        }
    }
    command
        .env("PATH", "/usr/bin:/bin")
        .env("RUSTC", RUSTC)
        // Building the library from source is asked for with a -Z flag.
        .env("RUSTC_BOOTSTRAP", "1");
    command
}

/// A Windows of our own, ended with this value.
struct Wine {
    prefix: PathBuf,
}

impl Wine {
    fn new() -> Result<Self> {
        Ok(Self {
            prefix: paths::fresh_dir("windows/wine")?,
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("WINEPREFIX", &self.prefix)
            .env("WINEDEBUG", "-all")
            // Neither .NET nor a browser, nor entries in the host's menus.
            .env("WINEDLLOVERRIDES", "mscoree=;mshtml=;winemenubuilder.exe=")
            .env_remove("DISPLAY")
            .env_remove("LD_LIBRARY_PATH")
            .stdin(Stdio::null());
        command
    }

    /// The version it says it is: before and since the newer keepalive options.
    fn plays(&self, version: &str) -> Result<()> {
        let mut command = self.command(WINE);
        command.args(["reg", "add", r"HKCU\Software\Wine", "/f"]);
        command.args(["/v", "Version", "/d", version]);
        run_command(&mut command)
    }

    fn run(&self, program: &Path, argument: &str) -> Result<Output> {
        let mut command = self.command(WINE);
        command.arg(program).arg(argument);
        say(&command);
        command.output().context(WINE)
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        // Ends the processes of our prefix, no others, and waits for them.
        for option in ["-k", "-w"] {
            let _ended_already = self.command(WINESERVER).arg(option).status();
        }
        // It is large, and made anew within seconds.
        let _removed_by_hand = std::fs::remove_dir_all(&self.prefix);
    }
}

fn prove(wine: &Wine, program: &Path) -> Result<()> {
    // The first run also sets the prefix up, and talks about that.
    let version = wine.run(program, "--version")?;
    let text = String::from_utf8_lossy(&version.stdout);
    ensure!(
        version.status.success() && text.starts_with(concat!("ayt ", env!("CARGO_PKG_VERSION"))),
        "windows: `ayt.exe --version`: {}, says {text:?}",
        version.status
    );
    let list = wine.run(program, "list")?;
    let said = String::from_utf8_lossy(&list.stderr);
    print!("{said}");
    ensure!(
        list.status.code() == Some(COULD_NOT_LOOK) && said.contains("Linux"),
        "windows: `ayt.exe list` must exit with {COULD_NOT_LOOK} and say that it needs Linux; it is {} and says {said:?}",
        list.status
    );
    Ok(())
}
