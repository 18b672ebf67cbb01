//! The client against every frame, wrong servers, and time.

use std::time::Duration;

use super::*;
use crate::session::codec::{FrameError, Kind};
use crate::session::handshake::{ClientError, ClientStep};
use crate::session::proof::Transcript;

fn challenge(method: Method) -> Frame {
    Frame::Challenge(Challenge {
        method,
        nonce: [0x5a; 16],
    })
}

/// A client that has sent PROOF, and what was said so far.
fn awaiting_welcome(mode: Mode, method: Method) -> (Client, Frame, Proof) {
    let (mut client, hello) = client(mode, method);
    let step = client.on_frame(&challenge(method), START).unwrap();
    let ClientStep::Send(Frame::Proof(proof)) = step else {
        panic!("no PROOF: {step:?}");
    };
    (client, hello, proof)
}

/// The WELCOME of a server with this key, after a change that it is free to make.
fn welcome(
    hello: &Frame,
    proof: &Proof,
    key: Option<&Key>,
    change: impl FnOnce(&mut Welcome),
) -> Frame {
    let Frame::Hello(hello) = hello else {
        panic!("not HELLO");
    };
    let spare = hello.mode == Mode::Spare;
    let id = |bits: u8| if spare { [0; 16] } else { [bits; 16] };
    let mut welcome = Welcome {
        resumed: hello.mode == Mode::Resume,
        known: false,
        epoch: if spare { 0 } else { 3 },
        session: id(0x51),
        secret: id(0xe5),
        resume_ms: if spare { 0 } else { 300_000 },
        client_beat_ms: if spare { 0 } else { 30_000 },
        server_beat_ms: 0,
        misses: 2,
        challenge_ms: 5_000,
        max_payload: 65_544,
        window: 1 << 20,
        received: if hello.mode == Mode::Resume { 17 } else { 0 },
        mac: None,
    };
    change(&mut welcome);
    if let (Some(key), Some(client_mac)) = (key, &proof.mac) {
        let challenge = Challenge {
            method: Method::Hmac,
            nonce: [0x5a; 16],
        };
        let mut transcript = Transcript::new(hello, &challenge).unwrap();
        if let Some(resume) = &proof.resume {
            transcript.resumed(resume);
        }
        welcome.mac = Some(transcript.server_mac(key, client_mac, &welcome).unwrap());
    }
    Frame::Welcome(welcome)
}

fn over(client: &mut Client) {
    assert_eq!(client.next_deadline(), None);
    for frame in every_frame() {
        assert_eq!(client.on_frame(&frame, START), Err(ClientError::Over));
    }
    assert_eq!(client.poll(START + WITHIN * 9), Ok(()), "said once");
}

#[test]
fn every_frame_in_every_state() {
    for frame in every_frame() {
        // Awaiting CHALLENGE.
        let (mut fresh, _) = client(Mode::Register, Method::Hmac);
        let said = fresh.on_frame(&frame, START);
        match &frame {
            Frame::Challenge(_) => {
                assert!(matches!(said, Ok(ClientStep::Send(Frame::Proof(_)))));
                assert_eq!(fresh.next_deadline(), Some(START + WITHIN));
            }
            Frame::Refuse(refuse) => {
                assert_eq!(said, Ok(ClientStep::Refused(refuse.clone())));
                over(&mut fresh);
            }
            other => {
                let (kind, awaited) = (other.kind(), Kind::Challenge);
                let error = ClientError::Unexpected { kind, awaited };
                assert_eq!(said, Err(error));
                assert_eq!(error.bye().unwrap().reason, Reason::ProtocolError);
                over(&mut fresh);
            }
        }
        // Awaiting WELCOME; the one in the list has a wrong mac.
        let (mut waiting, _, _) = awaiting_welcome(Mode::Register, Method::Hmac);
        let said = waiting.on_frame(&frame, START);
        match &frame {
            Frame::Welcome(_) => assert_eq!(said, Err(ClientError::ServerMac)),
            Frame::Refuse(refuse) => assert_eq!(said, Ok(ClientStep::Refused(refuse.clone()))),
            other => {
                let (kind, awaited) = (other.kind(), Kind::Welcome);
                assert_eq!(said, Err(ClientError::Unexpected { kind, awaited }));
            }
        }
        over(&mut waiting);
    }
}

#[test]
fn a_right_welcome_registers_with_every_mode_and_method() {
    for mode in MODES {
        for method in METHODS {
            let (mut client, hello, proof) = awaiting_welcome(mode, method);
            assert_eq!(proof.resume.is_some(), mode == Mode::Resume);
            assert_eq!(proof.mac.is_some(), method == Method::Hmac);
            let frame = welcome(&hello, &proof, Some(&key()), |_| ());
            let Frame::Welcome(expected) = &frame else {
                panic!("not WELCOME");
            };
            let step = client.on_frame(&frame, START);
            assert_eq!(step, Ok(ClientStep::Registered(*expected)));
            over(&mut client);
        }
    }
}

