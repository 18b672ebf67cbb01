//! Reads as much of an ELF file as tells whether it needs anything beside the
//! kernel: an interpreter or shared libraries.

use anyhow::{Context, Result, bail, ensure};

const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;

/// What a program asks of the host it runs on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asks {
    pub(crate) interpreter: bool,
    pub(crate) libraries: usize,
}

/// Reads a 64-bit little-endian file; others are an error, not a pass.
pub(crate) fn asks(file: &[u8]) -> Result<Asks> {
    ensure!(file.starts_with(b"\x7fELF"), "not an ELF file");
    ensure!(
        file.get(4..6) == Some(&[2, 1]),
        "not a 64-bit little-endian ELF file; this check reads no other"
    );
    let table = u64_at(file, 32)?;
    let size = u64::from(u16_at(file, 54)?);
    let count = u64::from(u16_at(file, 56)?);
    ensure!(count > 0, "no program headers");
    let mut asks = Asks {
        interpreter: false,
        libraries: 0,
    };
    for index in 0..count {
        let header = table
            .checked_add(index * size)
            .context("program headers out of range")?;
        match u32_at(file, header)? {
            PT_INTERP => asks.interpreter = true,
            PT_DYNAMIC => {
                let start = u64_at(file, header.saturating_add(8))?;
                asks.libraries += needed(file, start, u64_at(file, header.saturating_add(32))?)?;
            }
            _ => {}
        }
    }
    Ok(asks)
}

fn needed(file: &[u8], start: u64, size: u64) -> Result<usize> {
    let mut count = 0;
    for entry in 0..size / 16 {
        match u64_at(file, start.saturating_add(entry * 16))? {
            DT_NULL => break,
            DT_NEEDED => count += 1,
            _ => {}
        }
    }
    Ok(count)
}

fn bytes<const N: usize>(file: &[u8], at: u64) -> Result<[u8; N]> {
    let found = usize::try_from(at)
        .ok()
        .and_then(|at| file.get(at..)?.first_chunk::<N>());
    match found {
        Some(bytes) => Ok(*bytes),
        None => bail!("cut short at byte {at}"),
    }
}

fn u16_at(file: &[u8], at: u64) -> Result<u16> {
    bytes(file, at).map(u16::from_le_bytes)
}

fn u32_at(file: &[u8], at: u64) -> Result<u32> {
    bytes(file, at).map(u32::from_le_bytes)
}

fn u64_at(file: &[u8], at: u64) -> Result<u64> {
    bytes(file, at).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with these program header types; the dynamic one has these tags.
    fn elf(types: &[u32], tags: &[u64]) -> Vec<u8> {
        let mut file = vec![0_u8; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[54..56].copy_from_slice(&56_u16.to_le_bytes());
        file[56..58].copy_from_slice(&u16::try_from(types.len()).unwrap().to_le_bytes());
        let dynamic = 64 + 56 * types.len() as u64;
        for kind in types {
            let mut header = [0_u8; 56];
            header[..4].copy_from_slice(&kind.to_le_bytes());
            header[8..16].copy_from_slice(&dynamic.to_le_bytes());
            header[32..40].copy_from_slice(&(16 * tags.len() as u64).to_le_bytes());
            file.extend(header);
        }
        for tag in tags {
            file.extend(tag.to_le_bytes());
            file.extend([0; 8]);
        }
        file
    }

    #[test]
    fn a_static_program_asks_for_nothing() {
        let found = asks(&elf(&[1, PT_DYNAMIC], &[5, DT_NULL, DT_NEEDED])).unwrap();
        assert_eq!(
            found,
            Asks {
                interpreter: false,
                libraries: 0
            }
        );
    }

    #[test]
    fn a_dynamic_one_is_found_out() {
        let found = asks(&elf(
            &[PT_INTERP, PT_DYNAMIC],
            &[DT_NEEDED, DT_NEEDED, DT_NULL],
        ))
        .unwrap();
        assert_eq!(
            found,
            Asks {
                interpreter: true,
                libraries: 2
            }
        );
    }

    #[test]
    fn anything_cut_short_is_an_error() {
        let file = elf(&[PT_INTERP, PT_DYNAMIC], &[DT_NEEDED]);
        for length in 0..file.len() - 8 {
            assert!(asks(&file[..length]).is_err(), "{length}");
        }
        let mut far = file.clone();
        far[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(asks(&far).is_err());
    }

    #[test]
    fn this_very_program_can_be_read() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(asks(&own).is_ok() || cfg!(not(target_pointer_width = "64")));
    }
}
