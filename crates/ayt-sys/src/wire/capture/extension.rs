//! What routers add to an ICMP error behind the packet they quote: MPLS label
//! stacks (RFC 4884, RFC 4950).

use super::be32_at;

/// Labels that are kept.
const MOST: usize = 4;

/// Where an extension lies behind a quote whose length is not told: routers
/// older than RFC 4884 (its section 5.5).
const OLD_PLACE: usize = 128;

/// An MPLS label stack, the outermost first; of a deeper one the outer part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels {
    labels: [u32; MOST],
    count: usize,
}

impl Labels {
    /// None was told.
    pub const NONE: Self = Self {
        labels: [0; MOST],
        count: 0,
    };

    /// The labels, 20 bits each.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        self.labels.get(..self.count).unwrap_or(&[])
    }
}

/// Finds the labels in what follows an ICMP header: the quote, of the length
/// told (0 where it is not), and the extension.
pub(super) fn labels(rest: &[u8], quote_length: usize) -> Labels {
    let told = quote_length > 0;
    let at = if told { quote_length } else { OLD_PLACE };
    let Some(extension) = rest.get(at..) else {
        return Labels::NONE;
    };
    // Version 2; a checksum of 0 is none, which only who tells the length may.
    let (Some(&[version, _, a, b]), true) = (extension.first_chunk(), holds(extension)) else {
        return Labels::NONE;
    };
    if version >> 4 != 2 || (!told && [a, b] == [0, 0]) {
        return Labels::NONE;
    }
    stack(&extension[4..]).unwrap_or(Labels::NONE)
}

/// The first object that is a label stack: class 1, kind 1.
fn stack(mut objects: &[u8]) -> Option<Labels> {
    loop {
        let &[high, low, class, kind] = objects.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = objects.get(4..length)?;
        if (class, kind) == (1, 1) {
            let mut found = Labels::NONE;
            for (place, entry) in found.labels.iter_mut().zip(body.chunks_exact(4)) {
                *place = be32_at(entry, 0)? >> 12;
                found.count += 1;
            }
            return Some(found);
        }
        objects = objects.get(length..)?;
    }
}

/// The checksum (RFC 1071) is right, or is none.
fn holds(extension: &[u8]) -> bool {
    if extension.get(2..4) == Some(&[0, 0]) {
        return true;
    }
    let words = extension.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An extension with these label entries, its checksum in place.
    fn extension(entries: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0x20, 0, 0, 0];
        // An object of another class first.
        bytes.extend([0, 8, 2, 1, 9, 9, 9, 9]);
        bytes.extend((4 + 4 * entries.len() as u16).to_be_bytes());
        bytes.extend([1, 1]);
        for entry in entries {
            bytes.extend(entry.to_be_bytes());
        }
        let words = bytes
            .chunks(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
        let mut sum: u32 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        let checksum = !(sum as u16);
        bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    #[test]
    fn a_label_stack_is_found_behind_the_quote() {
        let entries = [16_001 << 12 | 1, 24_002 << 12 | 0x101];
        for (quote, told) in [(128, 128), (128, 0), (64, 64)] {
            let mut rest = vec![0; quote];
            rest.extend(extension(&entries));
            assert_eq!(labels(&rest, told).as_slice(), [16_001, 24_002], "{quote}");
        }
        let deep: Vec<u32> = (0..9).map(|label| label << 12).collect();
        let mut rest = vec![0; 128];
        rest.extend(extension(&deep));
        assert_eq!(labels(&rest, 128).as_slice(), [0, 1, 2, 3]);
    }

    #[test]
    fn what_is_no_extension_has_no_labels() {
        let mut rest = vec![0; 128];
        rest.extend(extension(&[16_001 << 12]));
        // A plain quote that is longer than 128 bytes.
        for at in 128..rest.len() {
            let mut bad = rest.clone();
            bad[at] ^= 0x10;
            assert_eq!(labels(&bad, 0), Labels::NONE, "{at}");
        }
        let mut without_checksum = rest.clone();
        without_checksum[130..132].fill(0);
        assert_eq!(labels(&without_checksum, 0), Labels::NONE);
        assert_eq!(labels(&without_checksum, 128).as_slice(), [16_001]);
        for length in 0..rest.len() {
            assert_eq!(labels(&rest[..length], 128), Labels::NONE, "{length}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(rest: Vec<u8>, told in 0usize..1_100) {
            let _ = labels(&rest, told);
        }
    }
}
