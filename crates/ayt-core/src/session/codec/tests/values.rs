//! Code points, ranges, and what cannot be written.

use bytes::Bytes;
use proptest::prelude::*;

use super::{encoded, one};
use crate::session::codec::{FrameError, Kind, any, bounded_text};
use crate::session::frame::{Bye, Frame, Hello, Method, Mode, Reason, Retry, Welcome};

#[test]
fn every_number_means_one_thing() {
    for code in 0..=u8::MAX {
        if let Some(kind) = Kind::from_code(code) {
            assert_eq!(kind.code(), code);
        }
        if let Some(mode) = Mode::from_code(code) {
            assert_eq!(mode.code(), code);
        }
        if let Some(method) = Method::from_code(code) {
            assert_eq!(method.code(), code);
        }
        let reason = Reason::from_code(code);
        if (1..=12).contains(&code) {
            assert_eq!(reason.code(), code);
        } else {
            assert_eq!(reason, Reason::ProtocolError, "{code}");
        }
    }
    let kinds = (0..=u8::MAX).filter(|code| Kind::from_code(*code).is_some());
    assert_eq!(kinds.count(), 13 + 128);
    let mut names: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 12);
}

#[test]
fn the_longest_hint_is_not_never() {
    for (retry, code) in [
        (Retry::After(0), 0),
        (Retry::After(60_000), 60_000),
        (Retry::After(u32::MAX), u32::MAX - 1),
        (Retry::Never, u32::MAX),
    ] {
        assert_eq!(retry.code(), code);
    }
    assert_eq!(Retry::from_code(u32::MAX), Retry::Never);
    assert_eq!(Retry::from_code(u32::MAX - 1), Retry::After(u32::MAX - 1));
}

#[test]
fn a_long_text_is_cut_between_characters() {
    for (text, kept) in [
        ("short".to_owned(), 5),
        ("a".repeat(200), 200),
        ("a".repeat(201), 200),
        ("é".repeat(150), 200),
        (format!("a{}", "é".repeat(150)), 199),
        ("😀".repeat(60), 200),
        (format!("abc{}", "😀".repeat(60)), 199),
    ] {
        assert_eq!(bounded_text(&text).len(), kept, "{text}");
        assert!(text.starts_with(bounded_text(&text)));
        let bye = Frame::Bye(Bye {
            reason: Reason::Done,
            retry: Retry::Never,
            last: 1,
            text: text.clone(),
        });
        let Frame::Bye(read) = one(&encoded(&bye)).unwrap() else {
            panic!("not a BYE");
        };
        assert_eq!(read.text, bounded_text(&text));
    }
}

/// A change, whether the frame may still be sent, and the field that is named.
type Case<T> = (fn(&mut T), Option<&'static str>);

/// What cannot be sent is not written, and is refused by the reader as well: the
/// bytes of a fine frame are changed at the place where the field is.
fn judge(fine: &Frame, changed: &Frame, field: Option<&str>) {
    let mut out = b"before".to_vec();
    match (changed.encode(&mut out), field) {
        (Ok(()), None) => {
            assert_eq!(one(&out[6..]).as_ref(), Ok(changed));
        }
        (Err(FrameError::Value { field: said, .. }), Some(field)) => {
            assert_eq!(said, field);
            assert_eq!(out, b"before", "nothing of it is written");
            assert_ne!(fine, changed);
        }
        (result, field) => panic!("{result:?}, expected {field:?}: {changed:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn hello_has_ranges(hello in any::hello()) {
        let cases: &[Case<Hello>] = &[
            (|h| h.max_payload = 1_023, Some("max payload")),
            (|h| h.max_payload = 1_024, None),
            (|h| h.max_payload = 0x00ff_ffff, None),
            (|h| h.max_payload = 0x0100_0000, Some("max payload")),
            (|h| h.window = 4_095, Some("window")),
            (|h| h.window = 4_096, None),
            (|h| h.window = 1 << 30, None),
            (|h| h.window = (1 << 30) + 1, Some("window")),
            (|h| h.client_beat_ms = u32::MAX, None),
            (|h| h.server_beat_ms = 1, None),
            (|h| h.identity = Bytes::new(), Some("length of the identity")),
            (|h| h.identity = vec![0xff; 128].into(), None),
            (|h| h.identity = vec![0; 129].into(), Some("length of the identity")),
        ];
        for (change, field) in cases {
            let mut changed = hello.clone();
            change(&mut changed);
            judge(&Frame::Hello(hello.clone()), &Frame::Hello(changed), *field);
        }
    }

    #[test]
    fn welcome_has_ranges(welcome in any::welcome()) {
        let cases: &[Case<Welcome>] = &[
            (|w| w.resume_ms = 0, None),
            (|w| w.resume_ms = 86_400_000, None),
            (|w| w.resume_ms = 86_400_001, Some("resume")),
            (|w| w.client_beat_ms = 0, None),
            (|w| w.client_beat_ms = 9, Some("client beat")),
            (|w| w.client_beat_ms = 10, None),
            (|w| w.client_beat_ms = 3_600_000, None),
            (|w| w.client_beat_ms = 3_600_001, Some("client beat")),
            (|w| w.server_beat_ms = 0, None),
            (|w| w.server_beat_ms = 9, Some("server beat")),
            (|w| w.server_beat_ms = 3_600_001, Some("server beat")),
            (|w| w.misses = 0, Some("misses")),
            (|w| w.misses = 1, None),
            (|w| w.misses = 10, None),
            (|w| w.misses = 11, Some("misses")),
            (|w| w.challenge_ms = 99, Some("challenge")),
            (|w| w.challenge_ms = 100, None),
            (|w| w.challenge_ms = 60_000, None),
            (|w| w.challenge_ms = 60_001, Some("challenge")),
            (|w| w.max_payload = 1_023, Some("max payload")),
            (|w| w.max_payload = 0x0100_0000, Some("max payload")),
            (|w| w.window = 4_095, Some("window")),
            (|w| w.window = u32::MAX, Some("window")),
        ];
        for (change, field) in cases {
            let mut changed = welcome;
            change(&mut changed);
            judge(&Frame::Welcome(welcome), &Frame::Welcome(changed), *field);
        }
    }
}

#[test]
fn a_silence_to_try_is_10_ms_to_2_h() {
    for (ms, field) in [
        (0, Some("silence")),
        (9, Some("silence")),
        (10, None),
        (7_200_000, None),
        (7_200_001, Some("silence")),
    ] {
        judge(&Frame::Silence(77), &Frame::Silence(ms), field);
        judge(&Frame::Speak(77), &Frame::Speak(ms), field);
    }
}

#[test]
fn an_extension_has_a_type_of_its_own() {
    for kind in 0..=u8::MAX {
        let frame = Frame::Extension {
            kind,
            payload: Bytes::from_static(b"x"),
        };
        let written = frame.encode(&mut Vec::new());
        let expected = if kind < 0x80 {
            Err(FrameError::UnknownType(kind))
        } else {
            Ok(())
        };
        assert_eq!(written, expected);
    }
}

#[test]
fn a_message_of_16_mib_has_no_frame() {
    let frame = |length| Frame::Data {
        seq: 1,
        message: vec![0; length].into(),
    };
    assert!(frame(0x00ff_ffff - 8).encode(&mut Vec::new()).is_ok());
    let mut out = Vec::new();
    let error = frame(0x00ff_ffff - 7).encode(&mut out).unwrap_err();
    assert_eq!((error.name(), out.len()), ("too_large", 0));
}
