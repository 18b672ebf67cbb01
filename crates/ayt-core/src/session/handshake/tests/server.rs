//! The server against every frame, wrong clients, its own caller, and time.

use std::time::Duration;

use super::*;
use crate::session::codec::FrameError;
use crate::session::handshake::{Misuse, ResumeRequest};

/// A server that has sent CHALLENGE, and the PROOF of a client to it.
fn awaiting_proof(mode: Mode, method: Method) -> (Server, Proof) {
    let (mut client, hello) = client(mode, method);
    let mut server = server(method);
    let challenge = server.on_frame(&hello, START).unwrap().frame().unwrap();
    let step = client.on_frame(&challenge, START).unwrap();
    let super::super::ClientStep::Send(Frame::Proof(proof)) = step else {
        panic!("no PROOF: {step:?}");
    };
    (server, proof)
}

/// A server in each state in which it waits for its caller, with the name of it.
fn asking() -> Vec<(&'static str, Server)> {
    let mut all = Vec::new();
    let (mut server, proof) = awaiting_proof(Mode::Register, Method::Hmac);
    assert!(matches!(
        server.on_frame(&Frame::Proof(proof), START),
        Ok(ServerStep::FindKey)
    ));
    all.push(("key", server));
    let (mut server, proof) = awaiting_proof(Mode::Register, Method::Certificate);
    assert!(matches!(
        server.on_frame(&Frame::Proof(proof), START),
        Ok(ServerStep::CheckCertificate)
    ));
    all.push(("certificate", server));
    let (mut server, proof) = awaiting_proof(Mode::Resume, Method::None);
    assert!(matches!(
        server.on_frame(&Frame::Proof(proof), START),
        Ok(ServerStep::FindSession(SESSION))
    ));
    all.push(("session", server));
    let (mut server, proof) = awaiting_proof(Mode::Register, Method::None);
    assert!(matches!(
        server.on_frame(&Frame::Proof(proof), START),
        Ok(ServerStep::Decide(_))
    ));
    all.push(("decision", server));
    all
}

fn over(server: &mut Server) {
    assert_eq!(server.next_deadline(), None);
    assert!(server.hello().is_none());
    for frame in every_frame() {
        assert_eq!(
            server.on_frame(&frame, START).unwrap_err(),
            Misuse::NotAsked
        );
    }
    assert_eq!(server.poll(START + WITHIN * 9), None, "said once");
    assert_eq!(server.refuse(Reason::Kicked, Retry::Never, ""), None);
    assert_eq!(
        server.key(Some(key()), START).unwrap_err(),
        Misuse::NotAsked
    );
    assert_eq!(
        server.certificate(true, START).unwrap_err(),
        Misuse::NotAsked
    );
    assert_eq!(server.session(None, START).unwrap_err(), Misuse::NotAsked);
}

#[test]
fn every_frame_before_proof() {
    for frame in every_frame() {
        let mut fresh = server(Method::Hmac);
        let step = fresh.on_frame(&frame, START).unwrap();
        if matches!(frame, Frame::Hello(_)) {
            assert!(matches!(step, ServerStep::Challenge(_)));
            assert_eq!(fresh.next_deadline(), Some(START + WITHIN));
        } else {
            assert_eq!(refused(&step), Reason::ProtocolError, "{frame:?}");
            over(&mut fresh);
        }

        let (mut waiting, _) = awaiting_proof(Mode::Register, Method::Hmac);
        let step = waiting.on_frame(&frame, START).unwrap();
        match &frame {
            Frame::Proof(proof) if proof.mac.is_some() => {
                assert!(matches!(step, ServerStep::FindKey));
            }
            Frame::Bye(bye) => {
                assert!(matches!(step, ServerStep::Gone(said) if said == *bye));
                over(&mut waiting);
            }
            _ => {
                assert_eq!(refused(&step), Reason::ProtocolError, "{frame:?}");
                over(&mut waiting);
            }
        }
    }
}

