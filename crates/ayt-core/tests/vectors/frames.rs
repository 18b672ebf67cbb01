//! Fields to bytes and back.

use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{
    Bye, Challenge, Frame, Hello, Method, Mode, Proof, Reason, Refuse, Resume, Retry, Welcome,
};
use serde_json::Value;

use super::{array, hex, list, long, maybe, number};

pub(crate) fn mode(name: &Value) -> Mode {
    match name.as_str().unwrap() {
        "register" => Mode::Register,
        "resume" => Mode::Resume,
        "spare" => Mode::Spare,
        other => panic!("no mode: {other}"),
    }
}

pub(crate) fn method(name: &Value) -> Method {
    match name.as_str().unwrap() {
        "none" => Method::None,
        "hmac" => Method::Hmac,
        "certificate" => Method::Certificate,
        other => panic!("no method: {other}"),
    }
}

pub(crate) fn reason(name: &Value) -> Reason {
    let name = name.as_str().unwrap();
    *Reason::ALL
        .iter()
        .find(|reason| reason.name() == name)
        .unwrap()
}

pub(crate) fn welcome(f: &Value) -> Welcome {
    Welcome {
        resumed: f["resumed"].as_bool().unwrap(),
        known: f["known"].as_bool().unwrap(),
        epoch: long(&f["epoch"]),
        session: array(&f["session"]),
        secret: array(&f["secret"]),
        resume_ms: number(&f["resume_ms"]),
        client_beat_ms: number(&f["client_beat_ms"]),
        server_beat_ms: number(&f["server_beat_ms"]),
        misses: u8::try_from(number(&f["misses"])).unwrap(),
        challenge_ms: number(&f["challenge_ms"]),
        max_payload: number(&f["max_payload"]),
        window: number(&f["window"]),
        received: long(&f["received"]),
        mac: maybe(&f["mac"]),
    }
}

fn frame(kind: &str, f: &Value) -> Frame {
    let text = |field: &Value| field.as_str().unwrap().to_owned();
    match kind {
        "HELLO" => Frame::Hello(Hello {
            mode: mode(&f["mode"]),
            one_way: f["one_way"].as_bool().unwrap(),
            nonce: array(&f["nonce"]),
            client_beat_ms: number(&f["client_beat_ms"]),
            server_beat_ms: number(&f["server_beat_ms"]),
            max_payload: number(&f["max_payload"]),
            window: number(&f["window"]),
            identity: hex(&f["identity"]).into(),
        }),
        "CHALLENGE" => Frame::Challenge(Challenge {
            method: method(&f["method"]),
            nonce: array(&f["nonce"]),
        }),
        "PROOF" => Frame::Proof(Proof {
            resume: (!f["resume"].is_null()).then(|| Resume {
                session: array(&f["resume"]["session"]),
                received: long(&f["resume"]["received"]),
                mac: array(&f["resume"]["mac"]),
            }),
            mac: maybe(&f["mac"]),
        }),
        "WELCOME" => Frame::Welcome(welcome(f)),
        "REFUSE" => Frame::Refuse(Refuse {
            reason: reason(&f["reason"]),
            retry: Retry::from_code(number(&f["retry"])),
            text: text(&f["text"]),
        }),
        "BYE" => Frame::Bye(Bye {
            reason: reason(&f["reason"]),
            retry: Retry::from_code(number(&f["retry"])),
            last: long(&f["last"]),
            text: text(&f["text"]),
        }),
        "DATA" => Frame::Data {
            seq: long(&f["seq"]),
            message: hex(&f["message"]).into(),
        },
        "ACK" => Frame::Ack(long(&f["seq"])),
        "PING" => Frame::Ping(array(&f["value"])),
        "PONG" => Frame::Pong(array(&f["value"])),
        "BEAT" => Frame::Beat,
        "SILENCE" => Frame::Silence(number(&f["ms"])),
        "SPEAK" => Frame::Speak(number(&f["ms"])),
        "EXTENSION" => Frame::Extension {
            kind: u8::try_from(number(&f["type"])).unwrap(),
            payload: hex(&f["payload"]).into(),
        },
        other => panic!("no type: {other}"),
    }
}

/// The one frame in these bytes.
pub(crate) fn read(bytes: &[u8]) -> Frame {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.feed(bytes), bytes.len());
    let frame = decoder.next_frame().unwrap().unwrap();
    assert_eq!(decoder.finish(), Ok(()));
    frame
}

pub(crate) fn written(frame: &Frame) -> Vec<u8> {
    let mut out = Vec::new();
    frame.encode(&mut out).unwrap();
    out
}

#[test]
fn fields_are_bytes_and_bytes_are_fields() {
    let vectors = list(include_str!(
        "../../../../docs/protocol/vectors/frames.json"
    ));
    assert!(vectors.len() >= 40);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let frame = frame(vector["type"].as_str().unwrap(), &vector["fields"]);
        let bytes = hex(&vector["hex"]);
        assert_eq!(written(&frame), bytes, "{name}");
        assert_eq!(read(&bytes), frame, "{name}");
    }
}
