//! Bytes in pieces, round trips, and the memory they cost.

use bytes::{BufMut, Bytes};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{decoded, encoded};
use crate::session::codec::{Decoder, FrameError, HEADER, Kind, any, data_header};
use crate::session::frame::Frame;

const LIMIT: u32 = 65_544;
const CHUNK: usize = 16 * 1024;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read(frame in any::frame()) {
        let bytes = encoded(&frame);
        prop_assert_eq!(decoded(&bytes, LIMIT, &[]), (vec![frame], None));
    }

    #[test]
    fn the_pieces_do_not_matter(
        frames in vec(any::frame(), 0..6),
        tail in vec(any::<u8>(), 0..12),
        pieces in vec(1..5_000_usize, 1..8),
    ) {
        let mut bytes: Vec<u8> = frames.iter().flat_map(encoded).collect();
        bytes.extend(tail);
        let whole = decoded(&bytes, LIMIT, &[]);
        prop_assert!(whole.0.starts_with(&frames));
        prop_assert_eq!(&decoded(&bytes, LIMIT, &pieces), &whole);
        prop_assert_eq!(&decoded(&bytes, LIMIT, &[1]), &whole);
    }

    #[test]
    fn any_bytes_give_frames_or_an_error_and_never_too_much_memory(
        bytes in vec(any::<u8>(), 0..3_000),
        code in prop::sample::select(vec![0x01_u8, 0x04, 0x05, 0x10, 0x15, 0x80]),
        length in 0..4_000_u16,
        limit in 0..3_000_u32,
    ) {
        let mut stream = vec![code, 0];
        stream.put_u16(length);
        stream.extend(bytes);
        let mut decoder = Decoder::new();
        decoder.set_limit(limit);
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let taken = decoder.feed(rest);
            rest = &rest[taken..];
            prop_assert!(decoder.allocated() <= HEADER + limit as usize);
            match decoder.next_frame() {
                Ok(Some(frame)) => prop_assert!(frame.payload_len() <= limit as usize),
                Ok(None) => {}
                Err(error) => {
                    prop_assert_eq!(decoder.next_frame(), Err(error), "it stays broken");
                    prop_assert_eq!((decoder.feed(rest), decoder.allocated()), (0, 0));
                    break;
                }
            }
        }
    }
}

#[test]
fn every_cut_of_every_type_gives_the_frame_when_its_last_byte_comes() {
    let frames = [
        Frame::Data {
            seq: 7,
            message: Bytes::from_static(b"a message"),
        },
        Frame::Ack(u64::MAX),
        Frame::Ping(*b"ping"),
        Frame::Beat,
        Frame::Silence(60_000),
    ];
    for frame in frames {
        let bytes = encoded(&frame);
        for cut in 0..bytes.len() {
            let mut decoder = Decoder::new();
            assert_eq!(decoder.feed(&bytes[..cut]), cut);
            assert_eq!(decoder.next_frame(), Ok(None), "{cut}");
            let truncated = FrameError::Truncated { have: cut };
            assert_eq!(decoder.finish().err(), (cut > 0).then_some(truncated));
            assert_eq!(decoder.feed(&bytes[cut..]), bytes.len() - cut);
            assert_eq!(decoder.next_frame(), Ok(Some(frame.clone())));
            assert_eq!(decoder.next_frame(), Ok(None));
            assert_eq!(decoder.finish(), Ok(()));
        }
    }
}

fn data(length: usize) -> Frame {
    Frame::Data {
        seq: 1,
        message: vec![b'm'; length].into(),
    }
}

#[test]
fn a_length_is_judged_before_its_payload_costs_anything() {
    let mut decoder = Decoder::new();
    decoder.set_limit(LIMIT);
    let too_large = FrameError::TooLarge {
        kind: Kind::Data,
        length: LIMIT + 1,
        limit: LIMIT,
    };
    decoder.feed(&[0x10, 0x01, 0x00, 0x09]);
    assert_eq!(decoder.allocated(), CHUNK);
    assert_eq!(decoder.next_frame(), Err(too_large));
    assert_eq!(decoder.allocated(), 0);

    let mut decoder = Decoder::new();
    decoder.set_limit(LIMIT);
    decoder.feed(&[0x10, 0x01, 0x00, 0x08]);
    assert_eq!(decoder.next_frame(), Ok(None), "the largest there may be");
    assert_eq!(decoder.room().remaining_mut(), LIMIT as usize);
    assert_eq!(decoder.allocated(), 4 + LIMIT as usize);
}

#[test]
fn before_welcome_a_connection_costs_1028_bytes() {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.feed(&[0x80; 5_000]), 1_028);
    assert_eq!(decoder.allocated(), 1_028);
    let frame = decoder.next_frame();
    assert!(matches!(
        frame,
        Err(FrameError::TooLarge { limit: 1_024, .. })
    ));
}

