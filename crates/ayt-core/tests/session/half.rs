//! One end of a session: its link while it has one, its traffic, its program.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ayt_core::session::frame::Frame;
use ayt_core::session::link::{Event, Link, Terms};
use ayt_core::session::registry::Held;
use ayt_core::session::traffic::{Accepts, CannotResume, Config, Numbers, Traffic};

use super::detector::Counting;
use super::program::Program;

pub(crate) const BEAT: Duration = Duration::from_secs(1);
pub(crate) const MISSES: u32 = 2;
pub(crate) const CHALLENGE: Duration = Duration::from_millis(500);
pub(crate) const DRAIN: Duration = Duration::from_secs(5);
/// From the last byte to death.
pub(crate) const DEADLINE: Duration = Duration::from_millis(2_500);

/// Small, so that both are full for most of the time.
pub(crate) const ACCEPTS: Accepts = Accepts {
    max_payload: 1_024,
    window: 8_192,
};
pub(crate) const REPLAY: u32 = 6_000;

pub(crate) fn config() -> Config {
    Config {
        own: ACCEPTS,
        peer: ACCEPTS,
        replay_bound: REPLAY,
        ack_delay: Duration::from_millis(50),
    }
}

const TERMS: Terms = Terms {
    own_beat: Some(BEAT),
    challenge: CHALLENGE,
    peer_is_one_way: false,
    drain: DRAIN,
    finish: Duration::from_secs(10),
};

#[derive(Debug)]
enum At {
    Linked(Box<Link<Counting>>),
    Apart(Box<Traffic>),
    Moving,
}

/// One end of a session.
#[derive(Debug)]
pub(crate) struct Half {
    at: At,
    pub(crate) program: Program,
    /// Its connection has said how it ends.
    pub(crate) epoch: u64,
}

/// As the registry holds it.
pub(crate) type Shared = Rc<RefCell<Half>>;

/// The registry's handle.
#[derive(Debug, Clone)]
pub(crate) struct Handle(pub(crate) Shared);

impl Held for Handle {
    fn cost(&self) -> u64 {
        let half = self.0.borrow();
        half.traffic().replay_cost() + half.traffic().queued_cost()
    }
    fn numbers(&self) -> Numbers {
        self.0.borrow().traffic().numbers()
    }
    fn all_handed_over(&self) -> bool {
        self.0.borrow().traffic().all_handed_over()
    }
    fn settle(&self) -> Numbers {
        let mut half = self.0.borrow_mut();
        half.program.settle();
        half.traffic_mut().settle()
    }
    fn may_resume(&self, received: u64, accepts: Accepts) -> Result<(), CannotResume> {
        self.0.borrow().traffic().may_resume(received, accepts)
    }
}

impl Half {
    pub(crate) fn new(traffic: Traffic, program: Program) -> Self {
        Self {
            at: At::Apart(Box::new(traffic)),
            program,
            epoch: 0,
        }
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        match &self.at {
            At::Linked(link) => link.traffic(),
            At::Apart(traffic) => traffic,
            At::Moving => unreachable!("only within a call"),
        }
    }

    pub(crate) fn traffic_mut(&mut self) -> &mut Traffic {
        match &mut self.at {
            At::Linked(link) => link.traffic_mut(),
            At::Apart(traffic) => traffic,
            At::Moving => unreachable!("only within a call"),
        }
    }

    pub(crate) fn link(&mut self) -> Option<&mut Link<Counting>> {
        match &mut self.at {
            At::Linked(link) => Some(link),
            _ => None,
        }
    }

    /// Takes the traffic from the link, which has ended or is cut.
    pub(crate) fn part(&mut self, now: Duration) {
        self.at = match std::mem::replace(&mut self.at, At::Moving) {
            At::Linked(mut link) => {
                link.cut(now);
                At::Apart(link.into_traffic())
            }
            apart => apart,
        };
    }

    pub(crate) fn connect(&mut self, now: Duration) {
        self.part(now);
        let At::Apart(traffic) = std::mem::replace(&mut self.at, At::Moving) else {
            unreachable!("it has just parted")
        };
        let detector = Counting::new(now, BEAT, MISSES, CHALLENGE);
        self.at = At::Linked(Box::new(Link::new(now, TERMS, Some(detector), *traffic)));
    }

    /// Sends and takes a message, as far as that is possible now.
    pub(crate) fn run_program(&mut self, now: Duration, take: bool) {
        if let Some(message) = self.program.next() {
            let result = match &mut self.at {
                At::Linked(link) => link.offer(message),
                At::Apart(traffic) => traffic.offer(message),
                At::Moving => unreachable!("only within a call"),
            };
            self.program.on_offer(result);
        }
        if take {
            let taken = match &mut self.at {
                At::Linked(link) => link.take(now),
                At::Apart(traffic) => traffic.take(now),
                At::Moving => unreachable!("only within a call"),
            };
            self.program.on_taken(taken);
        }
    }

    pub(crate) fn frames(&mut self, now: Duration) -> Vec<Frame> {
        let Some(link) = self.link() else {
            return Vec::new();
        };
        std::iter::from_fn(|| link.poll_transmit(now)).collect()
    }

    pub(crate) fn event(&mut self) -> Option<Event> {
        self.link()?.poll_event()
    }

    /// The program crashes, and comes back with what it kept: the numbers, and
    /// what was not acknowledged. What it had in hand must come again.
    pub(crate) fn crash(&mut self, now: Duration) {
        self.part(now);
        let numbers = self.traffic().numbers();
        let (first, messages) = self.traffic().clone().into_unacknowledged();
        let traffic = Traffic::restore(config(), first - 1, numbers.handed_over, messages);
        self.program.taken = self.program.finished();
        self.program.in_hand = false;
        assert_eq!(self.program.taken, numbers.handed_over);
        self.at = At::Apart(Box::new(traffic));
    }

    /// What must hold at every moment.
    pub(crate) fn check(&self) {
        let traffic = self.traffic();
        let numbers = traffic.numbers();
        assert!(
            traffic.replay_cost() <= u64::from(REPLAY),
            "replay is bounded"
        );
        assert!(
            traffic.queued_cost() <= u64::from(ACCEPTS.window),
            "what came in is bounded"
        );
        assert_eq!(numbers.handed_over, self.program.finished());
        assert_eq!(numbers.accepted, self.program.offered);
    }
}