#[test]
fn no_client_goes_on_with_a_method_it_was_not_set_up_for() {
    for agreed in METHODS {
        for offered in METHODS {
            for mode in MODES {
                let (mut client, _) = client(mode, agreed);
                let said = client.on_frame(&challenge(offered), START);
                if agreed == offered {
                    assert!(said.is_ok());
                    continue;
                }
                let error = ClientError::Method { offered, agreed };
                assert_eq!(said, Err(error), "no PROOF is given away");
                assert_eq!(error.bye().unwrap().reason, Reason::NotAuthorised);
                over(&mut client);
            }
        }
    }
}

#[test]
fn a_server_that_does_not_prove_itself_is_left() {
    let fakes: [fn(&Frame, &Proof) -> Frame; 4] = [
        |hello, proof| welcome(hello, proof, None, |_| ()),
        |hello, proof| welcome(hello, proof, Some(&other_key()), |_| ()),
        // The client's own mac, sent back.
        |hello, proof| welcome(hello, proof, None, |w| w.mac = proof.mac),
        |hello, proof| {
            let frame = welcome(hello, proof, Some(&key()), |_| ());
            let Frame::Welcome(mut changed) = frame else {
                panic!("not WELCOME");
            };
            changed.client_beat_ms += 1;
            Frame::Welcome(changed)
        },
    ];
    for mode in MODES {
        for (number, fake) in fakes.iter().enumerate() {
            let (mut client, hello, proof) = awaiting_welcome(mode, Method::Hmac);
            let said = client.on_frame(&fake(&hello, &proof), START);
            assert_eq!(said, Err(ClientError::ServerMac), "{mode:?}, fake {number}");
            over(&mut client);
        }
    }
    let bye = ClientError::ServerMac.bye().unwrap();
    assert_eq!((bye.reason, bye.last), (Reason::NotAuthorised, 0));
}

#[test]
fn a_recorded_welcome_is_worthless_on_another_connection() {
    let (_, hello, proof) = awaiting_welcome(Mode::Register, Method::Hmac);
    let recorded = welcome(&hello, &proof, Some(&key()), |_| ());
    let purpose = Purpose::Register;
    let key = Credential::Key(key());
    let (mut later, _) = Client::start(&settings(), key, purpose, [0xc2; 16], START).unwrap();
    later.on_frame(&challenge(Method::Hmac), START).unwrap();
    assert_eq!(
        later.on_frame(&recorded, START),
        Err(ClientError::ServerMac)
    );
}

#[test]
fn welcome_answers_what_was_asked() {
    type Change = fn(&mut Welcome);
    let never_sent = ClientError::NeverSent {
        received: 21,
        sent: 20,
    };
    let fresh: Change = |w| (w.resumed, w.received) = (false, 0);
    let cases: [(Mode, Change, Option<ClientError>); 17] = [
        (
            Mode::Register,
            |w| w.resumed = true,
            Some(ClientError::NotAsked),
        ),
        (
            Mode::Register,
            |w| w.known = true,
            Some(ClientError::NotAsked),
        ),
        (
            Mode::Spare,
            |w| w.resumed = true,
            Some(ClientError::NotAsked),
        ),
        (Mode::Spare, |w| w.epoch = 1, Some(ClientError::SpareTerms)),
        (
            Mode::Spare,
            |w| w.session[0] = 1,
            Some(ClientError::SpareTerms),
        ),
        (
            Mode::Spare,
            |w| w.secret[0] = 1,
            Some(ClientError::SpareTerms),
        ),
        (
            Mode::Spare,
            |w| w.resume_ms = 1,
            Some(ClientError::SpareTerms),
        ),
        (
            Mode::Spare,
            |w| w.client_beat_ms = 10,
            Some(ClientError::SpareTerms),
        ),
        (
            Mode::Spare,
            |w| w.server_beat_ms = 10,
            Some(ClientError::SpareTerms),
        ),
        (
            Mode::Resume,
            |w| w.session[0] ^= 1,
            Some(ClientError::OtherSession),
        ),
        (Mode::Resume, |w| w.received = 21, Some(never_sent)),
        (Mode::Resume, |w| w.received = 20, None),
        (Mode::Resume, fresh, None),
        (
            Mode::Resume,
            |w| (w.resumed, w.known, w.received) = (false, true, 20),
            None,
        ),
        (
            Mode::Resume,
            |w| (w.resumed, w.known, w.received) = (false, true, 21),
            None,
        ),
        (
            Mode::Resume,
            |w| (w.resumed, w.received, w.session) = (false, 0, [9; 16]),
            None,
        ),
        (Mode::Register, |w| w.server_beat_ms = 1_000, None),
    ];
    for method in METHODS {
        for (number, (mode, change, error)) in cases.iter().enumerate() {
            let (mut client, hello, proof) = awaiting_welcome(*mode, method);
            let frame = welcome(&hello, &proof, Some(&key()), change);
            let said = client.on_frame(&frame, START);
            assert_eq!(said.err(), *error, "case {number}");
            over(&mut client);
        }
    }
    assert!(never_sent.ends_session());
    assert!(!ClientError::ServerMac.ends_session());
}

