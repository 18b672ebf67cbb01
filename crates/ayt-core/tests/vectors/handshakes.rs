//! Whole registrations: each half against what the other implementation wrote.

use std::time::Duration;

use ayt_core::session::codec::Kind;
use ayt_core::session::frame::{Frame, Method, Mode, Retry};
use ayt_core::session::handshake::{
    Admission, Client, ClientSettings, ClientStep, Credential, Purpose, ResumeSecrets, Resumption,
    Server, ServerStep, Terms,
};
use ayt_core::session::proof::{Key, Secret};
use serde_json::Value;

use super::frames::{method, mode, read, reason, welcome, written};
use super::{array, hex, list, long, number};

const NOW: Duration = Duration::ZERO;

/// The frames of a vector in order: from the client?, its bytes.
fn frames(vector: &Value) -> Vec<(bool, Vec<u8>)> {
    let frames = vector["frames"].as_array().unwrap();
    frames
        .iter()
        .map(|frame| (frame["from"] == "client", hex(&frame["hex"])))
        .collect()
}

fn key(value: &Value) -> Option<Key> {
    (!value.is_null()).then(|| Key::new(&hex(value)).unwrap())
}

fn client(vector: &Value) -> (Client, Frame) {
    let credential = match method(&vector["method"]) {
        Method::None => Credential::None,
        Method::Hmac => Credential::Key(key(&vector["client_key"]).unwrap()),
        Method::Certificate => Credential::Certificate,
    };
    let resume = &vector["resume"];
    let purpose = match mode(&vector["mode"]) {
        Mode::Register => Purpose::Register,
        Mode::Spare => Purpose::Spare,
        Mode::Resume => Purpose::Resume(Resumption {
            session: array(&resume["session"]),
            secret: Secret::new(array(&resume["secret"])),
            received: long(&resume["received"]),
            sent: long(&resume["sent"]),
        }),
    };
    let settings = ClientSettings::new(hex(&vector["identity"]).into());
    let nonce = array(&vector["client_nonce"]);
    Client::start(&settings, credential, purpose, nonce, NOW).unwrap()
}