#[test]
fn every_frame_while_the_server_decides() {
    for frame in every_frame() {
        for (state, mut server) in asking() {
            let step = server.on_frame(&frame, START).unwrap();
            match &frame {
                Frame::Bye(bye) => assert!(matches!(step, ServerStep::Gone(said) if said == *bye)),
                _ => assert_eq!(refused(&step), Reason::ProtocolError, "{state}: {frame:?}"),
            }
            over(&mut server);
        }
    }
}

#[test]
fn only_what_was_asked_is_answered() {
    for (state, mut server) in asking() {
        let hello = server.hello().unwrap().clone();
        let answers = [
            ("key", server.key(None, START).err()),
            ("certificate", server.certificate(false, START).err()),
            ("session", server.session(None, START).err()),
        ];
        // Only one of the three can have been asked; it has moved the machine on.
        for (asked, error) in answers {
            let expected = (asked != state).then_some(Misuse::NotAsked);
            assert_eq!(error, expected, "{asked} in {state}");
        }
        let admitted = server.admit(&admission(hello.mode), &terms(&hello), START);
        match state {
            "decision" => assert!(matches!(admitted, Ok(ServerStep::Registered(_)))),
            // Without a session nothing can be resumed.
            "session" => assert_eq!(admitted.unwrap_err(), Misuse::NotProved),
            _ => assert_eq!(admitted.unwrap_err(), Misuse::NotAsked),
        }
    }
}

#[test]
fn proof_has_the_parts_that_mode_and_method_ask_for() {
    let part = Resume {
        session: SESSION,
        received: 0,
        mac: [0; 32],
    };
    for mode in MODES {
        for method in METHODS {
            for resume in [None, Some(part)] {
                for mac in [None, Some([0; 32])] {
                    let (mut server, _) = awaiting_proof(mode, method);
                    let proof = Frame::Proof(Proof { resume, mac });
                    let step = server.on_frame(&proof, START).unwrap();
                    let fits = resume.is_some() == (mode == Mode::Resume)
                        && mac.is_some() == (method == Method::Hmac);
                    if fits {
                        assert!(server.hello().is_some());
                    } else {
                        assert_eq!(refused(&step), Reason::ProtocolError);
                        over(&mut server);
                    }
                }
            }
        }
    }
}

#[test]
fn a_wrong_key_and_an_unknown_identity_look_the_same() {
    let mut said = Vec::new();
    for key in [None, Some(other_key())] {
        let (mut server, proof) = awaiting_proof(Mode::Register, Method::Hmac);
        server.on_frame(&Frame::Proof(proof), START).unwrap();
        let step = server.key(key, START).unwrap();
        assert_eq!(refused(&step), Reason::NotAuthorised);
        over(&mut server);
        said.push(step.frame());
    }
    assert_eq!(said[0], said[1]);
}

#[test]
fn a_certificate_of_somebody_else_is_refused() {
    let (mut server, proof) = awaiting_proof(Mode::Register, Method::Certificate);
    server.on_frame(&Frame::Proof(proof), START).unwrap();
    let step = server.certificate(false, START).unwrap();
    assert_eq!(refused(&step), Reason::NotAuthorised);
    over(&mut server);
}

#[test]
fn a_replayed_proof_is_refused() {
    for mode in MODES {
        let (mut first, hello) = client(mode, Method::Hmac);
        let mut recorded = server(Method::Hmac);
        let challenge = recorded.on_frame(&hello, START).unwrap().frame().unwrap();
        let proof = match first.on_frame(&challenge, START).unwrap() {
            super::super::ClientStep::Send(proof) => proof,
            step => panic!("no PROOF: {step:?}"),
        };
        let step = recorded.on_frame(&proof, START).unwrap();
        let step = answer(&mut recorded, step);
        assert!(matches!(step, ServerStep::Registered(_)));

        // The same HELLO and PROOF again; only the server's nonce is new.
        let mut later = Server::accept(Method::Hmac, [0x5b; 16], WITHIN, START).unwrap();
        later.on_frame(&hello, START).unwrap();
        let step = later.on_frame(&proof, START).unwrap();
        let step = answer(&mut later, step);
        assert_eq!(refused(&step), Reason::NotAuthorised);
    }
}

