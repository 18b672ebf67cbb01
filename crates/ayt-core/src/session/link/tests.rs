use super::super::frame::Frame;
use super::super::traffic::Config;
use super::*;
use crate::detectors::Judgement;

mod ends;

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
fn a_shorter_beat_holds_at_once_and_a_longer_one_from_the_next_on() {
    let promised = Some(T(10_000));
    let terms = Terms {
        own_beat: promised,
        ..terms()
    };
    let traffic = Traffic::new(Config::default());
    let mut link = Link::<Counting>::new(T(0), terms, None, traffic);
    assert_eq!(link.deadline(Timer::Beat), Some(T(9_000)));
    link.set_own_beat(T(1_000), Some(T(2_000)));
    assert_eq!(link.deadline(Timer::Beat), Some(T(2_800)));
    link.handle_timeout(T(2_800));
    assert_eq!(frames(&mut link, 2_800), [Frame::Beat]);
    assert_eq!(link.deadline(Timer::Beat), Some(T(4_600)));
    // The one that is due comes no later.
    link.set_own_beat(T(3_000), promised);
    assert_eq!(link.deadline(Timer::Beat), Some(T(4_600)));
    link.handle_timeout(T(4_600));
    assert_eq!(frames(&mut link, 4_600), [Frame::Beat]);
    assert_eq!(link.deadline(Timer::Beat), Some(T(13_600)));
    // None at all, and again.
    link.set_own_beat(T(5_000), None);
    assert_eq!(link.deadline(Timer::Beat), None);
    link.set_own_beat(T(6_000), Some(T(1_000)));
    assert_eq!(link.deadline(Timer::Beat), Some(T(6_900)));
}
