//! Both halves over bytes.

use super::*;
use crate::session::codec::Decoder;
use crate::session::handshake::ClientStep;

/// A frame as the other side reads it, before WELCOME.
fn sent(frame: &Frame) -> Frame {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes).unwrap();
    let mut decoder = Decoder::new();
    assert_eq!(decoder.feed(&bytes), bytes.len(), "within 1,028 bytes");
    decoder.next_frame().unwrap().unwrap()
}

/// Runs a registration; what each side comes to.
fn run(client: &mut Client, hello: Frame, server: &mut Server) -> (ClientStep, ServerStep) {
    let mut from_client = hello;
    loop {
        let step = server.on_frame(&sent(&from_client), START).unwrap();
        let served = answer(server, step);
        let answer = sent(&served.frame().unwrap());
        match client.on_frame(&answer, START).unwrap() {
            ClientStep::Send(frame) => from_client = frame,
            step => return (step, served),
        }
    }
}

#[test]
fn both_sides_register_and_agree() {
    for mode in MODES {
        for method in METHODS {
            let (mut client, hello) = client(mode, method);
            let mut server = server(method);
            let (at_client, at_server) = run(&mut client, hello, &mut server);
            let (ClientStep::Registered(read), ServerStep::Registered(written)) =
                (at_client, at_server)
            else {
                panic!("{mode:?} with {method:?} was not registered");
            };
            assert_eq!(read, written);
            assert_eq!(read.mac.is_some(), method == Method::Hmac);
            assert_eq!(read.resumed, mode == Mode::Resume);
            let beat = if mode == Mode::Spare { 0 } else { 30_000 };
            assert_eq!((read.client_beat_ms, read.server_beat_ms), (beat, beat));
            assert_eq!(
                (client.next_deadline(), server.next_deadline()),
                (None, None)
            );
        }
    }
}

#[test]
fn a_client_with_another_key_is_refused() {
    for mode in MODES {
        let credential = Credential::Key(other_key());
        let nonce = [0xc1; 16];
        let (mut client, hello) =
            Client::start(&settings(), credential, purpose(mode), nonce, START).unwrap();
        let mut server = server(Method::Hmac);
        let (at_client, at_server) = run(&mut client, hello, &mut server);
        assert_eq!(refused(&at_server), Reason::NotAuthorised);
        let ClientStep::Refused(refuse) = at_client else {
            panic!("not refused");
        };
        assert_eq!(
            (refuse.reason, refuse.retry),
            (Reason::NotAuthorised, Retry::Never)
        );
    }
}

#[test]
fn a_changed_byte_on_the_way_registers_nobody() {
    // Each byte of each frame, one bit of it, under the proof of a key. Some changes
    // break the frame; none gives two sides that believe different things.
    for mode in MODES {
        for which in 0..4 {
            for at in 0..180 {
                changed(mode, which, at);
            }
        }
    }
}

/// A registration in which one bit of one of its four frames is turned over.
fn changed(mode: Mode, which: usize, at: usize) {
    let (mut client, hello) = client(mode, Method::Hmac);
    let mut server = server(Method::Hmac);
    let mut turned = false;
    let mut pass = |number: usize, frame: &Frame| -> Option<Frame> {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).unwrap();
        if number == which
            && let Some(byte) = bytes.get_mut(at)
        {
            *byte ^= 1 << (at % 8);
            turned = true;
        }
        let mut decoder = Decoder::new();
        decoder.feed(&bytes);
        decoder.next_frame().ok().flatten()
    };
    let mut number = 0;
    let mut from_client = hello;
    let registered = loop {
        let Some(read) = pass(number, &from_client) else {
            break false;
        };
        let Ok(step) = server.on_frame(&read, START) else {
            break false;
        };
        let step = match step {
            // The name of the session may be the byte that was changed.
            ServerStep::FindSession(name) if name != SESSION => break false,
            step => answer_any(&mut server, step),
        };
        let Some(frame) = step.frame() else {
            break false;
        };
        let Some(read) = pass(number + 1, &frame) else {
            break false;
        };
        match client.on_frame(&read, START) {
            Ok(ClientStep::Send(frame)) => from_client = frame,
            Ok(ClientStep::Registered(_)) => break true,
            Ok(ClientStep::Refused(_)) | Err(_) => break false,
        }
        number += 2;
    };
    assert_eq!(registered, !turned, "{mode:?}, frame {which}, byte {at}");
}

/// As [`answer`], for a session name that may have been changed on the way.
fn answer_any(server: &mut Server, step: ServerStep) -> ServerStep {
    match step {
        ServerStep::FindKey => match server.key(Some(key()), START).unwrap() {
            ServerStep::FindSession(name) => {
                let secrets = ResumeSecrets::new(secret());
                let known = (name == SESSION).then_some(&secrets);
                let step = server.session(known, START).unwrap();
                answer(server, step)
            }
            step => answer(server, step),
        },
        step => answer(server, step),
    }
}
