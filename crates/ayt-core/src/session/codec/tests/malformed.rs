//! Bytes that are no frame, each with what is said of it.

use super::{decoded, encoded, one};
use crate::session::codec::FrameError as E;
use crate::session::codec::{Decoder, Kind};
use crate::session::frame::{Frame, Reason};

/// A frame by hand: type and payload, with the length that belongs to it.
fn raw(code: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = vec![code, length[1], length[2], length[3]];
    out.extend(payload);
    out
}

/// A fine HELLO's payload: register, 7 bytes of identity.
fn hello() -> Vec<u8> {
    let mut out = b"ayt/1".to_vec();
    out.extend([0, 0]);
    out.extend([0x11; 16]);
    out.extend([0, 0, 0x75, 0x30, 0, 0, 0, 0]);
    out.extend([0, 0, 4, 0, 0, 0, 0x10, 0]);
    out.push(7);
    out.extend(b"meter 7");
    out
}

/// A fine WELCOME's payload without mac.
fn welcome() -> Vec<u8> {
    let mut out = vec![0; 74];
    out[53] = 2;
    out[54..58].copy_from_slice(&5_000_u32.to_be_bytes());
    out[58..62].copy_from_slice(&1_024_u32.to_be_bytes());
    out[62..66].copy_from_slice(&4_096_u32.to_be_bytes());
    out
}

#[test]
fn the_examples_are_fine_as_they_are() {
    assert!(one(&raw(0x01, &hello())).is_ok());
    assert!(one(&raw(0x04, &welcome())).is_ok());
}

#[test]
fn a_type_that_is_none_is_refused_at_its_first_byte() {
    for code in (0..=u8::MAX).filter(|code| Kind::from_code(*code).is_none()) {
        assert_eq!(
            decoded(&[code], 1_024, &[]),
            (vec![], Some(E::UnknownType(code)))
        );
    }
    let http = decoded(b"GET / HTTP/1.1\r\n", 1_024, &[]).1.unwrap();
    assert_eq!(
        http.to_string(),
        "there is no frame type 0x47; is the other side speaking ayt/1?"
    );
    assert_eq!(http.reason(), Reason::ProtocolError);
}

#[test]
fn each_type_has_its_lengths() {
    let fine: [(u8, &[usize]); 12] = [
        (0x02, &[17]),
        (0x03, &[0, 32, 56, 88]),
        (0x04, &[74, 106]),
        (0x11, &[8]),
        (0x12, &[4]),
        (0x13, &[4]),
        (0x14, &[0]),
        (0x20, &[4]),
        (0x21, &[4]),
        (0x05, &[5, 6, 204, 205]),
        (0x10, &[8, 9, 1_024]),
        (0x15, &[13, 14, 212, 213]),
    ];
    for (code, lengths) in fine {
        let open = matches!(code, 0x05 | 0x10 | 0x15);
        for length in 0..=1_024 {
            let within = open && (lengths[0]..=lengths[lengths.len() - 1]).contains(&length);
            let kind = Kind::from_code(code).unwrap();
            // Judged by the header alone: no payload has come.
            let header = &raw(code, &vec![0; length])[..4];
            let mut decoder = Decoder::new();
            decoder.feed(header);
            let said = decoder.next_frame().err();
            if within || lengths.contains(&length) {
                assert!(
                    !matches!(said, Some(E::Length { .. })),
                    "{kind} of {length}: {said:?}"
                );
            } else {
                let length = u32::try_from(length).unwrap();
                assert_eq!(said, Some(E::Length { kind, length }), "{kind}");
            }
        }
    }
}

