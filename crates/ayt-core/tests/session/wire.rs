//! A connection: two streams of bytes with latency, which may be cut at any byte.

use std::collections::VecDeque;
use std::time::Duration;

use ayt_core::session::frame::Frame;

/// What arrives at one end.
#[derive(Debug, Clone)]
pub(crate) enum Arrival {
    /// Bytes, which may be part of a frame.
    Bytes(usize),
    /// The last byte of a frame has arrived.
    Frame(Box<Frame>),
    /// FIN.
    Eof,
    /// RST.
    Reset,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    latency: Duration,
    arrivals: VecDeque<(Duration, Arrival)>,
    /// Bytes given to it so far.
    carried: u64,
    /// The byte after which nothing passes any more.
    cut_at: Option<u64>,
    /// That byte has been met.
    met: bool,
    /// Nothing passes any more.
    shut: bool,
    /// No sooner does anything arrive.
    stalled: Duration,
}

impl Pipe {
    pub(crate) fn new(latency: Duration, cut_at: Option<u64>) -> Self {
        Self {
            latency,
            cut_at,
            ..Self::default()
        }
    }

    pub(crate) fn send(&mut self, now: Duration, frame: Frame) {
        if self.shut {
            return;
        }
        let size = size(&frame);
        if let Some(at) = self.cut_at
            && self.carried + size > at
        {
            let part = at - self.carried;
            self.push(now, Arrival::Bytes(part as usize));
            self.met = true;
            self.shut = true;
            return;
        }
        self.carried += size;
        // Two segments: half a frame is life too.
        self.push(now, Arrival::Bytes((size / 2) as usize));
        self.push(now, Arrival::Bytes((size - size / 2) as usize));
        self.push(now, Arrival::Frame(Box::new(frame)));
    }

    /// FIN.
    pub(crate) fn close(&mut self, now: Duration) {
        if !std::mem::replace(&mut self.shut, true) {
            self.push(now, Arrival::Eof);
        }
    }

    /// Nothing more passes, what is under way is lost, and the end is told.
    fn reset(&mut self, now: Duration) {
        self.arrivals.clear();
        self.push(now, Arrival::Reset);
        self.shut = true;
    }

    /// What is under way is lost.
    pub(crate) fn lose(&mut self) {
        self.arrivals.clear();
    }

    /// Nothing more passes, and nobody is told.
    pub(crate) const fn vanish(&mut self) {
        self.shut = true;
    }

    /// Whatever arrives, arrives no sooner than then.
    pub(crate) const fn stall_until(&mut self, until: Duration) {
        self.stalled = until;
    }

    fn push(&mut self, now: Duration, arrival: Arrival) {
        self.arrivals.push_back((now + self.latency, arrival));
    }

    pub(crate) fn next_arrival(&self) -> Option<Duration> {
        self.arrivals.front().map(|(at, _)| self.stalled.max(*at))
    }

    pub(crate) fn arrive(&mut self, now: Duration) -> Option<Arrival> {
        if self.next_arrival()? > now {
            return None;
        }
        self.arrivals.pop_front().map(|(_, arrival)| arrival)
    }
}

/// How a wire breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// Only the direction that is cut, and silently.
    OneWay,
    /// Both directions, silently.
    Silent,
    /// Both directions, and both ends are told.
    Reset,
}

/// Both directions.
#[derive(Debug)]
pub(crate) struct Wire {
    /// From the client to the server.
    pub(crate) up: Pipe,
    /// From the server to the client.
    pub(crate) down: Pipe,
    breaks: Break,
    broken: bool,
}

impl Wire {
    pub(crate) const fn new(up: Pipe, down: Pipe, breaks: Break) -> Self {
        Self {
            up,
            down,
            breaks,
            broken: false,
        }
    }

    /// Breaks the rest, once a byte has met the cut of its direction.
    pub(crate) fn settle(&mut self, now: Duration) {
        if !(self.up.met || self.down.met) || std::mem::replace(&mut self.broken, true) {
            return;
        }
        match self.breaks {
            Break::OneWay => {}
            Break::Silent => {
                self.up.vanish();
                self.down.vanish();
            }
            Break::Reset => {
                self.up.reset(now);
                self.down.reset(now);
            }
        }
    }
}

/// How many bytes a frame has on the wire.
pub(crate) fn size(frame: &Frame) -> u64 {
    4 + match frame {
        Frame::Hello(hello) => 40 + hello.identity.len() as u64,
        Frame::Challenge(_) => 17,
        Frame::Proof(proof) => {
            56 * u64::from(proof.resume.is_some()) + 32 * u64::from(proof.mac.is_some())
        }
        Frame::Welcome(welcome) => 74 + 32 * u64::from(welcome.mac.is_some()),
        Frame::Refuse(refuse) => 5 + refuse.text.len() as u64,
        Frame::Data { message, .. } => 8 + message.len() as u64,
        Frame::Ack(_) => 8,
        Frame::Ping(_) | Frame::Pong(_) | Frame::Silence(_) | Frame::Speak(_) => 4,
        Frame::Beat => 0,
        Frame::Bye(bye) => 13 + bye.text.len() as u64,
        Frame::Extension { payload, .. } => payload.len() as u64,
    }
}
