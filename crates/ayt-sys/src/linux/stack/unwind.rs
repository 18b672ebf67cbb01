//! Goes up a stack by the unwind tables that compilers write for exceptions. The
//! kernel tells the stack pointer and the program counter; the frame pointer, which
//! some functions need, is known only once one has saved it: then the walk ends
//! early rather than guess.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, Unwinder as _};

use super::DEEPEST;
use super::module::Module;
use crate::procfs::RawCall;

/// An unwinder that knows the modules it has met.
#[derive(Default)]
pub(super) struct Unwind {
    unwinder: UnwinderX86_64<Arc<[u8]>>,
    cache: CacheX86_64,
    known: Vec<std::ops::Range<u64>>,
}

impl Unwind {
    /// Return addresses above the innermost frame, each with an address within the
    /// call.
    pub(super) fn above(
        &mut self,
        modules: &mut [Module],
        raw: &RawCall,
        memory: &File,
    ) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        // A module is read when a frame lies in it: then the walk begins again.
        loop {
            let Some(more) = self.walk(raw, memory, &mut found) else {
                return found;
            };
            if !self.learn(modules, more) {
                return found;
            }
        }
    }

    /// Walks as far as the known modules reach; the address where it met another.
    fn walk(&mut self, raw: &RawCall, memory: &File, found: &mut Vec<(u64, u64)>) -> Option<u64> {
        found.clear();
        let mut read_stack = |address: u64| {
            let mut word = [0; 8];
            memory.read_exact_at(&mut word, address).map_err(drop)?;
            Ok(u64::from_le_bytes(word))
        };
        let registers = UnwindRegsX86_64::new(raw.counter, raw.stack, 0);
        let mut frames =
            self.unwinder
                .iter_frames(raw.counter, registers, &mut self.cache, &mut read_stack);
        // Without its tables a function's frame is a guess.
        let known = |address: u64| self.known.iter().any(|range| range.contains(&address));
        if !known(raw.counter) {
            return Some(raw.counter);
        }
        while let Ok(Some(frame)) = frames.next() {
            if let framehop::FrameAddress::ReturnAddress(address) = frame {
                let lookup = frame.address_for_lookup();
                found.push((address.get(), lookup));
                if !known(lookup) {
                    return Some(lookup);
                }
            }
            if found.len() == DEEPEST {
                return None;
            }
        }
        None
    }

    /// Reads the module at an address; whether that was new.
    fn learn(&mut self, modules: &mut [Module], address: u64) -> bool {
        let Some(module) = modules.iter_mut().find(|one| one.holds(address)) else {
            return false;
        };
        let range = module.range();
        if self.known.contains(&range) {
            return false;
        }
        self.known.push(range.clone());
        let name = module.name().to_owned();
        let Some(tables) = module.tables() else {
            return false;
        };
        let sections = ExplicitModuleSectionInfo {
            base_svma: 0,
            eh_frame_svma: tables.eh_frame.as_ref().map(|(at, data)| span(*at, data)),
            eh_frame: tables.eh_frame.as_ref().map(|(_, data)| Arc::clone(data)),
            eh_frame_hdr_svma: tables
                .eh_frame_hdr
                .as_ref()
                .map(|(at, data)| span(*at, data)),
            eh_frame_hdr: tables
                .eh_frame_hdr
                .as_ref()
                .map(|(_, data)| Arc::clone(data)),
            ..ExplicitModuleSectionInfo::default()
        };
        let bias = tables.bias;
        self.unwinder
            .add_module(framehop::Module::new(name, range, bias, sections));
        true
    }
}

fn span(at: u64, data: &[u8]) -> std::ops::Range<u64> {
    at..at.saturating_add(data.len() as u64)
}