#[test]
fn another_version_is_told_so_whatever_its_length() {
    for payload in [&b"ayt/2"[..], b"ayt/2 and more", b"AYT/1", &[b'x'; 1_024]] {
        let error = one(&raw(0x01, payload)).unwrap_err();
        assert_eq!((error.name(), error.reason()), ("version", Reason::Version));
    }
    assert_eq!(
        one(&raw(0x01, b"ayt/2")).unwrap_err().to_string(),
        "HELLO starts with \"ayt/2\", not with \"ayt/1\""
    );
    let kind = Kind::Hello;
    assert_eq!(one(&raw(0x01, b"ayt/")), Err(E::Length { kind, length: 4 }));
    assert_eq!(
        one(&raw(0x01, b"ayt/1")),
        Err(E::Length { kind, length: 5 })
    );
}

#[test]
fn the_length_of_the_identity_fits_the_frame() {
    let kind = Kind::Hello;
    for cut in 5..47 {
        let length = u32::try_from(cut).unwrap();
        let expected = Err(E::Length { kind, length });
        assert_eq!(one(&raw(0x01, &hello()[..cut])), expected);
    }
    let mut long = hello();
    long.push(0);
    assert_eq!(one(&raw(0x01, &long)), Err(E::Length { kind, length: 48 }));
    for (n, value) in [(0_u8, 0), (129, 129), (255, 255)] {
        let mut changed = hello();
        changed[39] = n;
        let expected = E::Value {
            kind,
            field: "length of the identity",
            value,
            least: 1,
            most: 128,
        };
        assert_eq!(one(&raw(0x01, &changed)), Err(expected));
    }
}

#[test]
fn a_reserved_bit_is_refused() {
    for bit in 1..8 {
        let mut changed = hello();
        changed[6] |= 1 << bit;
        let kind = Kind::Hello;
        let bits = 1 << bit;
        assert_eq!(one(&raw(0x01, &changed)), Err(E::Reserved { kind, bits }));
    }
    for bit in 2..8 {
        let mut changed = welcome();
        changed[0] |= 1 << bit;
        let kind = Kind::Welcome;
        let bits = 1 << bit;
        assert_eq!(one(&raw(0x04, &changed)), Err(E::Reserved { kind, bits }));
    }
}

#[test]
fn modes_and_methods_that_are_none_are_refused() {
    for code in 3..=u8::MAX {
        let value = |kind, field| {
            Err(E::Value {
                kind,
                field,
                value: code.into(),
                least: 0,
                most: 2,
            })
        };
        let mut changed = hello();
        changed[5] = code;
        assert_eq!(one(&raw(0x01, &changed)), value(Kind::Hello, "mode"));
        let challenge = [&[code][..], &[0; 16]].concat();
        assert_eq!(
            one(&raw(0x02, &challenge)),
            value(Kind::Challenge, "method")
        );
    }
}

#[test]
fn welcome_does_not_contradict_itself() {
    let mut both = welcome();
    both[0] = 3;
    let mut received = welcome();
    received[73] = 1;
    for payload in [both, received] {
        let error = one(&raw(0x04, &payload)).unwrap_err();
        assert_eq!(error.name(), "contradiction");
    }
}

#[test]
fn a_text_is_utf_8() {
    let broken = [&[1, 0, 0, 0, 0][..], b"ab\xff"].concat();
    let kind = Kind::Refuse;
    assert_eq!(one(&raw(0x05, &broken)), Err(E::Text { kind, at: 2 }));
    // A character that is cut off.
    let cut = [&[0; 13][..], "é".as_bytes().get(..1).unwrap()].concat();
    let kind = Kind::Bye;
    assert_eq!(one(&raw(0x15, &cut)), Err(E::Text { kind, at: 0 }));
}

#[test]
fn frames_before_a_broken_one_are_still_given() {
    let mut bytes = encoded(&Frame::Ack(3)).to_vec();
    bytes.extend([0x7f, 0, 0]);
    for piece in 1..bytes.len() {
        assert_eq!(
            decoded(&bytes, 1_024, &[piece]),
            (vec![Frame::Ack(3)], Some(E::UnknownType(0x7f)))
        );
    }
}
