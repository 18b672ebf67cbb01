//! A client against frames of anybody: it never panics, ends once, is never late, and
//! with a key it believes no WELCOME but the one that the honest server wrote.
#![no_main]

mod play;

use std::time::Duration;

use ayt_core::session::frame::{Frame, Method, Mode, Welcome};
use ayt_core::session::handshake::{
    Admission, ClientError, ClientStep, ResumeSecrets, Server, ServerStep, TermsPolicy, negotiate,
};
use ayt_core::session::proof::Secret;
use libfuzzer_sys::fuzz_target;
use play::{Input, WITHIN, client, key, secret};

fuzz_target!(|data: &[u8]| {
    let _ = play(&mut Input(data));
});

fn play(input: &mut Input<'_>) -> Option<()> {
    let (mode, method) = input.mode_and_method()?;
    let (mut client, hello) = client(mode, method);
    let mut server =
        Server::accept(method, [0x5a; 16], WITHIN, Duration::ZERO).expect("a fine deadline");
    let mut now = Duration::ZERO;
    let mut honest = serve(&mut server, &hello);
    let mut written: Option<Welcome> = None;
    let mut over = false;
    while let Some(choice) = input.byte() {
        let frame = match choice % 5 {
            0 => input.frame(),
            1 => honest.clone(),
            2 => honest.as_ref().and_then(|frame| input.tampered(frame)),
            3 => {
                now += Duration::from_millis(100) * u32::from(input.byte()?);
                None
            }
            _ => {
                let late = client.poll(now);
                assert_eq!(late.is_err(), !over && now >= WITHIN);
                over |= late.is_err();
                None
            }
        };
        let Some(frame) = frame else { continue };
        if let Some(Frame::Welcome(welcome)) = &honest {
            written = Some(*welcome);
        }
        match client.on_frame(&frame, now) {
            Err(ClientError::Over) => assert!(over),
            _ if over => panic!("it ended twice"),
            Err(error) => {
                over = true;
                let bye = error.bye().expect("something was said");
                Frame::Bye(bye).encode(&mut Vec::new()).expect("a fine BYE");
            }
            Ok(ClientStep::Refused(_)) => over = true,
            Ok(ClientStep::Send(proof)) => honest = serve(&mut server, &proof),
            Ok(ClientStep::Registered(welcome)) => {
                over = true;
                assert!(now < WITHIN);
                assert!(mode == Mode::Resume || !(welcome.resumed || welcome.known));
                assert!(mode != Mode::Spare || welcome.epoch == 0);
                if method == Method::Hmac {
                    assert_eq!(written, Some(welcome), "the honest server's");
                } else {
                    assert_eq!(welcome.mac, None);
                }
            }
        }
        assert_eq!(client.next_deadline().is_none(), over);
    }
    Some(())
}

/// What the honest server sends next.
fn serve(server: &mut Server, frame: &Frame) -> Option<Frame> {
    let now = Duration::ZERO;
    let secrets = ResumeSecrets::new(secret());
    let mut step = server.on_frame(frame, now).ok()?;
    loop {
        step = match step {
            ServerStep::FindKey => server.key(Some(key()), now),
            ServerStep::CheckCertificate => server.certificate(true, now),
            ServerStep::FindSession(_) => server.session(Some(&secrets), now),
            ServerStep::Decide(request) => {
                let secret = Secret::new([0xe5; 16]);
                let admission = match request.hello.mode {
                    Mode::Register => Admission::New {
                        epoch: 1,
                        session: [4; 16],
                        secret,
                        known: None,
                    },
                    Mode::Resume => Admission::Resumed {
                        epoch: 1,
                        secret,
                        received: 17,
                    },
                    Mode::Spare => Admission::Spare,
                };
                let terms = negotiate(&TermsPolicy::default(), &request.hello);
                server.admit(&admission, &terms, now)
            }
            other => return other.frame(),
        }
        .expect("it was asked for");
    }
}
