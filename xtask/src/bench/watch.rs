//! Runs a program under the stopwatch of `ayt-fixture measure`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use ayt_testbed::{Fixture, Ns};

/// A program and what may come of it.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) command: Vec<OsString>,
    /// Exit codes that are no failure.
    pub(super) accept: &'static str,
    pub(super) timeout: Duration,
}

/// What it took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    /// From before its start until it was reaped.
    pub(super) wall: Duration,
    /// Until its last output; only when the output was kept, else as `wall`.
    pub(super) last: Duration,
    /// User and system time.
    pub(super) cpu: Duration,
    /// The most memory it ever had, in bytes.
    pub(super) peak: u64,
    /// What it wrote.
    pub(super) bytes: u64,
}

impl Run {
    pub(super) fn new(program: impl AsRef<Path>, arguments: &[&str]) -> Self {
        let program = program.as_ref().as_os_str().to_owned();
        Self {
            command: std::iter::once(program)
                .chain(arguments.iter().map(OsString::from))
                .collect(),
            accept: "0",
            timeout: Duration::from_secs(60),
        }
    }

    pub(super) fn accept(self, codes: &'static str) -> Self {
        Self {
            accept: codes,
            ..self
        }
    }

    pub(super) fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Runs it with its output thrown away.
    pub(super) fn time(&self, ns: &Ns) -> Result<Took> {
        self.run(ns, None)
    }

    /// Runs it with its output kept.
    pub(super) fn keep(&self, ns: &Ns) -> Result<(Took, String)> {
        let folder = tempfile::tempdir().context("making a folder")?;
        let file = folder.path().join("output");
        let took = self.run(ns, Some(&file))?;
        let output = std::fs::read(&file).context("reading the output")?;
        Ok((took, String::from_utf8_lossy(&output).into_owned()))
    }

    fn run(&self, ns: &Ns, keep: Option<&Path>) -> Result<Took> {
        let seconds = self.timeout.as_secs().max(1);
        let mut arguments: Vec<OsString> = vec![
            "measure".into(),
            format!("--accept={}", self.accept).into(),
            format!("--timeout={seconds}").into(),
        ];
        if let Some(file) = keep {
            arguments.extend(["--keep".into(), file.into()]);
        }
        arguments.push("--".into());
        arguments.extend(self.command.iter().cloned());
        let stopwatch = Fixture::start(ns, arguments)?;
        // Its own limit comes first; ours only if it were stuck itself.
        let patience = Duration::from_secs(seconds + 30);
        took(&stopwatch.wait_line("measured", patience)?)
    }
}

fn took(fields: &BTreeMap<String, String>) -> Result<Took> {
    let number = |name: &str| -> Result<u64> {
        let value = fields.get(name);
        value
            .and_then(|value| value.parse().ok())
            .with_context(|| format!("no {name} in {fields:?}"))
    };
    let micros = |name: &str| number(name).map(Duration::from_micros);
    Ok(Took {
        wall: micros("wall_us")?,
        last: micros("last_us")?,
        cpu: micros("user_us")? + micros("sys_us")?,
        peak: number("peak_kib")? * 1024,
        bytes: number("bytes")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_stopwatch_is_read() {
        let line = "wall_us=5000 last_us=4000 user_us=1000 sys_us=500 peak_kib=3 bytes=7";
        let fields = line
            .split_whitespace()
            .filter_map(|field| field.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let took = took(&fields).unwrap();
        assert_eq!(took.cpu, Duration::from_micros(1500));
        assert_eq!((took.peak, took.bytes), (3072, 7));
        assert!(super::took(&BTreeMap::new()).is_err());
    }
}
