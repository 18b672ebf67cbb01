//! One example as a process.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Done, fresh};

/// Long, because a machine with two cores may be building something else.
const PATIENCE: Duration = Duration::from_secs(60);

/// An example that runs; killed at its end.
pub(super) struct Example {
    name: String,
    child: Child,
    lines: Receiver<String>,
    pub(super) seen: Vec<String>,
}

impl Example {
    pub(super) fn start(name: &str, arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let program = fresh::program(name);
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let out = BufReader::new(child.stdout.take().ok_or("no output")?);
        let (tell, lines) = channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            name: name.to_owned(),
            child,
            lines,
            seen: Vec::new(),
        })
    }

    /// The next line that has all of these words.
    #[track_caller]
    pub(super) fn says(&mut self, words: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let found = words.iter().all(|word| line.contains(word));
                    self.seen.push(line.clone());
                    if found {
                        return line;
                    }
                }
                Err(error) => self.never_said(words, error),
            }
        }
    }

    #[track_caller]
    fn never_said(&mut self, words: &[&str], error: RecvTimeoutError) -> ! {
        let mut complaint = String::new();
        if error == RecvTimeoutError::Disconnected
            && let Some(mut stderr) = self.child.stderr.take()
        {
            let _ = stderr.read_to_string(&mut complaint);
        }
        let seen = self.seen.join("\n");
        panic!(
            "{} never said {words:?} ({error}); it said:\n{seen}\n{complaint}",
            self.name
        );
    }

    /// All that it has said when it has ended well.
    #[track_caller]
    pub(super) fn ends_well(mut self) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(error) => self.never_said(&["(its end)"], error),
            }
        }
        let status = self.child.wait().expect("it has ended");
        if !status.success() {
            self.never_said(&["(success)"], RecvTimeoutError::Disconnected);
        }
        std::mem::take(&mut self.seen)
    }

    /// What it complains of when it ends as it must not.
    #[track_caller]
    pub(super) fn ends_badly(mut self) -> String {
        let mut complaint = String::new();
        let stderr = self.child.stderr.as_mut().expect("its complaints");
        stderr.read_to_string(&mut complaint).expect("text");
        let status = self.child.wait().expect("it has ended");
        assert!(!status.success(), "{} ended well", self.name);
        complaint
    }

    pub(super) fn signal(&self, signal: Signal) -> Done {
        let pid = Pid::from_raw(self.child.id().cast_signed()).ok_or("no pid")?;
        Ok(kill_process(pid, signal)?)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
