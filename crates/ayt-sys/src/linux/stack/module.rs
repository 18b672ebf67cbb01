//! One executable file in a process's memory: its functions' names, its unwind
//! tables. Read once, when first needed, within bounds.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use ayt_core::facts::Frame;
use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _, ReadCache};

use crate::procfs::Mapping;

/// A segment may be executed (elf(5)).
const PF_X: u32 = 1;
/// A section that is larger is left alone.
const LARGEST: u64 = 32 << 20;
/// A file that is larger is left alone: its tables are read into memory, and a sparse
/// one costs nothing to make.
const LARGEST_FILE: u64 = 512 << 20;
/// Symbols of one file, at most.
const SYMBOLS: usize = 1 << 20;
/// Bytes of a symbol's name; one with a longer is left out.
const LONGEST_NAME: usize = 4 << 10;
/// Bytes of the names of one file, at most: symbols may share the bytes of a name.
const NAMES: usize = 128 << 20;

/// A mapping, and what its file says once it was asked.
pub(super) struct Module {
    pid: u32,
    mapping: Mapping,
    tables: Option<Option<Tables>>,
}

/// What a file says.
pub(super) struct Tables {
    /// Functions by address, each with its length.
    symbols: Vec<(u64, u64, String)>,
    /// What is added to an address of the file to have one of memory.
    pub(super) bias: u64,
    pub(super) eh_frame: Option<(u64, Arc<[u8]>)>,
    pub(super) eh_frame_hdr: Option<(u64, Arc<[u8]>)>,
}

impl Module {
    pub(super) const fn new(pid: u32, mapping: Mapping) -> Self {
        Self {
            pid,
            mapping,
            tables: None,
        }
    }

    pub(super) const fn range(&self) -> std::ops::Range<u64> {
        self.mapping.start..self.mapping.end
    }

    pub(super) fn holds(&self, address: u64) -> bool {
        self.range().contains(&address)
    }

    pub(super) fn name(&self) -> &str {
        let path = self.mapping.path.as_str();
        path.rsplit('/').next().unwrap_or(path)
    }

    /// What the file says; `None` where it cannot be read.
    pub(super) fn tables(&mut self) -> Option<&Tables> {
        let (pid, mapping) = (self.pid, &self.mapping);
        self.tables
            .get_or_insert_with(|| Tables::read(pid, mapping))
            .as_ref()
    }

    pub(super) fn frame(&mut self, address: u64, lookup: u64) -> Frame {
        let offset = (address - self.mapping.start).wrapping_add(self.mapping.offset);
        let module = self.name().to_owned();
        let symbol = self.tables().and_then(|tables| {
            let in_file = lookup.wrapping_sub(tables.bias);
            let (start, name) = tables.symbol(in_file)?;
            Some((name, address.wrapping_sub(tables.bias).wrapping_sub(start)))
        });
        Frame {
            module,
            offset,
            symbol,
        }
    }
}

/// Opens a file as the process sees it: it may have another root. What lies in its
/// place by now may be anything; only a regular file is read, and nothing waited for.
fn open(pid: u32, path: &str) -> Option<File> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(format!("/proc/{pid}/root{path}"))
        .ok()?;
    let is = file.metadata().ok()?;
    (is.is_file() && is.len() <= LARGEST_FILE).then_some(file)
}

impl Tables {
    fn read(pid: u32, mapping: &Mapping) -> Option<Self> {
        let cache = ReadCache::new(open(pid, &mapping.path)?);
        let elf: ElfFile64<'_, object::Endianness, &ReadCache<File>> =
            ElfFile64::parse(&cache).ok()?;
        let segment = elf.segments().find(|segment| {
            let (offset, length) = segment.file_range();
            // A mapping begins at the page in which its segment does.
            let page = offset & !0xfff;
            let executable = match segment.flags() {
                object::SegmentFlags::Elf { p_flags, .. } => p_flags.0 & PF_X != 0,
                _ => false,
            };
            executable && (page..offset.saturating_add(length)).contains(&mapping.offset)
        })?;
        let (in_file, _) = segment.file_range();
        // Mappings begin at a page; the segment's address lies within its first.
        let address = segment
            .address()
            .wrapping_add(mapping.offset)
            .wrapping_sub(in_file);
        let bias = mapping.start.wrapping_sub(address);
        let section = |name: &str| {
            let section = elf.section_by_name(name)?;
            let data = (section.size() <= LARGEST).then(|| section.data().ok())??;
            Some((section.address(), Arc::from(data)))
        };
        let mut names = 0;
        let mut symbols: Vec<(u64, u64, String)> = elf
            .symbols()
            .chain(elf.dynamic_symbols())
            .filter(|symbol| symbol.kind() == object::SymbolKind::Text && symbol.address() > 0)
            .take(SYMBOLS)
            .filter_map(|symbol| {
                let name = symbol.name().ok()?;
                names += name.len();
                let fits = name.len() <= LONGEST_NAME && names <= NAMES;
                fits.then(|| (symbol.address(), symbol.size(), name.to_owned()))
            })
            .collect();
        symbols.sort_unstable();
        Some(Self {
            symbols,
            bias,
            eh_frame: section(".eh_frame"),
            eh_frame_hdr: section(".eh_frame_hdr"),
        })
    }

    /// The function at an address of the file, and where it begins.
    fn symbol(&self, address: u64) -> Option<(u64, String)> {
        let after = self
            .symbols
            .partition_point(|(start, ..)| *start <= address);
        let (start, length, name) = self.symbols.get(after.checked_sub(1)?)?;
        // A length of 0 is unknown; else what lies behind is another, nameless one.
        let within = *length == 0 || address - start < *length;
        let name = format!("{:#}", rustc_demangle::demangle(name));
        within.then_some((*start, name))
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{FileType, Mode, mknodat};

    use super::*;

    /// Whatever lies where a mapped file was, nothing is waited for.
    #[test]
    fn only_a_regular_file_of_bounded_length_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path();
        let pid = std::process::id();
        let opens = |name: &str| {
            let path = place.join(name);
            open(pid, path.to_str().expect("a path")).is_some()
        };
        let own = std::env::current_exe().expect("this program");
        assert!(open(pid, own.to_str().expect("a path")).is_some());
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(rustix::fs::CWD, place.join("fifo"), FileType::Fifo, mode, 0).expect("a FIFO");
        assert!(!opens("fifo"));
        assert!(!opens("."));
        let sparse = File::create(place.join("sparse")).expect("a file");
        sparse.set_len(LARGEST_FILE).expect("room");
        assert!(opens("sparse"));
        sparse.set_len(LARGEST_FILE + 1).expect("room");
        assert!(!opens("sparse"));
    }
}
