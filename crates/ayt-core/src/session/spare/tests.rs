use super::*;
use crate::session::frame::{Bye, Frame, Reason, Retry};

const T: fn(u64) -> Duration = Duration::from_millis;

fn pair() -> (Client, Server) {
    (Client::new(T(5_000)), Server::new(T(0), T(10_000)))
}

fn bye() -> Frame {
    Frame::Bye(Bye {
        reason: Reason::Done,
        retry: Retry::Never,
        last: 0,
        text: String::new(),
    })
}

#[test]
fn a_silence_is_kept_to_the_millisecond_and_then_spoken() {
    let (mut client, mut server) = pair();
    let mut now = T(0);
    for silence in [10, 30_000, 7_200_000] {
        assert!(client.start(now, silence));
        assert!(!client.start(now, silence), "one trial at a time");
        assert_eq!(client.poll(), Some(Step::Silence(silence)));
        server.handle_frame(now, &Frame::Silence(silence));
        let due = server.next_deadline().unwrap();
        assert_eq!(due, now + ms(silence));
        server.handle_timeout(due - T(1));
        assert_eq!(server.poll_transmit(), None);
        server.handle_timeout(due);
        let spoken = server.poll_transmit().unwrap();
        assert_eq!(spoken, Frame::Speak(silence));
        client.handle_frame(due + T(40), &spoken).unwrap();
        assert_eq!(client.poll(), Some(Step::Done(Outcome::Survived(silence))));
        now = due + T(50);
    }
}

#[test]
fn a_silence_is_blamed_only_when_the_real_connection_answers() {
    for (answered, outcome) in [
        (true, Outcome::Killed(60_000)),
        (false, Outcome::Inconclusive(60_000)),
    ] {
        let (mut client, _) = pair();
        client.start(T(0), 60_000);
        client.poll();
        assert_eq!(client.next_deadline(), Some(T(65_000)));
        client.handle_timeout(T(64_999));
        assert_eq!(client.poll(), None);
        client.handle_timeout(T(65_000));
        assert_eq!(client.poll(), Some(Step::AskReal));
        client.real_answered(answered);
        assert_eq!(client.poll(), Some(Step::Done(outcome)));
        assert!(!client.start(T(70_000), 60_000), "the spare is used up");
    }
}

#[test]
fn a_client_that_slept_reads_before_it_blames() {
    let (mut client, _) = pair();
    client.start(T(0), 60_000);
    client.poll();
    client.handle_timeout(T(600_000));
    assert_eq!(client.poll(), None);
    client
        .handle_frame(T(600_001), &Frame::Speak(60_000))
        .unwrap();
    assert_eq!(client.poll(), Some(Step::Done(Outcome::Survived(60_000))));
}

#[test]
fn a_spare_that_ends_or_speaks_too_late_shows_nothing() {
    let over = Some(Step::Done(Outcome::Inconclusive(60_000)));
    let (mut client, _) = pair();
    client.start(T(0), 60_000);
    client.handle_frame(T(10), &bye()).unwrap();
    assert_eq!(client.poll(), over);
    let (mut client, _) = pair();
    client.start(T(0), 60_000);
    client.handle_timeout(T(65_000));
    client
        .handle_frame(T(65_001), &Frame::Speak(60_000))
        .unwrap();
    assert_eq!(client.poll(), over);
    client.real_answered(true);
    assert_eq!(client.poll(), None);
}

#[test]
fn a_server_that_speaks_wrongly_is_not_believed() {
    for (at, frame) in [
        (60_000, Frame::Speak(30_000)),
        (30_000, Frame::Speak(60_000)),
        (30_000, Frame::Beat),
    ] {
        let (mut client, _) = pair();
        client.start(T(0), 60_000);
        assert!(client.handle_frame(T(at), &frame).is_err(), "{frame:?}");
        assert_eq!(
            client.poll(),
            Some(Step::Done(Outcome::Inconclusive(60_000)))
        );
    }
    let (mut idle, _) = pair();
    assert!(idle.handle_frame(T(0), &Frame::Speak(10)).is_err());
    assert!(!idle.start(T(0), 10), "closed by the violation");
}

#[test]
fn a_client_that_asks_for_nothing_is_too_late() {
    let (_, mut server) = pair();
    server.handle_timeout(T(9_999));
    assert_eq!(server.closing(), None);
    server.handle_timeout(T(10_000));
    assert_eq!(server.closing(), Some(Closing::TooLate));
    assert!(matches!(
        server.poll_transmit(),
        Some(Frame::Bye(bye)) if bye.reason == Reason::TooLate
    ));
    assert_eq!(server.next_deadline(), None);
}

#[test]
fn what_has_no_place_on_a_spare_ends_it() {
    let message = bytes::Bytes::new();
    for frame in [
        Frame::Beat,
        Frame::Ping([0; 4]),
        Frame::Ack(1),
        Frame::Data { seq: 1, message },
        Frame::Speak(10),
        Frame::Silence(9),
        Frame::Silence(7_200_001),
    ] {
        let (_, mut server) = pair();
        server.handle_frame(T(0), &frame);
        assert!(
            matches!(server.closing(), Some(Closing::Violation(_))),
            "{frame:?}"
        );
        assert!(matches!(
            server.poll_transmit(),
            Some(Frame::Bye(bye)) if bye.reason == Reason::ProtocolError && bye.text.len() <= 200
        ));
    }
    // During a silence nothing at all may come, not even an extension.
    let (_, mut server) = pair();
    let extension = Frame::Extension {
        kind: 0x80,
        payload: bytes::Bytes::new(),
    };
    server.handle_frame(T(0), &extension);
    assert_eq!(server.closing(), None);
    server.handle_frame(T(0), &Frame::Silence(10));
    server.handle_frame(T(1), &extension);
    assert!(matches!(server.closing(), Some(Closing::Violation(_))));
    // A goodbye may come at any time.
    let (_, mut server) = pair();
    server.handle_frame(T(0), &Frame::Silence(10));
    server.handle_frame(T(1), &bye());
    assert_eq!(server.closing(), Some(Closing::Bye));
    assert_eq!(server.poll_transmit(), None);
}
