//! A server against frames of anybody, with a program that answers in any order: it
//! never panics, ends once, is never late, and under a key it welcomes only who sent
//! the honest client's PROOF to it. No session is resumed or told of without its
//! secret.
#![no_main]

mod play;

use std::time::Duration;

use ayt_core::session::codec::FrameError;
use ayt_core::session::frame::{Frame, Method, Mode, Reason, Retry};
use ayt_core::session::handshake::{
    Admission, ClientStep, Misuse, ResumeRequest, ResumeSecrets, Server, ServerStep, Terms,
    TermsPolicy, negotiate,
};
use ayt_core::session::proof::{Key, Secret};
use libfuzzer_sys::fuzz_target;
use play::{Input, WITHIN, client, key, secret};

fuzz_target!(|data: &[u8]| {
    let _ = play(&mut Input(data));
});

/// What the server has taken, and what the honest client said.
#[derive(Default)]
struct Seen {
    taken: Vec<Frame>,
    honest: Vec<Frame>,
    proved: bool,
    over: bool,
}

fn play(input: &mut Input<'_>) -> Option<()> {
    let (mode, method) = input.mode_and_method()?;
    let (mut client, hello) = client(mode, method);
    let mut server =
        Server::accept(method, [0x5a; 16], WITHIN, Duration::ZERO).expect("a fine deadline");
    let mut now = Duration::ZERO;
    let mut next = hello;
    let mut seen = Seen {
        honest: vec![next.clone()],
        ..Seen::default()
    };
    while let Some(choice) = input.byte() {
        let frame = match choice % 8 {
            0 => input.frame(),
            1 => Some(next.clone()),
            2 => input.tampered(&next),
            3 => {
                now += Duration::from_millis(100) * u32::from(input.byte()?);
                None
            }
            4 => {
                let late = server.poll(now).is_some();
                assert_eq!(late, !seen.over && now >= WITHIN);
                seen.over |= late;
                None
            }
            _ => {
                let answer = program(&mut server, input, now)?;
                judge(&answer, &mut seen, method, now);
                None
            }
        };
        let Some(frame) = frame else { continue };
        seen.taken.push(frame.clone());
        let step = server.on_frame(&frame, now);
        assert_eq!(step.is_err(), seen.over, "only after its end");
        // The honest client is told of an honest server's CHALLENGE.
        if let Ok(ServerStep::Challenge(challenge)) = &step
            && seen.taken == seen.honest
            && let Ok(ClientStep::Send(proof)) =
                client.on_frame(&Frame::Challenge(*challenge), Duration::ZERO)
        {
            next = proof;
            seen.honest.push(next.clone());
        }
        judge(&step, &mut seen, method, now);
        assert_eq!(server.next_deadline().is_none(), seen.over);
    }
    Some(())
}

/// An answer of the server's program, asked for or not, right or wrong.
fn program(
    server: &mut Server,
    input: &mut Input<'_>,
    now: Duration,
) -> Option<Result<ServerStep, Misuse>> {
    let secrets = ResumeSecrets::new(secret());
    let choice = input.byte()?;
    let terms = server
        .hello()
        .map(|hello| negotiate(&TermsPolicy::default(), hello));
    let admit = |server: &mut Server, admission: &Admission| {
        let terms = terms.unwrap_or(Terms {
            resume_ms: 0,
            client_beat_ms: 0,
            server_beat_ms: 0,
            misses: 0,
            challenge_ms: 0,
            max_payload: 0,
            window: 0,
        });
        server.admit(admission, &terms, now)
    };
    let new = |known| Admission::New {
        epoch: 7,
        session: [4; 16],
        secret: Secret::new([0xe5; 16]),
        known,
    };
    Some(match choice % 12 {
        0 | 1 => server.key(Some(key()), now),
        2 => server.key(None, now),
        3 => server.key(Key::new(&[0; 32]).ok(), now),
        4 => server.certificate(true, now),
        5 => server.session(Some(&secrets), now),
        6 => server.session(None, now),
        7 => admit(server, &new(None)),
        8 => admit(server, &new(Some(17))),
        9 => {
            let secret = Secret::new([0xe5; 16]);
            let resumed = Admission::Resumed {
                epoch: 7,
                secret,
                received: 17,
            };
            admit(server, &resumed)
        }
        10 => admit(server, &Admission::Spare),
        _ if choice < 128 => match server.refuse(Reason::Overloaded, Retry::After(1), "full") {
            Some(refuse) => Ok(ServerStep::Refused(refuse)),
            None => Err(Misuse::NotAsked),
        },
        _ if server.next_deadline().is_some() => {
            let refuse = server.on_malformed(&FrameError::UnknownType(choice));
            Ok(ServerStep::Refused(refuse))
        }
        _ => Err(Misuse::NotAsked),
    })
}

fn judge(step: &Result<ServerStep, Misuse>, seen: &mut Seen, method: Method, now: Duration) {
    let Ok(step) = step else { return };
    assert!(!seen.over, "it ended twice");
    if let Some(frame) = step.frame() {
        frame.encode(&mut Vec::new()).expect("a fine frame");
    }
    let honest = || seen.honest.len() == 2 && seen.taken == seen.honest;
    match step {
        ServerStep::Decide(request) => {
            assert!(method != Method::Hmac || honest(), "proved by nobody else");
            seen.proved = matches!(request.resume, ResumeRequest::Proved { .. });
            assert!(!seen.proved || honest(), "the secret is the client's");
        }
        ServerStep::Registered(welcome) => {
            assert!(now < WITHIN);
            assert!(method != Method::Hmac || honest());
            assert_eq!(welcome.mac.is_some(), method == Method::Hmac);
            assert!(seen.proved || !(welcome.resumed || welcome.known));
            let spare = matches!(&seen.taken[0], Frame::Hello(hello) if hello.mode == Mode::Spare);
            assert_eq!(welcome.epoch == 0, spare);
        }
        _ => {}
    }
    seen.over |= matches!(
        step,
        ServerStep::Registered(_) | ServerStep::Refused(_) | ServerStep::Gone(_)
    );
}