/// The answer to a resume by a client with `theirs`, at a server that remembers
/// `secrets`.
fn resume_with(theirs: &Secret, secrets: &ResumeSecrets, method: Method) -> ServerStep {
    let purpose = Purpose::Resume(Resumption {
        secret: theirs.clone(),
        ..resumption()
    });
    let nonce = [0xc1; 16];
    let (mut client, hello) =
        Client::start(&settings(), credential(method), purpose, nonce, START).unwrap();
    let mut server = server(method);
    let challenge = server.on_frame(&hello, START).unwrap().frame().unwrap();
    let step = client.on_frame(&challenge, START).unwrap();
    let super::super::ClientStep::Send(proof) = step else {
        panic!("no PROOF: {step:?}");
    };
    let mut step = server.on_frame(&proof, START).unwrap();
    if let ServerStep::FindKey = step {
        step = server.key(Some(key()), START).unwrap();
    }
    if let ServerStep::CheckCertificate = step {
        step = server.certificate(true, START).unwrap();
    }
    assert!(matches!(step, ServerStep::FindSession(SESSION)));
    server.session(Some(secrets), START).unwrap()
}

fn proved_by(step: &ServerStep) -> Secret {
    match step {
        ServerStep::Decide(request) => match &request.resume {
            ResumeRequest::Proved { by, received, .. } => {
                assert_eq!(*received, 41);
                by.clone()
            }
            other => panic!("not proved: {other:?}"),
        },
        other => panic!("no decision: {other:?}"),
    }
}

#[test]
fn the_secret_before_is_taken_until_the_first_frame_after_welcome() {
    let [one, two, three] = [1, 2, 3].map(|bits| Secret::new([bits; 16]));
    for method in METHODS {
        let ask = |theirs: &Secret, ours: &ResumeSecrets| resume_with(theirs, ours, method);
        let mut secrets = ResumeSecrets::new(one.clone());
        assert_eq!(refused(&ask(&two, &secrets)), Reason::NotAuthorised);
        let by = proved_by(&ask(&one, &secrets));
        assert_eq!(by.bits(), one.bits());

        // WELCOME with the second is on its way, or lost: both are taken.
        secrets.renew(by, two.clone());
        assert_eq!(proved_by(&ask(&two, &secrets)).bits(), two.bits());
        let again = proved_by(&ask(&one, &secrets));
        assert_eq!(again.bits(), one.bits());

        // It was lost: the client came with the first again, and is sent the third.
        secrets.renew(again, three.clone());
        assert_eq!(proved_by(&ask(&one, &secrets)).bits(), one.bits());
        assert_eq!(proved_by(&ask(&three, &secrets)).bits(), three.bits());
        assert_eq!(refused(&ask(&two, &secrets)), Reason::NotAuthorised);

        secrets.confirm();
        assert_eq!(refused(&ask(&one, &secrets)), Reason::NotAuthorised);
        assert_eq!(proved_by(&ask(&three, &secrets)).bits(), three.bits());
        assert_eq!(secrets.current().bits(), three.bits());
    }
}

#[test]
fn nobody_is_told_of_a_session_without_a_proof() {
    let known = Admission::New {
        epoch: 4,
        session: [4; 16],
        secret: secret(),
        known: Some(17),
    };
    let (mut unknown, proof) = awaiting_proof(Mode::Resume, Method::None);
    unknown.on_frame(&Frame::Proof(proof), START).unwrap();
    let step = unknown.session(None, START).unwrap();
    assert!(matches!(step, ServerStep::Decide(request)
        if matches!(request.resume, ResumeRequest::Unknown)));
    let (mut register, proof) = awaiting_proof(Mode::Register, Method::None);
    register.on_frame(&Frame::Proof(proof), START).unwrap();
    for mut server in [unknown, register] {
        let hello = server.hello().unwrap().clone();
        for wrong in [&known, &admission(Mode::Resume)] {
            let said = server.admit(wrong, &terms(&hello), START);
            assert_eq!(said.unwrap_err(), Misuse::NotProved);
        }
        let spare = server.admit(&Admission::Spare, &terms(&hello), START);
        assert_eq!(spare.unwrap_err(), Misuse::Mode);
        let fresh = server.admit(&admission(Mode::Register), &terms(&hello), START);
        assert!(matches!(fresh, Ok(ServerStep::Registered(_))));
    }
}

