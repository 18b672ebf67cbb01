//! One life of a host: from its boot to the next.

use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use ayt_sys::lab::{self, HostInit, RouteSocket};
use ayt_sys::{Netns, SysError};

use super::Process;
use crate::error::LabError;
use crate::sync::lock;

/// Asks the keeper to start a program.
type Job = (Command, Sender<std::io::Result<Child>>);

/// Namespaces and the thread that lives in them. The thread starts the host's
/// programs: a program is killed when the thread that started it ends, so this one
/// lives as long as the host.
#[derive(Debug)]
pub(super) struct Kernel {
    host: String,
    ns: Netns,
    /// None when the power is off.
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    jobs: Sender<Job>,
    keeper: JoinHandle<Option<HostInit>>,
    processes: Vec<Arc<Mutex<Child>>>,
}

impl Kernel {
    pub(super) fn boot(host: &str) -> Result<Self, LabError> {
        let on = format!("host {host}");
        let (jobs, waiting) = channel::<Job>();
        let (made, result) = channel::<Result<Netns, SysError>>();
        let keep = move || {
            let (ns, init) = match lab::become_host() {
                Ok(made) => made,
                Err(error) => {
                    let _ = made.send(Err(error));
                    return None;
                }
            };
            let _ = made.send(Ok(ns));
            drop(made);
            for (mut command, answer) in waiting {
                lab::die_with_parent(&mut command);
                let _ = answer.send(command.spawn());
            }
            Some(init)
        };
        // The name shows in ps -L.
        let keeper = thread::Builder::new()
            .name(format!("host {host}").chars().take(15).collect())
            .spawn(keep)
            .map_err(|error| LabError::kernel(&on, SysError::call("start a thread", error)))?;
        let ns = match result.recv() {
            Ok(Ok(ns)) => ns,
            Ok(Err(error)) => return Err(LabError::kernel(on, error)),
            Err(_) => return Err(LabError::other(on, "its thread has ended", None)),
        };
        RouteSocket::open(&ns)
            .and_then(|mut route| route.loopback_up())
            .map_err(|error| LabError::kernel(&on, error))?;
        Ok(Self {
            host: host.to_owned(),
            ns,
            running: Mutex::new(Some(Running {
                jobs,
                keeper,
                processes: Vec::new(),
            })),
        })
    }

    pub(super) const fn ns(&self) -> &Netns {
        &self.ns
    }

    pub(super) fn spawn(&self, command: Command) -> Result<Process, LabError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let on = format!("host {}", self.host);
        let off = || LabError::other(&on, "it is off", None);
        let mut running = lock(&self.running);
        let running = running.as_mut().ok_or_else(off)?;
        let (answer, answered) = channel();
        running.jobs.send((command, answer)).map_err(|_| off())?;
        let child = answered.recv().map_err(|_| off())?.map_err(|error| {
            LabError::kernel(&on, SysError::call(format!("start {program}"), error))
        })?;
        let child = Arc::new(Mutex::new(child));
        running
            .processes
            .retain(|child| !matches!(lock(child).try_wait(), Ok(Some(_))));
        running.processes.push(Arc::clone(&child));
        Process::new(program, child).map_err(|error| LabError::kernel(on, error))
    }

    /// Kills everything that runs on the host and waits for its end.
    pub(super) fn power_off(&self) {
        let Some(running) = lock(&self.running).take() else {
            return;
        };
        drop(running.jobs);
        let Ok(Some(mut init)) = running.keeper.join() else {
            return;
        };
        init.end();
        // The first process waits for those that this process started.
        for child in running.processes {
            let _ = lock(&child).wait();
        }
        init.wait();
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.power_off();
    }
}
