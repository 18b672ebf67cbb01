//! Where a blocked thread's own program called. Nothing is stopped or traced for
//! it: the registers come from /proc/PID/task/TID/syscall, the stack is read while
//! the thread sleeps, and the program's unwind tables say how to go up.

mod module;
#[cfg(target_arch = "x86_64")]
mod unwind;

use std::fs::File;

use ayt_core::fact::Why;
use ayt_core::facts::Frame;

use super::process::{read, why};
use crate::procfs::{self, Mapping, RawCall};
use module::Module;

/// Frames of one thread, at most.
const DEEPEST: usize = 16;

/// The executable files in a process's memory.
pub(super) struct Program {
    modules: Vec<Module>,
    #[cfg(target_arch = "x86_64")]
    unwind: unwind::Unwind,
}

impl Program {
    pub(super) fn of(pid: u32) -> Result<Self, Why> {
        let text = read(pid, "maps").map_err(|error| why(pid, "maps", &error))?;
        let mappings: Vec<Mapping> = procfs::mappings(&text);
        let modules = mappings.into_iter().map(|one| Module::new(pid, one));
        Ok(Self {
            modules: modules.collect(),
            #[cfg(target_arch = "x86_64")]
            unwind: unwind::Unwind::default(),
        })
    }

    /// The frames of a thread, the innermost first; only that one where the stack
    /// cannot be read or no table says how to go up.
    pub(super) fn walk(&mut self, raw: &RawCall, memory: Option<&File>) -> Vec<Frame> {
        let mut addresses = vec![(raw.counter, raw.counter)];
        #[cfg(target_arch = "x86_64")]
        if let Some(memory) = memory {
            addresses.extend(self.unwind.above(&mut self.modules, raw, memory));
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = memory;
        addresses.truncate(DEEPEST);
        let frames = addresses
            .into_iter()
            .filter_map(|(address, lookup)| self.frame(address, lookup));
        frames.collect()
    }

    /// `lookup` is within the call, where `address` may be behind it already.
    fn frame(&mut self, address: u64, lookup: u64) -> Option<Frame> {
        let module = self.modules.iter_mut().find(|one| one.holds(address))?;
        Some(module.frame(address, lookup))
    }
}
