//! A program with a fault of its own, in a process of its own: it needs limits that are
//! not to be the lab's.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::scene::errno;
use crate::error::LabError;
use crate::host::{Host, Process};

/// The first argument of a process that is one.
pub(crate) const ROLE: &str = "lab-leaks";

/// A server that never closes what it has accepted, and tells of each accept.
#[derive(Debug)]
pub(super) struct Leaks {
    pub(super) process: Process,
    /// `listens`, `accepts`, or the name of an error.
    pub(super) told: Receiver<String>,
}

impl Leaks {
    /// Starts it on a host, with at most so many descriptors.
    pub(super) fn start(
        host: &Host,
        program: &std::path::Path,
        listen: SocketAddr,
        descriptors: u64,
    ) -> Result<Self, LabError> {
        let mut command = Command::new(program);
        command
            .args([ROLE, &listen.to_string(), &descriptors.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let process = host.spawn(command)?;
        let (tell, told) = channel();
        if let Some(out) = process.stdout() {
            thread::spawn(move || {
                let lines = BufReader::new(out).lines().map_while(Result::ok);
                for line in lines {
                    if tell.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { process, told })
    }
}

impl Drop for Leaks {
    fn drop(&mut self) {
        let _ = self.process.signal(9);
    }
}

/// The program; its exit status.
pub(crate) fn run(arguments: &[String]) -> i32 {
    let [listen, descriptors] = arguments else {
        return 2;
    };
    let (Ok(listen), Ok(descriptors)) = (listen.parse::<SocketAddr>(), descriptors.parse()) else {
        return 2;
    };
    if ayt_sys::lab::limit_descriptors(descriptors).is_err() {
        return 2;
    }
    let Ok(listener) = TcpListener::bind(listen) else {
        return 1;
    };
    tell("listens");
    let mut held = Vec::new();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                held.push(stream);
                tell("accepts");
            }
            Err(error) => {
                tell(&errno(&error));
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

fn tell(what: &str) {
    let mut out = std::io::stdout().lock();
    let told = writeln!(out, "{what}").and_then(|()| out.flush());
    if told.is_err() {
        // Nobody listens any more.
        std::process::exit(0);
    }
}
