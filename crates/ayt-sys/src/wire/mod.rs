//! Bytes to and from the kernel and the network, without I/O. Every parser is
//! total: bad bytes give an error, never a panic.

pub mod capture;
pub mod diag;
mod header;
pub mod netlink;
pub mod packet;
pub mod request;
pub mod route;
pub mod segment;

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {have} bytes, at least {need} needed")]
pub struct Truncated {
    /// What was being read.
    pub what: &'static str,
    /// Bytes there are.
    pub have: usize,
    /// Bytes needed.
    pub need: usize,
}

/// Reads a native-endian `u32` at `at`, where the slice reaches that far.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let end = at.checked_add(4)?;
    Some(u32::from_ne_bytes(bytes.get(at..end)?.try_into().ok()?))
}

/// Reads a native-endian `u64` at `at`, where the slice reaches that far.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let end = at.checked_add(8)?;
    Some(u64::from_ne_bytes(bytes.get(at..end)?.try_into().ok()?))
}

/// Reads a native-endian `u16` at `at`, where the slice reaches that far.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let end = at.checked_add(2)?;
    Some(u16::from_ne_bytes(bytes.get(at..end)?.try_into().ok()?))
}

/// Reads a big-endian `u16` at `at`, where the slice reaches that far.
pub(crate) fn be16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let end = at.checked_add(2)?;
    Some(u16::from_be_bytes(bytes.get(at..end)?.try_into().ok()?))
}

/// Reads a big-endian `u32` at `at`, where the slice reaches that far.
pub(crate) fn be32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let end = at.checked_add(4)?;
    Some(u32::from_be_bytes(bytes.get(at..end)?.try_into().ok()?))
}
