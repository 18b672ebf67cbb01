//! How a connection ends.

use super::*;

#[test]
fn done_is_said_once_everything_is_acknowledged() {
    let mut link = link();
    let _ = link.offer(Bytes::from_static(b"hello"));
    link.end(T(0), Reason::Done, Retry::Never);
    assert_eq!(frames(&mut link, 0), [data(1)]);
    assert_eq!(link.offer(Bytes::new()), Err(OfferError::Ending));
    came(&mut link, 10, Frame::Ack(1));
    assert_eq!(said(&frames(&mut link, 10)), Some(Reason::Done));
    link.handle_eof(T(20));
    let end = closed(&mut link).unwrap();
    assert_eq!((end.cause, end.fate), (Cause::LocalClose, Fate::Ends));
}

#[test]
fn an_end_that_nobody_acknowledges_is_bounded() {
    let mut link = link_with(Terms {
        finish: T(1_500),
        ..terms()
    });
    let _ = link.offer(Bytes::from_static(b"hello"));
    link.end(T(0), Reason::ShuttingDown, Retry::After(9));
    frames(&mut link, 0);
    link.handle_timeout(T(1_500));
    let sent = frames(&mut link, 1_500);
    assert!(
        matches!(&sent[..], [Frame::Beat, Frame::Bye(bye)] | [Frame::Bye(bye)]
        if bye.reason == Reason::ShuttingDown && bye.last == 1 && bye.retry == Retry::After(9))
    );
    // An acknowledgement that comes in the drain still counts.
    came(&mut link, 1_600, Frame::Ack(1));
    assert!(link.traffic().all_acknowledged());
    link.handle_timeout(T(6_500));
    assert_eq!(closed(&mut link).unwrap().fate, Fate::Stays);
}

#[test]
fn an_end_that_the_connection_does_not_survive_goes_on_after_the_resume() {
    let mut link = link();
    let _ = link.offer(Bytes::from_static(b"hello"));
    link.end(T(0), Reason::Done, Retry::Never);
    frames(&mut link, 0);
    link.handle_error(T(10), Cause::PeerReset);
    let end = closed(&mut link).unwrap();
    assert_eq!((end.cause, end.fate), (Cause::PeerReset, Fate::Stays));
    let mut traffic = link.into_traffic();
    traffic.resume(0, traffic.config().peer).unwrap();
    let detector = Some(Counting::new(T(20), 2));
    let mut link = Link::new(T(20), terms(), detector, traffic);
    assert_eq!(frames(&mut link, 20), [data(1)]);
    came(&mut link, 30, Frame::Ack(1));
    assert_eq!(said(&frames(&mut link, 30)), Some(Reason::Done));
}

#[test]
fn after_the_peers_bye_everything_is_handed_over_and_acknowledged_before_closing() {
    let mut link = link();
    let _ = link.offer(Bytes::from_static(b"unsent"));
    came(&mut link, 0, data(1));
    came(&mut link, 0, bye(Reason::Done, 1));
    link.handle_eof(T(0));
    assert_eq!(frames(&mut link, 0), []);
    assert!(!link.is_closed());
    assert!(link.take(T(1_000)).is_some());
    assert!(!link.is_closed(), "not done with yet");
    link.done(T(2_000));
    assert_eq!(frames(&mut link, 2_000), [Frame::Ack(1)]);
    let end = closed(&mut link).unwrap();
    assert_eq!((end.cause, end.fate), (Cause::PeerClosed, Fate::Ends));
    assert!(end.by_peer);
}

#[test]
fn a_program_that_does_not_take_what_came_before_a_bye_does_not_hold_the_connection() {
    let mut link = link();
    came(&mut link, 0, data(1));
    came(&mut link, 0, bye(Reason::ShuttingDown, 1));
    link.handle_timeout(T(5_000));
    assert!(link.is_closed());
    let mut traffic = link.into_traffic();
    assert!(traffic.take(T(9_000)).is_some(), "it is still there");
}

#[test]
fn a_fin_without_bye_closes_at_once_and_the_session_stays() {
    let mut link = link();
    came(&mut link, 0, data(1));
    link.handle_eof(T(1));
    let end = closed(&mut link).unwrap();
    assert_eq!((end.cause, end.fate), (Cause::PeerClosed, Fate::Stays));
    assert!(link.take(T(2)).is_some());
}