#[test]
fn a_mac_that_nobody_asked_for_is_refused() {
    for method in [Method::None, Method::Certificate] {
        let (mut client, hello, proof) = awaiting_welcome(Mode::Register, method);
        let frame = welcome(&hello, &proof, None, |w| w.mac = Some([0; 32]));
        assert_eq!(client.on_frame(&frame, START), Err(ClientError::MacUnasked));
    }
}

#[test]
fn the_deadline_does_not_move() {
    let late = START + WITHIN;
    let just = late - Duration::from_nanos(1);
    let (mut silent, _) = client(Mode::Register, Method::Hmac);
    assert_eq!(silent.next_deadline(), Some(late));
    assert_eq!(silent.poll(just), Ok(()));
    assert_eq!(silent.poll(late), Err(ClientError::TooLate));
    assert_eq!(ClientError::TooLate.bye().unwrap().reason, Reason::TooLate);
    over(&mut silent);

    let (mut slow, hello) = client(Mode::Register, Method::Hmac);
    let step = slow.on_frame(&challenge(Method::Hmac), just).unwrap();
    assert_eq!(slow.next_deadline(), Some(late), "CHALLENGE buys no time");
    let ClientStep::Send(Frame::Proof(proof)) = step else {
        panic!("no PROOF");
    };
    let right = welcome(&hello, &proof, Some(&key()), |_| ());
    assert_eq!(slow.on_frame(&right, late), Err(ClientError::TooLate));
    over(&mut slow);
}

#[test]
fn settings_out_of_range_are_told_before_anything_is_sent() {
    let start = |settings: &ClientSettings| {
        let none = Credential::None;
        Client::start(settings, none, Purpose::Register, [0; 16], START).map(|_| ())
    };
    assert_eq!(start(&settings()), Ok(()));
    for identity in [Bytes::new(), vec![0; 129].into()] {
        let said = start(&ClientSettings::new(identity));
        assert!(matches!(
            said,
            Err(ClientError::Settings(FrameError::Value { .. }))
        ));
        assert_eq!(said.unwrap_err().bye(), None);
    }
    for (ms, fine) in [(99, false), (100, true), (60_000, true), (60_001, false)] {
        let deadline = Duration::from_millis(ms);
        let said = start(&ClientSettings {
            deadline,
            ..settings()
        });
        assert_eq!(said.is_ok(), fine, "{ms}");
    }
}

#[test]
fn a_downgrade_is_told_in_words() {
    let error = ClientError::Method {
        offered: Method::None,
        agreed: Method::Hmac,
    };
    assert_eq!(
        error.to_string(),
        "the server asks for no proof, this client was set up for the proof of a key: \
         nothing was proved to it; set both up alike"
    );
}

#[test]
fn a_beat_below_the_least_is_not_gone_on_with() {
    // Wish, least, what WELCOME says, and whether that is taken.
    for (wish, least, asked, fine) in [
        (30_000, 1_000, 30_000, true),
        (30_000, 1_000, 1_000, true),
        (30_000, 1_000, 999, false),
        // A wish that is shorter holds instead; and 0 is no beat at all.
        (50, 1_000, 50, true),
        (50, 1_000, 49, false),
        (0, 1_000, 1_000, true),
        (0, 1_000, 999, false),
        (30_000, 1_000, 0, true),
    ] {
        for server_beat in [false, true] {
            let mut settings = ClientSettings {
                least_beat_ms: least,
                ..settings()
            };
            if server_beat {
                settings.server_beat_ms = wish;
            } else {
                settings.client_beat_ms = wish;
            }
            let credential = Credential::Key(key());
            let (mut client, hello) =
                Client::start(&settings, credential, Purpose::Register, [0; 16], START).unwrap();
            let step = client.on_frame(&challenge(Method::Hmac), START).unwrap();
            let ClientStep::Send(Frame::Proof(proof)) = step else {
                panic!("no PROOF");
            };
            let welcome = welcome(&hello, &proof, Some(&key()), |welcome| {
                (welcome.client_beat_ms, welcome.server_beat_ms) = (30_000, 30_000);
                if server_beat {
                    welcome.server_beat_ms = asked;
                } else {
                    welcome.client_beat_ms = asked;
                }
            });
            let said = client.on_frame(&welcome, START);
            assert_eq!(said.is_ok(), fine, "{wish} {least} {asked}");
            if let Err(error) = said {
                assert!(matches!(error, ClientError::BeatTooShort { .. }));
                // Said, it would make the old secret worthless.
                assert_eq!(error.bye(), None);
            }
        }
    }
}
