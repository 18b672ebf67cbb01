//! Any frame that may be sent, for property tests.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::bounds::{
    BEAT_MS, CHALLENGE_MS, MAX_PAYLOAD, MISSES, RESUME_MS, SILENCE_MS, TEXT, WINDOW,
};
use crate::session::frame::{
    Bye, Challenge, Frame, Hello, Method, Mode, Proof, Reason, Refuse, Resume, Retry, Welcome,
};

pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        hello().prop_map(Frame::Hello),
        challenge().prop_map(Frame::Challenge),
        proof().prop_map(Frame::Proof),
        welcome().prop_map(Frame::Welcome),
        refuse().prop_map(Frame::Refuse),
        (any::<u64>(), bytes(40_000)).prop_map(|(seq, message)| Frame::Data { seq, message }),
        any::<u64>().prop_map(Frame::Ack),
        any::<[u8; 4]>().prop_map(Frame::Ping),
        any::<[u8; 4]>().prop_map(Frame::Pong),
        Just(Frame::Beat),
        bye().prop_map(Frame::Bye),
        SILENCE_MS.prop_map(Frame::Silence),
        SILENCE_MS.prop_map(Frame::Speak),
        (0x80..=0xff_u8, bytes(2_000))
            .prop_map(|(kind, payload)| Frame::Extension { kind, payload }),
    ]
}

/// Mostly small, sometimes up to `most`.
fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    let sized = |most| vec(any::<u8>(), 0..=most).prop_map(Bytes::from);
    prop_oneof![4 => sized(40), 1 => sized(most)]
}

pub(crate) fn hello() -> impl Strategy<Value = Hello> {
    (
        prop::sample::select(vec![Mode::Register, Mode::Resume, Mode::Spare]),
        any::<bool>(),
        any::<[u8; 16]>(),
        any::<(u32, u32)>(),
        (MAX_PAYLOAD, WINDOW),
        vec(any::<u8>(), 1..=128),
    )
        .prop_map(|(mode, one_way, nonce, beats, sizes, identity)| Hello {
            mode,
            one_way,
            nonce,
            client_beat_ms: beats.0,
            server_beat_ms: beats.1,
            max_payload: sizes.0,
            window: sizes.1,
            identity: identity.into(),
        })
}

fn challenge() -> impl Strategy<Value = Challenge> {
    let methods = vec![Method::None, Method::Hmac, Method::Certificate];
    (prop::sample::select(methods), any::<[u8; 16]>())
        .prop_map(|(method, nonce)| Challenge { method, nonce })
}

fn proof() -> impl Strategy<Value = Proof> {
    let resume = any::<([u8; 16], u64, [u8; 32])>().prop_map(|(session, received, mac)| Resume {
        session,
        received,
        mac,
    });
    (prop::option::of(resume), any::<Option<[u8; 32]>>())
        .prop_map(|(resume, mac)| Proof { resume, mac })
}

pub(crate) fn welcome() -> impl Strategy<Value = Welcome> {
    let beat = || prop_oneof![Just(0), BEAT_MS];
    (
        (0..3_u8, any::<u64>(), any::<[u8; 16]>(), any::<[u8; 16]>()),
        (RESUME_MS, beat(), beat(), MISSES, CHALLENGE_MS),
        (MAX_PAYLOAD, WINDOW, any::<u64>(), any::<Option<[u8; 32]>>()),
    )
        .prop_map(|(who, terms, sizes)| Welcome {
            resumed: who.0 == 1,
            known: who.0 == 2,
            epoch: who.1,
            session: who.2,
            secret: who.3,
            resume_ms: terms.0,
            client_beat_ms: terms.1,
            server_beat_ms: terms.2,
            misses: terms.3,
            challenge_ms: terms.4,
            max_payload: sizes.0,
            window: sizes.1,
            received: if who.0 == 0 { 0 } else { sizes.2 },
            mac: sizes.3,
        })
}

fn end() -> impl Strategy<Value = (Reason, Retry, String)> {
    let text = vec(any::<char>(), 0..=TEXT / 4).prop_map(String::from_iter);
    let retry = any::<u32>().prop_map(Retry::from_code);
    (prop::sample::select(&Reason::ALL[..]), retry, text)
}

pub(crate) fn refuse() -> impl Strategy<Value = Refuse> {
    end().prop_map(|(reason, retry, text)| Refuse {
        reason,
        retry,
        text,
    })
}

fn bye() -> impl Strategy<Value = Bye> {
    (end(), any::<u64>()).prop_map(|((reason, retry, text), last)| Bye {
        reason,
        retry,
        last,
        text,
    })
}