#[test]
fn each_broken_rule_ends_the_connection_and_not_the_session() {
    let welcome_like = Frame::Silence(10);
    for frame in [
        data(2),
        Frame::Ack(1),
        welcome_like,
        Frame::Speak(10),
        bye(Reason::Done, 0),
    ] {
        let mut link = link();
        if matches!(frame, Frame::Bye(_)) {
            came(&mut link, 0, data(1));
        }
        came(&mut link, 0, frame.clone());
        assert_eq!(
            said(&frames(&mut link, 0)),
            Some(Reason::ProtocolError),
            "{frame:?}"
        );
        let before = link.traffic().numbers();
        came(&mut link, 1, data(1));
        assert_eq!(
            link.traffic().numbers(),
            before,
            "what follows is thrown away"
        );
        link.handle_eof(T(2));
        let end = closed(&mut link).unwrap();
        assert_eq!((end.cause, end.fate), (Cause::ProtocolError, Fate::Stays));
    }
    let mut link = link();
    link.handle_malformed(T(0), "an unknown type");
    assert_eq!(said(&frames(&mut link, 0)), Some(Reason::ProtocolError));
    let extension = Frame::Extension {
        kind: 0xff,
        payload: Bytes::new(),
    };
    let mut link = self::link();
    came(&mut link, 0, extension);
    assert!(link.is_live());
}

#[test]
fn the_first_cause_is_the_only_one() {
    let mut link = link();
    link.bye(T(0), Reason::Superseded, Retry::Never, "a newer one");
    link.bye(T(0), Reason::Kicked, Retry::Never, "");
    came(&mut link, 1, bye(Reason::Done, 0));
    assert_eq!(said(&frames(&mut link, 1)), Some(Reason::Superseded));
    link.handle_error(T(2), Cause::PeerReset);
    link.cut(T(3));
    link.handle_timeout(T(99_999));
    let told = events(&mut link);
    let ends: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::Ending(end) | Event::Closed(end) => Some(end.cause),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [Cause::Superseded; 2]);
    assert_eq!(
        told.last(),
        told.iter().rfind(|e| matches!(e, Event::Closed(_)))
    );
}

#[test]
fn two_goodbyes_that_cross_both_end() {
    let mut a = link();
    let mut b = link();
    a.end(T(0), Reason::Done, Retry::Never);
    b.end(T(0), Reason::Done, Retry::Never);
    let (from_a, from_b) = (frames(&mut a, 0), frames(&mut b, 0));
    for (link, frames) in [(&mut a, from_b), (&mut b, from_a)] {
        for frame in frames {
            came(link, 1, frame);
        }
        link.handle_eof(T(2));
        assert!(link.is_closed());
    }
}

#[test]
fn a_cut_says_nothing() {
    let mut link = link();
    let _ = link.offer(Bytes::from_static(b"hello"));
    link.cut(T(0));
    assert_eq!(frames(&mut link, 0), []);
    let end = closed(&mut link).unwrap();
    assert_eq!((end.fate, end.reason), (Fate::Stays, None));
    link.handle_eof(T(1));
    link.handle_timeout(T(99_999));
    assert_eq!(events(&mut link), []);
}

#[test]
fn a_text_is_cut_between_characters() {
    let mut link = link();
    link.bye(T(0), Reason::Kicked, Retry::Never, &"ü".repeat(150));
    let sent = frames(&mut link, 0);
    assert!(matches!(&sent[..], [Frame::Bye(bye)] if bye.text == "ü".repeat(100)));
}

#[test]
fn an_end_says_how_many_messages_never_came() {
    for (reason, last, missing) in [
        (Reason::Done, 1, 0),
        (Reason::Done, 4, 3),
        (Reason::Superseded, u64::MAX, u64::MAX - 1),
        (Reason::ShuttingDown, 2, 1),
    ] {
        let mut link = link();
        came(&mut link, 1, data(1));
        came(&mut link, 2, bye(reason, last));
        assert_eq!(link.ending().unwrap().missing, missing, "{reason:?}");
    }
    let mut own = link();
    own.bye(T(1), Reason::Kicked, Retry::Never, "");
    assert_eq!(own.ending().unwrap().missing, 0);
}
