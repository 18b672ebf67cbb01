//! Where a blocked thread's own program called: module and offset of its program
//! counter. Nothing is stopped or traced for it.

use std::fs::File;

use ayt_core::fact::Why;
use ayt_core::facts::Frame;

use super::process::{read, why};
use crate::procfs::{self, Mapping, RawCall};

/// The executable files in a process's memory.
pub(super) struct Program {
    mappings: Vec<Mapping>,
}

impl Program {
    pub(super) fn of(pid: u32) -> Result<Self, Why> {
        let text = read(pid, "maps").map_err(|error| why(pid, "maps", &error))?;
        Ok(Self {
            mappings: procfs::mappings(&text),
        })
    }

    /// The frames of a thread, the innermost first.
    pub(super) fn walk(&mut self, raw: &RawCall, _memory: Option<&File>) -> Vec<Frame> {
        self.frame(raw.counter).into_iter().collect()
    }

    fn frame(&self, address: u64) -> Option<Frame> {
        let inside = |one: &&Mapping| (one.start..one.end).contains(&address);
        let mapping = self.mappings.iter().find(inside)?;
        let module = mapping.path.rsplit('/').next().unwrap_or_default();
        Some(Frame {
            module: module.to_owned(),
            offset: address - mapping.start + mapping.offset,
            symbol: None,
        })
    }
}
