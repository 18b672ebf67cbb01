//! The device as a process.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use tokio::sync::mpsc;

use super::{IDENTITY, KEY, root, soon};

/// What an event says: `name=value`.
pub(crate) type Fields = HashMap<String, String>;

/// One run of `examples/device.py`; killed where it is dropped.
#[derive(Debug)]
pub(crate) struct Device {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
    told: mpsc::UnboundedReceiver<String>,
    /// Everything it told, for the report of a failure.
    past: Vec<String>,
}

impl Device {
    /// The device of these tests, with these words besides.
    pub(crate) fn start(server: SocketAddr, words: &[&str]) -> Self {
        let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        Self::start_as(server, IDENTITY, &key, words)
    }

    pub(crate) fn start_as(server: SocketAddr, identity: &str, key: &str, words: &[&str]) -> Self {
        let mut child = Command::new("python3")
            .arg(root().join("examples/device.py"))
            .args(["--server", &server.to_string(), "--identity", identity])
            .args(["--key", key, "--base", "0.005", "--cap", "0.01"])
            .args(words)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = follow(child.stdout.take().unwrap());
        let told = follow(child.stderr.take().unwrap());
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            told,
            past: Vec::new(),
        }
    }

    /// Types a line: a message.
    pub(crate) fn types(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").unwrap();
    }

    /// Its stdin, to be written elsewhere; closing it ends the session.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.stdin.take().unwrap()
    }

    pub(crate) fn close_stdin(&mut self) {
        drop(self.stdin.take());
    }

    /// The next message that it got.
    pub(crate) async fn line(&mut self) -> String {
        let line = soon("a line of the device's", self.lines.recv()).await;
        line.unwrap_or_else(|| panic!("its output ends after {:?}", self.past))
    }

    /// The next event of that word.
    pub(crate) async fn event(&mut self, word: &str) -> Fields {
        loop {
            let line = soon(word, self.told.recv()).await;
            let Some(line) = line else {
                panic!("no {word} after {:?}", self.past)
            };
            self.past.push(line.clone());
            let mut parts = line.split(' ');
            if parts.next() == Some(word) {
                return parts
                    .filter_map(|part| part.split_once('='))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
            }
        }
    }

    /// Its exit code, and everything it told.
    pub(crate) async fn exit(&mut self) -> (Option<i32>, Vec<String>) {
        // Both streams end with the process.
        while let Some(line) = soon("its end", self.told.recv()).await {
            self.past.push(line);
        }
        let status = self.child.wait().unwrap();
        (status.code(), self.past.clone())
    }

    /// SIGKILL: as if its power went.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if std::thread::panicking() {
            while let Ok(line) = self.told.try_recv() {
                self.past.push(line);
            }
            let text = format!("the device told: {:#?}\n", self.past);
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        let _gone_already = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(stream: impl Read + Send + 'static) -> mpsc::UnboundedReceiver<String> {
    let (tell, lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
