//! Both halves together and each against every frame.

mod client;
mod server;
mod together;

use std::time::Duration;

use bytes::Bytes;

use super::{
    Admission, Client, ClientSettings, Credential, Purpose, ResumeSecrets, Resumption, Server,
    ServerStep, Terms, TermsPolicy, negotiate,
};
use crate::session::frame::{
    Bye, Challenge, Frame, Hello, Method, Mode, Proof, Reason, Refuse, Resume, Retry, Welcome,
};
use crate::session::proof::{Key, Secret};

pub(super) const START: Duration = Duration::from_secs(1_000);
pub(super) const WITHIN: Duration = Duration::from_secs(10);
pub(super) const SESSION: [u8; 16] = [0x51; 16];

pub(super) fn key() -> Key {
    Key::new(&[0x4b; 32]).unwrap()
}

pub(super) fn other_key() -> Key {
    Key::new(&[0x4c; 32]).unwrap()
}

pub(super) fn secret() -> Secret {
    Secret::new([0x5e; 16])
}

pub(super) fn settings() -> ClientSettings {
    ClientSettings::new(Bytes::from_static(b"meter 7"))
}

pub(super) fn resumption() -> Resumption {
    Resumption {
        session: SESSION,
        secret: secret(),
        received: 41,
        sent: 20,
    }
}

pub(super) fn purpose(mode: Mode) -> Purpose {
    match mode {
        Mode::Register => Purpose::Register,
        Mode::Resume => Purpose::Resume(resumption()),
        Mode::Spare => Purpose::Spare,
    }
}

pub(super) fn credential(method: Method) -> Credential {
    match method {
        Method::None => Credential::None,
        Method::Hmac => Credential::Key(key()),
        Method::Certificate => Credential::Certificate,
    }
}

pub(super) const MODES: [Mode; 3] = [Mode::Register, Mode::Resume, Mode::Spare];
pub(super) const METHODS: [Method; 3] = [Method::None, Method::Hmac, Method::Certificate];

pub(super) fn client(mode: Mode, method: Method) -> (Client, Frame) {
    let nonce = [0xc1; 16];
    Client::start(&settings(), credential(method), purpose(mode), nonce, START).unwrap()
}

pub(super) fn server(method: Method) -> Server {
    Server::accept(method, [0x5a; 16], WITHIN, START).unwrap()
}

pub(super) fn terms(hello: &Hello) -> Terms {
    negotiate(&TermsPolicy::default(), hello)
}

pub(super) fn admission(mode: Mode) -> Admission {
    match mode {
        Mode::Register => Admission::New {
            epoch: 3,
            session: SESSION,
            secret: Secret::new([0xe5; 16]),
            known: None,
        },
        Mode::Resume => Admission::Resumed {
            epoch: 3,
            secret: Secret::new([0xe5; 16]),
            received: 17,
        },
        Mode::Spare => Admission::Spare,
    }
}

/// Answers whatever the server asks as one that knows the identity, its key and its
/// session, until it decides, registers or refuses.
pub(super) fn answer(server: &mut Server, step: ServerStep) -> ServerStep {
    let secrets = ResumeSecrets::new(secret());
    match step {
        ServerStep::FindKey => {
            let step = server.key(Some(key()), START).unwrap();
            answer(server, step)
        }
        ServerStep::CheckCertificate => {
            let step = server.certificate(true, START).unwrap();
            answer(server, step)
        }
        ServerStep::FindSession(session) => {
            assert_eq!(session, SESSION);
            let step = server.session(Some(&secrets), START).unwrap();
            answer(server, step)
        }
        ServerStep::Decide(request) => {
            let admission = admission(request.hello.mode);
            let terms = terms(&request.hello);
            server.admit(&admission, &terms, START).unwrap()
        }
        other => other,
    }
}

/// The reason of a refusal.
pub(super) fn refused(step: &ServerStep) -> Reason {
    match step {
        ServerStep::Refused(refuse) => refuse.reason,
        other => panic!("not refused: {other:?}"),
    }
}

/// One frame of each type.
pub(super) fn every_frame() -> Vec<Frame> {
    let (_, hello) = client(Mode::Register, Method::Hmac);
    vec![
        hello,
        Frame::Challenge(Challenge {
            method: Method::Hmac,
            nonce: [7; 16],
        }),
        Frame::Proof(Proof {
            resume: None,
            mac: Some([0; 32]),
        }),
        Frame::Proof(Proof {
            resume: Some(Resume {
                session: SESSION,
                received: 0,
                mac: [0; 32],
            }),
            mac: None,
        }),
        Frame::Welcome(Welcome {
            resumed: false,
            known: false,
            epoch: 1,
            session: SESSION,
            secret: [1; 16],
            resume_ms: 0,
            client_beat_ms: 0,
            server_beat_ms: 0,
            misses: 2,
            challenge_ms: 5_000,
            max_payload: 65_544,
            window: 4_096,
            received: 0,
            mac: Some([0; 32]),
        }),
        Frame::Refuse(Refuse {
            reason: Reason::Overloaded,
            retry: Retry::After(5_000),
            text: String::new(),
        }),
        Frame::Data {
            seq: 1,
            message: Bytes::from_static(b"m"),
        },
        Frame::Ack(1),
        Frame::Ping([0; 4]),
        Frame::Pong([0; 4]),
        Frame::Beat,
        Frame::Bye(Bye {
            reason: Reason::Done,
            retry: Retry::Never,
            last: 0,
            text: String::new(),
        }),
        Frame::Silence(1_000),
        Frame::Speak(1_000),
        Frame::Extension {
            kind: 0x80,
            payload: Bytes::new(),
        },
    ]
}
