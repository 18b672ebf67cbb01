//! `cargo xtask tour`: the sessions of README.md and docs/tour.md, run for real
//! on one scene.
//!
//! In each block marked `console`, a line that begins with `$ ` is a command:
//! it is run, and what follows it up to the next one is replaced by what it
//! printed. A line `<!-- tour: pull -->` pulls the last client's cable;
//! `LATE_CLIENT` in a command stands for that client's address.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use ayt_testbed::Need;

use crate::demo::Scene;
use crate::paths;
use crate::run::{cargo, run as run_command};

const PAGES: [&str; 2] = ["README.md", "docs/tour.md"];

/// What to do with the page.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the pages; without it the session is only printed
    #[arg(long)]
    write: bool,
}

/// Runs the tour.
pub(crate) fn run(args: &Args) -> Result<()> {
    if !Need::root() {
        bail!("the tour makes network namespaces: run it as root");
    }
    let root = paths::root();
    run_command(cargo().current_dir(&root).args(["build", "--release"]))?;
    let mut scene = Scene::set()?;
    // Nobody is called to a host in the first second of its trouble.
    std::thread::sleep(std::time::Duration::from_secs(5));
    for name in PAGES {
        let page = std::fs::read_to_string(root.join(name)).context(name)?;
        let recorded = record(&page, |step| match step {
            Step::Pull => scene.pull().map(|()| String::new()),
            Step::Command(command) => {
                let command = command.replace("LATE_CLIENT", &scene.late_client().to_string());
                println!("$ {command}");
                let printed = shell(&root, &command)?;
                print!("{printed}");
                Ok(printed)
            }
        })?;
        if args.write {
            std::fs::write(root.join(name), recorded).context(name)?;
        }
    }
    Ok(())
}

/// A thing the page asks for.
enum Step<'a> {
    Command(&'a str),
    Pull,
}

/// The page with every output replaced by what `act` gives.
fn record(page: &str, mut act: impl FnMut(Step<'_>) -> Result<String>) -> Result<String> {
    let mut recorded = String::new();
    let mut in_console = false;
    for line in page.lines() {
        if in_console && line != "```" && !line.starts_with("$ ") {
            continue;
        }
        match line {
            "```console" => in_console = true,
            "```" => in_console = false,
            "<!-- tour: pull -->" => drop(act(Step::Pull)?),
            _ => {}
        }
        writeln!(recorded, "{line}")?;
        if let Some(command) = line.strip_prefix("$ ").filter(|_| in_console) {
            let printed = act(Step::Command(command))?;
            for line in printed.lines() {
                writeln!(recorded, "{}", line.trim_end())?;
            }
        }
    }
    Ok(recorded)
}

/// Runs a command line as a person at an 80-column terminal would see it,
/// without colour; both outputs in the order in which they came.
fn shell(root: &Path, command: &str) -> Result<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let release = root.join("target/release");
    let output = Command::new("bash")
        .args([
            "-c",
            &format!("exec 2>&1; ayt() {{ command ayt --width 80 \"$@\"; }}; {command}"),
        ])
        .env("PATH", format!("{}:{path}", release.display()))
        .env("NO_COLOR", "1")
        .env("TIMEFORMAT", "%R s")
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .with_context(|| command.to_owned())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_replaced_and_prose_stays() {
        let page = "Prose.\n\n```console\n$ one\nold\n$ two\n```\n\n<!-- tour: pull -->\n\
                    ```sh\n$ not run\n```\n";
        let mut pulled = false;
        let recorded = record(page, |step| {
            Ok(match step {
                Step::Command("one") => "new 1  \nnew 2\n".to_owned(),
                Step::Command(_) => String::new(),
                Step::Pull => {
                    pulled = true;
                    String::new()
                }
            })
        })
        .unwrap();
        assert!(pulled);
        assert_eq!(
            recorded,
            "Prose.\n\n```console\n$ one\nnew 1\nnew 2\n$ two\n```\n\n<!-- tour: pull -->\n\
             ```sh\n$ not run\n```\n"
        );
    }
}
