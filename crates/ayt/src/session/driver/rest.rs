//! What was read and is no whole frame yet.

use ayt_core::session::codec::Decoder;

/// A decoder while there is something in it, and its limit while there is not: an idle
/// connection keeps no more.
#[derive(Debug)]
pub(super) enum Rest {
    /// Frames end where the last read ended.
    Nothing { limit: u32 },
    /// A part of a frame, or the error that ended the stream.
    Some(Box<Decoder>),
}

impl Rest {
    pub(super) fn of(decoder: Decoder) -> Self {
        let mut rest = Self::Nothing { limit: 0 };
        rest.put(decoder);
        rest
    }

    pub(super) const fn is_some(&self) -> bool {
        matches!(self, Self::Some(_))
    }

    /// The decoder to go on with; it must be [put](Self::put) back.
    pub(super) fn take(&mut self) -> Decoder {
        match std::mem::replace(self, Self::Nothing { limit: 0 }) {
            Self::Some(decoder) => *decoder,
            Self::Nothing { limit } => {
                let mut decoder = Decoder::new();
                decoder.set_limit(limit);
                decoder
            }
        }
    }

    pub(super) fn put(&mut self, decoder: Decoder) {
        *self = if decoder.finish().is_ok() {
            let limit = decoder.limit();
            Self::Nothing { limit }
        } else {
            Self::Some(Box::new(decoder))
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_is_kept_only_with_something_in_it() {
        let mut decoder = Decoder::new();
        decoder.set_limit(70_000);
        let mut rest = Rest::of(decoder);
        assert!(!rest.is_some());
        let mut decoder = rest.take();
        assert_eq!(decoder.limit(), 70_000);
        // The first two bytes of a BEAT.
        assert_eq!(decoder.feed(&[0x14, 0]), 2);
        rest.put(decoder);
        assert!(rest.is_some());
        let mut decoder = rest.take();
        assert_eq!((decoder.limit(), decoder.buffered()), (70_000, 2));
        assert_eq!(decoder.feed(&[0, 0]), 2);
        assert!(decoder.next_frame().unwrap().is_some());
        rest.put(decoder);
        assert!(!rest.is_some());
    }

    #[test]
    fn a_broken_stream_stays_broken() {
        let mut rest = Rest::of(Decoder::new());
        let mut decoder = rest.take();
        decoder.feed(&[0xee; 4]);
        decoder.next_frame().unwrap_err();
        rest.put(decoder);
        assert!(rest.is_some());
        rest.take().next_frame().unwrap_err();
    }
}
