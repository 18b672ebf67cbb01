//! Running one of the programs of `ayt-fixture` beside a test.

mod binary;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::Ns;
use crate::sync::lock;

pub use binary::fixture_binary;

/// Long, because a machine with two cores may be building something else.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program of `ayt-fixture`, past its `ready` line.
///
/// It leaves when its standard input ends, so it does not outlive this process
/// however that ends. Dropping this value ends it and waits for it.
#[derive(Debug)]
pub struct Fixture {
    child: Child,
    stdin: Option<ChildStdin>,
    /// A lock only so that a fixture may be shared between threads.
    lines: Mutex<Receiver<String>>,
    ready: BTreeMap<String, String>,
    described: String,
}

impl Fixture {
    /// Starts `ayt-fixture ARGUMENTS` in a namespace and waits for its `ready`
    /// line. [`Ns::current`] is the host and its loopback.
    ///
    /// # Errors
    /// When the program cannot be built or started, or leaves before it is
    /// ready (its reason is on stderr).
    pub fn start<S: AsRef<OsStr>>(ns: &Ns, arguments: impl IntoIterator<Item = S>) -> Result<Self> {
        Self::start_program(ns, fixture_binary()?, arguments)
    }

    /// The same under another command name: `link` becomes a link to the
    /// program, and the kernel names the process after it.
    ///
    /// # Errors
    /// As [`Fixture::start`], or when the link cannot be made.
    pub fn start_as<S: AsRef<OsStr>>(
        ns: &Ns,
        link: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        std::os::unix::fs::symlink(fixture_binary()?, link)
            .with_context(|| format!("linking {}", link.display()))?;
        Self::start_program(ns, link, arguments)
    }

    fn start_program<S: AsRef<OsStr>>(
        ns: &Ns,
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let described = format!("{command:?}");
        let mut child = ns
            .spawn(&mut command)
            .with_context(|| format!("starting {described}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("a fixture without stdout")?;
        let lines = Mutex::new(lines_of(stdout));
        let mut fixture = Self {
            child,
            stdin,
            lines,
            ready: BTreeMap::new(),
            described,
        };
        let ready = fixture.line("ready", PATIENCE)?;
        fixture.ready = fields(&ready);
        Ok(fixture)
    }

    /// The process: for `tether`, the one at the other end of the tether.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.ready
            .get("pid")
            .and_then(|pid| pid.parse().ok())
            .unwrap_or_else(|| self.child.id())
    }

    /// The address it listens on.
    ///
    /// # Panics
    /// When this program does not listen.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.field("addr")
    }

    /// The port it listens on.
    ///
    /// # Panics
    /// As [`Fixture::addr`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addr().port()
    }

    /// A `name=value` of its `ready` line.
    ///
    /// # Panics
    /// When there is none, or it reads otherwise.
    #[must_use]
    #[track_caller]
    pub fn field<T: FromStr>(&self, name: &str) -> T {
        let value = self.ready.get(name);
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| {
                panic!(
                    "{}: no usable '{name}' in its ready line {:?}",
                    self.described, self.ready
                )
            })
    }

    /// Sends it a line, such as `go` for `orphans`.
    ///
    /// # Errors
    /// When it has left.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("the fixture was killed")?;
        writeln!(stdin, "{line}").with_context(|| format!("telling {} '{line}'", self.described))
    }

    /// Waits for a line that begins with this word and returns its
    /// `name=value` fields; earlier lines are passed over.
    ///
    /// # Errors
    /// When none comes in time or the program has left.
    pub fn wait_line(&self, word: &str, within: Duration) -> Result<BTreeMap<String, String>> {
        Ok(fields(&self.line(word, within)?))
    }

    /// Stops the process (SIGSTOP): its kernel still answers, it does not.
    ///
    /// # Errors
    /// When it has left.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen process go on.
    ///
    /// # Errors
    /// When it has left.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Kills the process (SIGKILL) and waits for it: the kernel closes its
    /// sockets, with FIN, or with RST where data was unread.
    ///
    /// # Errors
    /// When it had left before.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.child
            .wait()
            .with_context(|| format!("waiting for {}", self.described))?;
        self.stdin = None;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| anyhow!("{} has no pid", self.described))?;
        kill_process(pid, signal).with_context(|| format!("signalling {}", self.described))
    }

    fn line(&self, word: &str, within: Duration) -> Result<String> {
        let start = Instant::now();
        let lines = lock(&self.lines);
        loop {
            let left = within.saturating_sub(start.elapsed());
            match lines.recv_timeout(left) {
                Ok(line) if line.split_whitespace().next() == Some(word) => return Ok(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{}: no line '{word}' within {within:?}", self.described)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{} left before its line '{word}'", self.described)
                }
            }
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // A frozen one must see the end of its input; `tether` uses it to take
        // its child along.
        let _ = self.signal(Signal::CONT);
        self.stdin = None;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn fields(line: &str) -> BTreeMap<String, String> {
    line.split_whitespace()
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