#[test]
fn terms_that_cannot_be_sent_are_told_to_the_caller() {
    let (mut server, proof) = awaiting_proof(Mode::Register, Method::None);
    server.on_frame(&Frame::Proof(proof), START).unwrap();
    let hello = server.hello().unwrap().clone();
    let fine = terms(&hello);
    let wrong = Terms { misses: 0, ..fine };
    let said = server.admit(&admission(Mode::Register), &wrong, START);
    assert!(matches!(said, Err(Misuse::Terms(FrameError::Value { .. }))));
    let said = server.admit(&admission(Mode::Register), &fine, START);
    assert!(matches!(said, Ok(ServerStep::Registered(_))), "it waited");
}

#[test]
fn whoever_trickles_is_late_all_the_same() {
    let late = START + WITHIN;
    let just = late - Duration::from_nanos(1);
    let mut silent = server(Method::Hmac);
    assert_eq!(silent.poll(just), None);
    assert_eq!(silent.poll(late).unwrap().reason, Reason::TooLate);
    over(&mut silent);

    let (_, hello) = client(Mode::Register, Method::Hmac);
    let mut slow = server(Method::Hmac);
    slow.on_frame(&hello, just).unwrap();
    assert_eq!(slow.next_deadline(), Some(late), "HELLO buys no time");
    let proof = Frame::Proof(Proof {
        resume: None,
        mac: Some([0; 32]),
    });
    assert_eq!(
        refused(&slow.on_frame(&proof, late).unwrap()),
        Reason::TooLate
    );
    over(&mut slow);
}

#[test]
fn a_server_that_does_not_decide_in_time_says_so() {
    let late = START + WITHIN;
    for (state, mut server) in asking() {
        assert_eq!(server.next_deadline(), Some(late));
        assert_eq!(server.poll(late).unwrap().reason, Reason::Overloaded);
        over(&mut server);
        assert!(!state.is_empty());
    }
    for (state, mut server) in asking() {
        let hello = server.hello().unwrap().clone();
        let step = match state {
            "key" => server.key(Some(key()), late),
            "certificate" => server.certificate(true, late),
            "session" => server.session(None, late),
            _ => server.admit(&admission(Mode::Register), &terms(&hello), late),
        };
        assert_eq!(refused(&step.unwrap()), Reason::Overloaded, "{state}");
        over(&mut server);
    }
}

#[test]
fn bytes_that_are_no_frame_are_answered_with_their_reason() {
    let cases = [
        (
            FrameError::UnknownType(0x47),
            Reason::ProtocolError,
            Retry::After(0),
        ),
        (
            FrameError::Version(*b"ayt/2"),
            Reason::Version,
            Retry::Never,
        ),
    ];
    for (error, reason, retry) in cases {
        let mut server = server(Method::Hmac);
        let refuse = server.on_malformed(&error);
        assert_eq!((refuse.reason, refuse.retry), (reason, retry));
        assert_eq!(refuse.text, error.to_string());
        over(&mut server);
    }
}

#[test]
fn a_refusal_of_the_callers_goes_out_once_and_fits() {
    let mut server = server(Method::Hmac);
    let text = "é".repeat(150);
    let refuse = server.refuse(Reason::Overloaded, Retry::After(5_000), &text);
    assert_eq!(refuse.unwrap().text.len(), 200);
    over(&mut server);
}

#[test]
fn the_deadline_has_a_range() {
    for (ms, fine) in [
        (0, false),
        (99, false),
        (100, true),
        (60_000, true),
        (60_001, false),
    ] {
        let within = Duration::from_millis(ms);
        let server = Server::accept(Method::None, [0; 16], within, START);
        assert_eq!(server.is_ok(), fine, "{ms}");
    }
    let end = Server::accept(Method::None, [0; 16], WITHIN, Duration::MAX).unwrap();
    assert_eq!(end.next_deadline(), Some(Duration::MAX));
}
