use super::super::frame::Frame;
use super::super::traffic::Config;
use super::*;
use crate::detectors::Judgement;

const T: fn(u64) -> Duration = Duration::from_millis;

/// Beat 1 s, so many misses, challenge 500 ms: the table of docs/protocol.md.
#[derive(Debug)]
struct Counting {
    since: Duration,
    suspected: bool,
    silence: Duration,
}

impl Counting {
    const fn new(now: Duration, misses: u64) -> Self {
        Self {
            since: now,
            suspected: false,
            silence: Duration::from_secs(misses),
        }
    }
}

impl Detector for Counting {
    fn on_received(&mut self, now: Duration) {
        self.since = now;
        self.suspected = false;
    }
    fn pause(&mut self, _: Duration) {}
    fn resume(&mut self, now: Duration) {
        self.on_received(now);
    }
    fn next_deadline(&self) -> Option<Duration> {
        let challenge = if self.suspected { T(500) } else { T(0) };
        Some(self.since + self.silence + challenge)
    }
    fn poll(&mut self, now: Duration) -> Judgement {
        let Some(late) = now.checked_sub(self.next_deadline().unwrap()) else {
            return Judgement::Alive;
        };
        if late > T(1_000) {
            self.on_received(now);
            Judgement::Late(late)
        } else if std::mem::replace(&mut self.suspected, true) {
            Judgement::Silent
        } else {
            Judgement::Suspect
        }
    }
}

fn terms() -> Terms {
    Terms {
        own_beat: Some(T(1_000)),
        challenge: T(500),
        peer_is_one_way: false,
        drain: T(5_000),
        finish: T(3_000),
    }
}

fn link_with(terms: Terms) -> Link<Counting> {
    let detector = Counting::new(T(0), 2);
    Link::new(T(0), terms, Some(detector), Traffic::new(Config::default()))
}

fn link() -> Link<Counting> {
    link_with(terms())
}

fn frames(link: &mut Link<Counting>, now: u64) -> Vec<Frame> {
    std::iter::from_fn(|| link.poll_transmit(T(now))).collect()
}

fn events(link: &mut Link<Counting>) -> Vec<Event> {
    std::iter::from_fn(|| link.poll_event()).collect()
}

fn data(seq: u64) -> Frame {
    let message = Bytes::from_static(b"hello");
    Frame::Data { seq, message }
}

fn bye(reason: Reason, last: u64) -> Frame {
    Frame::Bye(Bye {
        reason,
        retry: Retry::After(0),
        last,
        text: String::new(),
    })
}

fn came(link: &mut Link<Counting>, now: u64, frame: Frame) {
    link.handle_bytes(T(now), 1);
    link.handle_frame(T(now), frame);
}

/// The reason of the BYE among some frames, which must be the last of them.
fn said(frames: &[Frame]) -> Option<Reason> {
    let (last, before) = frames.split_last()?;
    assert!(!before.iter().any(|f| matches!(f, Frame::Bye(_))));
    match last {
        Frame::Bye(bye) => Some(bye.reason),
        _ => None,
    }
}

fn closed(link: &mut Link<Counting>) -> Option<End> {
    events(link).into_iter().find_map(|event| match event {
        Event::Closed(end) => Some(end),
        _ => None,
    })
}

#[test]
fn a_beat_goes_out_before_the_promise_ends_and_only_where_nothing_else_does() {
    let mut link = link();
    assert_eq!(frames(&mut link, 0), []);
    assert_eq!(link.deadline(Timer::Beat), Some(T(900)));
    link.handle_timeout(T(899));
    assert_eq!(frames(&mut link, 899), []);
    link.handle_timeout(T(900));
    assert_eq!(
        link.deadline(Timer::Beat),
        None,
        "once, while nothing can be written"
    );
    assert_eq!(frames(&mut link, 950), [Frame::Beat]);
    assert_eq!(link.deadline(Timer::Beat), Some(T(1_850)));
    let _ = link.offer(Bytes::from_static(b"hello"));
    assert_eq!(frames(&mut link, 1_000), [data(1)]);
    assert_eq!(link.deadline(Timer::Beat), Some(T(1_900)));
}

#[test]
fn half_a_frame_is_life() {
    let mut link = link();
    for now in (1_500..60_000).step_by(1_500) {
        link.handle_bytes(T(now), 1);
        link.handle_timeout(T(now));
    }
    assert!(link.is_live());
    assert_eq!(events(&mut link), []);
    link.handle_bytes(T(61_400), 0);
    link.handle_timeout(T(61_500));
    assert!(link.is_suspect(), "no byte is no life");
}

#[test]
fn suspicion_asks_and_any_byte_recovers() {
    let mut link = link();
    link.handle_timeout(T(2_000));
    assert_eq!(events(&mut link), [Event::Suspect]);
    let ping = frames(&mut link, 2_000).remove(0);
    let Frame::Ping(bytes) = ping else {
        panic!("{ping:?}")
    };
    came(&mut link, 2_100, Frame::Pong(bytes));
    assert_eq!(
        events(&mut link),
        [Event::Recovered, Event::RoundTrip(T(100))]
    );
    // The same answer again is no answer.
    came(&mut link, 2_100, Frame::Pong(bytes));
    assert_eq!(events(&mut link), []);
    assert!(!link.is_suspect());
}

