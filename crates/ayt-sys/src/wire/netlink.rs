//! Netlink framing: the messages in one datagram (netlink(7),
//! `include/uapi/linux/netlink.h`).

use super::{Truncated, u16_at, u32_at};

/// Length of `struct nlmsghdr`.
pub const HEADER: usize = 16;
/// `NLMSG_ERROR`: an error or, with code 0, an acknowledgement.
pub const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a dump.
pub const DONE: u16 = 3;
/// `NLM_F_REQUEST`.
pub const F_REQUEST: u16 = 0x01;
/// `NLM_F_ACK`.
pub const F_ACK: u16 = 0x04;
/// `NLM_F_DUMP_INTR`: the table changed under the dump.
pub const F_DUMP_INTR: u16 = 0x10;
/// `NLM_F_DUMP` (`NLM_F_ROOT | NLM_F_MATCH`).
pub const F_DUMP: u16 = 0x300;

/// One netlink message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type.
    pub kind: u16,
    /// Its flags.
    pub flags: u16,
    /// The sequence number of the request it answers.
    pub sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// The error number of an `ERROR` or `DONE` message, positive; 0 = success.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        matches!(self.kind, ERROR | DONE)
            .then(|| u32_at(self.payload, 0).map_or(0, |code| (code as i32).wrapping_neg()))
    }
}

/// The messages of one datagram.
#[derive(Debug, Clone)]
pub struct Messages<'a>(&'a [u8]);

/// Walks over the messages of a datagram.
#[must_use]
pub const fn messages(datagram: &[u8]) -> Messages<'_> {
    Messages(datagram)
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Truncated>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.0;
        if bytes.is_empty() {
            return None;
        }
        // Whatever is wrong ends the walk: there is no next header to find.
        self.0 = &[];
        let fail = |need| {
            Some(Err(Truncated {
                what: "netlink message",
                have: bytes.len(),
                need,
            }))
        };
        let (Some(length), Some(kind), Some(flags), Some(sequence)) = (
            u32_at(bytes, 0),
            u16_at(bytes, 4),
            u16_at(bytes, 6),
            u32_at(bytes, 8),
        ) else {
            return fail(HEADER);
        };
        let length = length as usize;
        if length < HEADER {
            return fail(HEADER);
        }
        let Some(payload) = bytes.get(HEADER..length) else {
            return fail(length);
        };
        let next = length.div_ceil(4).saturating_mul(4);
        self.0 = bytes.get(next..).unwrap_or_default();
        Some(Ok(Message {
            kind,
            flags,
            sequence,
            payload,
        }))
    }
}

/// Route attributes: type and value, in order. A cut one ends the walk.
#[derive(Debug, Clone)]
pub struct Attributes<'a>(&'a [u8]);

/// Walks over attributes.
#[must_use]
pub const fn attributes(bytes: &[u8]) -> Attributes<'_> {
    Attributes(bytes)
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.0;
        self.0 = &[];
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)?;
        let value = bytes.get(4..length)?;
        self.0 = bytes.get(length.div_ceil(4) * 4..).unwrap_or_default();
        // The two top bits are flags (nested, network byte order).
        Some((kind & 0x3fff, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((HEADER as u32 + payload.len() as u32).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(0u16.to_ne_bytes());
        bytes.extend(7u32.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(payload);
        bytes.resize(bytes.len().div_ceil(4) * 4, 0);
        bytes
    }

    #[test]
    fn walks_over_padded_messages() {
        let mut datagram = message(20, &[1, 2, 3]);
        datagram.extend(message(DONE, &0u32.to_ne_bytes()));
        let found: Vec<_> = messages(&datagram).map(Result::unwrap).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].payload, [1, 2, 3]);
        assert_eq!(found[1].errno(), Some(0));
        assert_eq!(found[0].errno(), None);
    }

    #[test]
    fn an_error_carries_its_number() {
        let datagram = message(ERROR, &(-2i32).to_ne_bytes());
        let only = messages(&datagram).next().unwrap().unwrap();
        assert_eq!(only.errno(), Some(2));
    }

    #[test]
    fn a_cut_message_is_an_error_and_the_end() {
        let whole = message(20, &[0; 40]);
        for length in 1..whole.len() {
            let mut walk = messages(&whole[..length]);
            assert!(walk.next().unwrap().is_err(), "{length}");
            assert!(walk.next().is_none());
        }
        let mut lying = message(20, &[]);
        lying[0] = 3;
        assert!(messages(&lying).next().unwrap().is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let steps = messages(&bytes).count();
            prop_assert!(steps <= bytes.len() / HEADER + 1);
            prop_assert!(attributes(&bytes).count() <= bytes.len() / 4 + 1);
        }
    }
}
