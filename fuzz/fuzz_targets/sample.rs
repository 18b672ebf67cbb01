//! A parser of our own making, only to prove that the machinery finds its way;
//! it goes when the first real target comes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(record) = record(data) {
        // What was taken apart adds up to what was given.
        assert_eq!(4 + record.body.len() + record.rest.len(), data.len());
    }
});

struct Record<'a> {
    body: &'a [u8],
    rest: &'a [u8],
}

/// "AY", a length in two bytes (little endian, below 64), the body.
fn record(data: &[u8]) -> Option<Record<'_>> {
    let rest = data.strip_prefix(b"AY")?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    if length >= 64 {
        return None;
    }
    let (body, rest) = rest.split_at_checked(length)?;
    Some(Record { body, rest })
}