#[test]
fn death_says_bye_half_closes_drains_and_closes() {
    let mut link = link();
    link.handle_timeout(T(2_000));
    frames(&mut link, 2_000);
    link.handle_timeout(T(2_499));
    assert!(link.is_live());
    link.handle_timeout(T(2_500));
    assert!(!link.is_live());
    assert_eq!(
        said(&frames(&mut link, 2_500)),
        Some(Reason::HeartbeatMissed)
    );
    let told = events(&mut link);
    assert!(matches!(&told[1], Event::Ending(end)
        if end.cause == Cause::HeartbeatMissed && end.fate == Fate::Stays));
    assert_eq!(told[2], Event::HalfClose);
    // A late heartbeat with data behind it.
    came(&mut link, 7_000, Frame::Beat);
    came(&mut link, 7_001, data(1));
    assert!(!link.is_live(), "the dead do not come back");
    assert!(
        link.take(T(7_002)).is_some(),
        "but what they sent is delivered"
    );
    assert_eq!(frames(&mut link, 7_100), []);
    link.handle_timeout(T(7_499));
    assert_eq!(closed(&mut link), None);
    link.handle_timeout(T(7_500));
    assert_eq!(closed(&mut link).unwrap().cause, Cause::HeartbeatMissed);
    assert_eq!(link.next_deadline(), None);
}

#[test]
fn a_one_way_peer_is_waited_for_and_not_asked() {
    let mut link = link_with(Terms {
        peer_is_one_way: true,
        own_beat: None,
        ..terms()
    });
    link.handle_timeout(T(2_000));
    assert_eq!(events(&mut link), [Event::Suspect]);
    assert_eq!(frames(&mut link, 2_000), []);
    link.handle_timeout(T(2_500));
    assert!(!link.is_live());
}

#[test]
fn a_late_own_timer_is_not_the_peers_silence() {
    let mut link = link();
    link.handle_timeout(T(3_600_000));
    assert_eq!(events(&mut link), [Event::Late(T(3_598_000))]);
    assert!(link.is_live());
    // Nor does it end a drain before what waits is read.
    link.bye(T(3_600_000), Reason::Superseded, Retry::Never, "");
    frames(&mut link, 3_600_000);
    link.handle_timeout(T(7_200_000));
    assert!(!link.is_closed());
    came(&mut link, 7_200_001, data(1));
    assert!(link.take(T(7_200_001)).is_some());
    link.handle_timeout(T(7_205_000));
    assert!(link.is_closed());
}

#[test]
fn ten_pings_a_second_are_answered_and_no_more_wait() {
    let mut link = link();
    let mut answered = 0;
    for now in 0..5_000 {
        came(&mut link, now, Frame::Ping([1, 2, 3, 4]));
        let pongs = frames(&mut link, now);
        assert!(pongs.iter().all(|f| *f == Frame::Pong([1, 2, 3, 4])));
        answered += pongs.len();
    }
    assert_eq!(answered, 50);
    // A peer that asks and does not read.
    for now in 5_000..60_000 {
        came(&mut link, now, Frame::Ping([0; 4]));
    }
    assert_eq!(frames(&mut link, 60_000).len(), 10);
}

#[test]
fn acknowledgements_go_along_or_at_their_delay() {
    let mut link = link();
    for seq in 1..=2 {
        came(&mut link, 10, data(seq));
    }
    link.take(T(10));
    link.take(T(20));
    assert_eq!(frames(&mut link, 20), []);
    assert_eq!(link.next_deadline(), Some(T(70)));
    link.handle_timeout(T(70));
    assert_ne!(
        link.next_deadline(),
        Some(T(70)),
        "no spinning while nothing is written"
    );
    assert!(link.wants_to_transmit(T(70)));
    assert_eq!(frames(&mut link, 70), [Frame::Ack(1)]);
    link.done(T(80));
    let _ = link.offer(Bytes::from_static(b"hello"));
    assert_eq!(frames(&mut link, 80), [Frame::Ack(2), data(1)]);
}

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
fn who_is_asked_answers_or_is_silent_for_the_challenge_time() {
    let mut link = link();
    link.ask(T(0));
    assert!(matches!(frames(&mut link, 0)[..], [Frame::Ping(_)]));
    link.handle_bytes(T(499), 1);
    assert_eq!(events(&mut link), [Event::Answered]);
    link.ask(T(600));
    link.handle_timeout(T(1_100));
    assert_eq!(events(&mut link), [Event::Unanswered]);
    assert!(link.is_live(), "only the detector says dead");
    // Held up itself, it listens again first.
    link.ask(T(1_200));
    link.handle_timeout(T(2_300));
    assert_eq!(events(&mut link), [Event::Late(T(600))]);
    link.handle_bytes(T(2_301), 1);
    assert_eq!(events(&mut link), [Event::Answered]);
}

#[test]
fn a_one_way_peer_answers_for_itself_while_its_heartbeat_is_not_overdue() {
    let mut link = link_with(Terms {
        peer_is_one_way: true,
        ..terms()
    });
    link.ask(T(1_000));
    assert_eq!(events(&mut link), [Event::Answered]);
    link.handle_timeout(T(2_000));
    link.ask(T(2_000));
    assert_eq!(events(&mut link), [Event::Suspect]);
    assert!(
        !frames(&mut link, 2_000)
            .iter()
            .any(|f| matches!(f, Frame::Ping(_)))
    );
}

#[test]
fn a_text_is_cut_between_characters() {
    let mut link = link();
    link.bye(T(0), Reason::Kicked, Retry::Never, &"ü".repeat(150));
    let sent = frames(&mut link, 0);
    assert!(matches!(&sent[..], [Frame::Bye(bye)] if bye.text == "ü".repeat(100)));
}