/// The client says, byte for byte, what it says in the vector, and comes to the same.
fn check_client(vector: &Value) {
    let (mut client, hello) = client(vector);
    let mut says = Some(hello);
    let mut end = None;
    for (from_client, bytes) in frames(vector) {
        if !from_client {
            end = match client.on_frame(&read(&bytes), NOW) {
                Ok(ClientStep::Send(frame)) => {
                    says = Some(frame);
                    None
                }
                end => Some(end),
            };
        } else if let Some(frame) = says.take() {
            // A replayed PROOF is not what this client would say.
            if vector["name"] != "that PROOF, replayed" || frame.kind() != Kind::Proof {
                assert_eq!(written(&frame), bytes, "{}", vector["name"]);
            }
        } else {
            // Its BYE: the text is free.
            let Frame::Bye(bye) = read(&bytes) else {
                panic!("not BYE");
            };
            let error = end.as_ref().unwrap().as_ref().unwrap_err();
            assert_eq!(error.bye().unwrap().reason, bye.reason, "{error}");
        }
    }
    match (vector["outcome"].as_str().unwrap(), end.unwrap()) {
        ("registered" | "resumed" | "spare", Ok(ClientStep::Registered(read))) => {
            let mac = vector["server_mac"].as_str().map(str::to_owned);
            let said = read.mac.map(|mac| hex_of(&mac));
            assert_eq!(said, mac);
            assert_eq!(read.resumed, vector["outcome"] == "resumed");
        }
        ("refused", Ok(ClientStep::Refused(refuse))) => {
            assert_eq!(refuse.reason, reason(&vector["reason"]));
        }
        ("client_gives_up", Err(error)) => {
            assert_eq!(error.bye().unwrap().reason, reason(&vector["reason"]));
        }
        (_, end) => panic!("{}: {end:?}", vector["name"]),
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the server's program answers in this vector.
fn answer(vector: &Value, server: &mut Server, step: ServerStep) -> ServerStep {
    let decision = &vector["decision"];
    let next = match step {
        ServerStep::FindKey => server.key(key(&vector["server_key"]), NOW),
        ServerStep::CheckCertificate => server.certificate(true, NOW),
        ServerStep::FindSession(name) => {
            assert_eq!(name, array(&vector["resume"]["session"]));
            let session = &vector["server_session"];
            let secrets = (!session.is_null()).then(|| secrets(session));
            server.session(secrets.as_ref(), NOW)
        }
        ServerStep::Decide(_) if decision["kind"] == "refuse" => {
            let retry = Retry::from_code(number(&decision["retry"]));
            let refuse = server.refuse(reason(&decision["reason"]), retry, "");
            return ServerStep::Refused(refuse.unwrap());
        }
        ServerStep::Decide(_) => {
            let (admission, terms) = admission(decision);
            server.admit(&admission, &terms, NOW)
        }
        other => return other,
    };
    answer(vector, server, next.unwrap())
}

/// The secrets of a session, the newest first.
fn secrets(session: &Value) -> ResumeSecrets {
    let list = session["secrets"].as_array().unwrap();
    let secret = |at: usize| Secret::new(array(&list[at]));
    let mut secrets = ResumeSecrets::new(secret(list.len() - 1));
    if list.len() == 2 {
        secrets.renew(secret(1), secret(0));
    }
    secrets
}

fn admission(decision: &Value) -> (Admission, Terms) {
    let w = welcome(&decision["welcome"]);
    let terms = Terms {
        resume_ms: w.resume_ms,
        client_beat_ms: w.client_beat_ms,
        server_beat_ms: w.server_beat_ms,
        misses: w.misses,
        challenge_ms: w.challenge_ms,
        max_payload: w.max_payload,
        window: w.window,
    };
    let secret = Secret::new(w.secret);
    let new = |known| Admission::New {
        epoch: w.epoch,
        session: w.session,
        secret: secret.clone(),
        known,
    };
    let admission = match decision["kind"].as_str().unwrap() {
        "new" => new(None),
        "known" => new(Some(w.received)),
        "resumed" => Admission::Resumed {
            epoch: w.epoch,
            secret: secret.clone(),
            received: w.received,
        },
        "spare" => Admission::Spare,
        other => panic!("no decision: {other}"),
    };
    (admission, terms)
}

/// The server says, byte for byte, what it says in the vector; of a refusal only
/// reason and hint count.
fn check_server(vector: &Value) {
    let nonce = array(&vector["server_nonce"]);
    let method = method(&vector["server_method"]);
    let mut server = Server::accept(method, nonce, Duration::from_secs(10), NOW).unwrap();
    let mut says = None;
    for (from_client, bytes) in frames(vector) {
        if from_client {
            let step = server.on_frame(&read(&bytes), NOW).unwrap();
            says = answer(vector, &mut server, step).frame();
            continue;
        }
        match read(&bytes) {
            Frame::Refuse(expected) if vector["decision"]["kind"] == "refuse_at_once" => {
                let refuse = server.refuse(expected.reason, expected.retry, "").unwrap();
                assert_eq!(refuse.reason, reason(&vector["reason"]));
            }
            Frame::Refuse(expected) => {
                let Some(Frame::Refuse(said)) = says.take() else {
                    panic!("not refused: {}", vector["name"]);
                };
                assert_eq!((said.reason, said.retry), (expected.reason, expected.retry));
            }
            _ => assert_eq!(written(&says.take().unwrap()), bytes, "{}", vector["name"]),
        }
    }
    assert_eq!(server.next_deadline(), None, "it is over");
}

#[test]
fn both_halves_say_what_the_other_implementation_says() {
    let text = include_str!("../../../../docs/protocol/vectors/handshakes.json");
    let vectors = list(text);
    assert!(vectors.len() >= 30);
    let mut outcomes = std::collections::BTreeMap::new();
    for vector in &vectors {
        check_client(vector);
        let outcome = vector["outcome"].as_str().unwrap();
        // Where the client gives up, the server of the vector is a wrong one.
        if outcome != "client_gives_up" {
            check_server(vector);
        }
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    let all: Vec<&str> = outcomes.into_keys().collect();
    let expected = [
        "client_gives_up",
        "refused",
        "registered",
        "resumed",
        "spare",
    ];
    assert_eq!(all, expected);
}