#[test]
fn the_limit_rises_with_the_frame_after_welcome() {
    let mut decoder = Decoder::new();
    let mut bytes = encoded(&Frame::Beat);
    bytes.extend_from_slice(&encoded(&data(2_000)));
    let taken = decoder.feed(&bytes);
    assert_eq!(decoder.next_frame(), Ok(Some(Frame::Beat)));
    decoder.set_limit(LIMIT);
    assert_eq!(decoder.next_frame(), Ok(None));
    assert_eq!(decoder.feed(&bytes[taken..]), bytes.len() - taken);
    assert_eq!(decoder.next_frame(), Ok(Some(data(2_000))));
}

#[test]
fn a_large_message_is_not_copied_and_a_small_one_holds_no_buffer() {
    let mut decoder = Decoder::new();
    decoder.set_limit(LIMIT);
    let mut take = |length: usize| {
        let bytes = encoded(&data(length));
        let mut fed = decoder.feed(&bytes);
        let mut at = decoder.buffer_start();
        loop {
            if let Some(Frame::Data { message, .. }) = decoder.next_frame().unwrap() {
                assert_eq!(message.len(), length);
                let place = message.as_ptr() as usize;
                return place == at + HEADER + 8;
            }
            fed += decoder.feed(&bytes[fed..]);
            at = decoder.buffer_start();
        }
    };
    assert!(!take(100), "100 bytes would hold 16 KiB");
    assert!(take(CHUNK / 2));
    assert!(take(60_000));
    assert!(!take(100), "100 bytes would hold 60 KB");
}

#[test]
fn many_small_messages_hold_no_more_than_themselves() {
    // Each small message is followed by an extension that fills the buffer: shared,
    // 1,000 messages of 1 byte would hold 16 MB.
    let filler = Frame::Extension {
        kind: 0x80,
        payload: vec![0; CHUNK - 100].into(),
    };
    let held = allocation_counter::measure(|| {
        let mut decoder = Decoder::new();
        decoder.set_limit(LIMIT);
        let mut bytes = encoded(&data(1));
        bytes.extend_from_slice(&encoded(&filler));
        let mut kept = Vec::new();
        for _ in 0..1_000 {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let taken = decoder.feed(rest);
                rest = &rest[taken..];
                while let Some(frame) = decoder.next_frame().unwrap() {
                    if let Frame::Data { message, .. } = frame {
                        kept.push(message);
                    }
                }
            }
        }
        assert_eq!(kept.len(), 1_000);
    });
    assert!(held.bytes_max < 300_000, "{held:?}");
}

#[test]
fn a_header_that_promises_16_mib_allocates_nothing_of_it() {
    let counted = allocation_counter::measure(|| {
        let mut decoder = Decoder::new();
        decoder.set_limit(LIMIT);
        decoder.feed(&[0x10, 0xff, 0xff, 0xff]);
        assert!(decoder.next_frame().is_err());
    });
    assert!(counted.bytes_max <= CHUNK as u64 + 64, "{counted:?}");
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut decoder = Decoder::new();
    let bytes = encoded(&Frame::Beat);
    decoder.feed(&bytes[..2]);
    decoder.release();
    assert_eq!(decoder.buffered(), 2, "half a frame is kept");
    decoder.feed(&bytes[2..]);
    assert_eq!(decoder.next_frame(), Ok(Some(Frame::Beat)));
    decoder.release();
    assert_eq!(decoder.allocated(), 0);
}

#[test]
fn a_read_into_the_room_is_the_same_as_feeding() {
    let mut decoder = Decoder::new();
    decoder.set_limit(LIMIT);
    let bytes = encoded(&data(50_000));
    let mut rest = &bytes[..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let mut room = decoder.room();
        let size = room.remaining_mut().min(rest.len());
        assert!(size > 0);
        room.put_slice(&rest[..size]);
        rest = &rest[size..];
        frames.extend(decoder.next_frame().unwrap());
    }
    assert_eq!(frames, [data(50_000)]);
}

#[test]
fn the_header_of_a_message_is_that_of_its_frame() {
    let message = Bytes::from_static(b"large, and not copied");
    let seq = 0x0102_0304_0506_0708;
    let whole = encoded(&Frame::Data {
        seq,
        message: message.clone(),
    });
    let head = data_header(seq, &message, 1_024).unwrap();
    assert_eq!([&head[..], &message].concat(), whole);
    let too_large = Err(FrameError::TooLarge {
        kind: Kind::Data,
        length: 1_025,
        limit: 1_024,
    });
    assert_eq!(data_header(1, &vec![0; 1_017].into(), 1_024), too_large);
    assert!(data_header(1, &vec![0; 1_016].into(), 1_024).is_ok());
}
