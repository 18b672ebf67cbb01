//! Made-up runs for the tests.

use std::time::Duration;

use super::{Event, Report, Run};
use crate::log::{Fate, Log, Origin, Record, Room};
use crate::packet::sample::segment_ack;
use crate::packet::{Direction, Packet, Side, answer};
use ayt_core::cause::Cause;

/// Packets one after another, a millisecond apart unless [`Script::wait`] says more.
#[derive(Debug)]
pub(crate) struct Script {
    log: Log,
    now: Duration,
    stage: Option<(&'static str, &'static str)>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            log: Log::new(Room::default()),
            now: Duration::from_millis(100),
            stage: None,
        }
    }

    /// A handshake and four bytes from A: it is at 105, B at 901.
    pub(crate) fn connected() -> Self {
        use Direction::{AtoB, BtoA};
        let mut script = Self::new();
        script.sent(AtoB, "S", 100, 0, b"");
        script.sent(BtoA, "S.", 900, 101, b"");
        script.sent(AtoB, ".", 101, 901, b"");
        script.sent(AtoB, ".", 101, 901, b"ping");
        script.sent(BtoA, ".", 901, 105, b"");
        script
    }

    pub(crate) fn wait(&mut self, ms: u64) -> Duration {
        self.now += Duration::from_millis(ms);
        self.now
    }

    /// From now on everything is dropped by this stage, for this reason.
    pub(crate) fn cut(&mut self, by: &'static str, why: &'static str) {
        self.stage = Some((by, why));
    }

    pub(crate) fn sent(&mut self, way: Direction, flags: &str, seq: u32, ack: u32, data: &[u8]) {
        self.put(way, segment_ack(way, flags, seq, ack, data), Origin::Host);
    }

    /// A stage answers a segment with RST.
    pub(crate) fn reset(&mut self, of: Direction, seq: u32, ack: u32) {
        let bytes = segment_ack(of, ".", seq, ack, b"");
        let packet = Packet::parse(bytes, of, self.now).unwrap();
        let answer = answer::reset(packet.summary()).unwrap();
        self.put(of.back(), answer, Origin::Stage("reset"));
    }

    pub(crate) fn put(&mut self, way: Direction, bytes: Vec<u8>, origin: Origin) {
        self.wait(1);
        let mut packet = Packet::parse(bytes, way, self.now).unwrap();
        self.log.saw(&mut packet, origin);
        match self.stage.filter(|_| origin == Origin::Host) {
            Some((by, why)) => self.log.dropped(packet.number, self.now, by, why),
            None => {
                let at = self.now + Duration::from_micros(200);
                self.log.delivered(&packet, at);
            }
        }
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.log.records().cloned().collect()
    }
}

/// A cable is pulled; keepalive 1/1/2 of A finds out.
pub(crate) fn cable() -> Run {
    let mut script = Script::connected();
    let zero = script.wait(400);
    script.cut("cut", "cut");
    script.wait(600);
    for _ in 0..2 {
        script.sent(Direction::AtoB, ".", 104, 901, b"");
        script.wait(1_005);
    }
    script.sent(Direction::AtoB, "R.", 105, 901, b"");
    Run {
        name: "cable-pulled keepalive".into(),
        fault: "cable-pulled".into(),
        detector: "keepalive".into(),
        settings: "1/1/2".into(),
        cause: Some(Cause::KeepaliveTimeout.into()),
        detected: true,
        measured: Some(Duration::from_millis(2_620)),
        planned: Some([Duration::from_millis(2_600), Duration::from_millis(2_900)]),
        zero,
        hosts: ["server".into(), "client".into()],
        events: vec![
            (zero, "the cable is pulled".to_owned()).into(),
            (script.wait(0), Side::A, "read: ETIMEDOUT".to_owned()).into(),
        ],
        records: script.records(),
        ..Run::default()
    }
}

/// A router answers data with RST.
pub(crate) fn router() -> Run {
    let mut script = Script::connected();
    let zero = script.wait(50);
    script.cut("reset", "reset");
    script.sent(Direction::AtoB, ".", 105, 901, b"more");
    script.reset(Direction::AtoB, 105, 901);
    Run {
        name: "reset by the router".into(),
        fault: "router-reset".into(),
        detector: "keepalive".into(),
        settings: "1/1/2".into(),
        cause: Some(Cause::PeerReset.into()),
        detected: true,
        measured: Some(Duration::from_millis(2)),
        zero,
        events: vec![(script.wait(0), Side::A, "read: ECONNRESET".to_owned()).into()],
        records: script.records(),
        ..Run::default()
    }
}

/// Nobody watches, and one packet never leaves the wire.
pub(crate) fn nobody() -> Run {
    let mut script = Script::connected();
    let zero = script.wait(10);
    let mut records = script.records();
    if let Some(last) = records.last_mut() {
        last.fate = Fate::UnderWay;
    }
    Run {
        name: "cable-pulled none".into(),
        fault: "cable-pulled".into(),
        detector: "none".into(),
        zero,
        records,
        ..Run::default()
    }
}

pub(crate) fn report() -> Report {
    Report {
        title: "The lab".into(),
        machine: "Linux 6.1, 2 processors".into(),
        seed: Some(7),
        pcap: true,
        runs: vec![cable(), router(), nobody()],
    }
}

/// A run whose every text is this one.
pub(crate) fn hostile(text: &str) -> Run {
    Run {
        name: text.into(),
        fault: text.into(),
        detector: text.into(),
        settings: text.into(),
        cause: Some(text.to_owned().into()),
        hosts: [text.into(), text.into()],
        events: vec![Event::from((Duration::ZERO, Side::B, text.to_owned()))],
        ..router()
    }
}
