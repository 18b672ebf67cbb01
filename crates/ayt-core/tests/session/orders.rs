//! Takeover, close, resume, drain and time, in every order up to a depth: a
//! search through all of the registry's small states.

use std::collections::BTreeMap;
use std::time::Duration;

use ayt_core::session::frame::Bits128;
use ayt_core::session::link::Fate;
use ayt_core::session::registry::{
    Answer, Claim, Config, Conn, Connections, Decision, Event, Held, NewSession, Policy, Registry,
    Secret, Wish,
};
use ayt_core::session::traffic::{Accepts, CannotResume, Numbers};

use super::server::identity;

/// A session with, or without, something that was not handed over.
#[derive(Debug, Clone, PartialEq)]
struct Fake {
    unread: bool,
}

impl Held for Fake {
    fn cost(&self) -> u64 {
        1
    }
    fn numbers(&self) -> Numbers {
        Numbers::default()
    }
    fn all_handed_over(&self) -> bool {
        !self.unread
    }
    fn settle(&self) -> Numbers {
        self.numbers()
    }
    fn may_resume(&self, _: u64, _: Accepts) -> Result<(), CannotResume> {
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Live,
    Draining,
}

/// What the driver knows, which does as it is told.
#[derive(Debug, Clone)]
struct Driver {
    registry: Registry<Fake>,
    now: Duration,
    /// Connections whose sockets are open.
    open: BTreeMap<Conn, At>,
    waiting: Option<Conn>,
    pending: Option<Claim>,
    /// The session's name and secret, as its client has them.
    session: Option<(u8, u8)>,
    next: u8,
    epochs: Vec<u64>,
    /// The live session's messages are held back.
    held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    /// A newer connection registers, and commits at once.
    Register,
    /// It takes its time between the two.
    Claim,
    ClaimResume,
    Commit,
    Resume,
    /// The older answers, or not, when it is asked.
    Answer(bool),
    /// The end of the n-th last connection.
    Lost(usize, Fate, bool),
    Drained(usize),
    /// Until the next timer.
    Wait,
}

const OPS: [Op; 15] = [
    Op::Register,
    Op::Claim,
    Op::ClaimResume,
    Op::Commit,
    Op::Resume,
    Op::Answer(true),
    Op::Answer(false),
    Op::Lost(0, Fate::Stays, true),
    Op::Lost(0, Fate::Stays, false),
    Op::Lost(0, Fate::Ends, true),
    Op::Lost(1, Fate::Ends, false),
    Op::Drained(0),
    Op::Drained(1),
    Op::Drained(2),
    Op::Wait,
];

impl Driver {
    fn new(policy: Policy) -> Self {
        let config = Config {
            policy,
            // Shorter than the registry's looks at the clock: its deadlines are those
            // of what happens.
            resume_for: Duration::from_millis(900),
            ..Config::default()
        };
        Self {
            registry: Registry::new(config, 0),
            now: Duration::ZERO,
            open: BTreeMap::new(),
            waiting: None,
            pending: None,
            session: None,
            next: 0,
            epochs: Vec::new(),
            held: false,
        }
    }

    fn connections(&self) -> Connections {
        self.registry.connections(&identity())
    }

    /// Does it; `false` where it makes no sense here.
    fn run(&mut self, op: Op) -> bool {
        let now = self.now;
        match op {
            Op::Register => {
                let decision = self.arrive();
                self.decide(decision, true);
            }
            Op::Claim if self.pending.is_none() => {
                let decision = self.arrive();
                self.decide(decision, false);
            }
            Op::Resume | Op::ClaimResume if self.session.is_some() => {
                if op == Op::ClaimResume && self.pending.is_some() {
                    return false;
                }
                match self.resume() {
                    Answer::Go(claim) if op == Op::Resume => self.commit(claim),
                    Answer::Go(claim) => self.pending = Some(claim),
                    Answer::Fresh(decision) => self.decide(decision, op == Op::Resume),
                    Answer::Refuse(refusal) => panic!("its own secret: {refusal:?}"),
                }
            }
            Op::Commit => match self.pending.take() {
                Some(claim) => self.commit(claim),
                None => return false,
            },
            Op::Answer(answered) if self.waiting.is_some() => {
                let Some(&asked) = self.epochs.last() else {
                    return false;
                };
                let decided = self.registry.verified(now, &identity(), asked, answered);
                let (conn, decision) = decided.expect("somebody waits for it");
                assert_eq!(self.waiting.take(), Some(conn));
                self.decide(decision, true);
            }
            Op::Lost(back, fate, draining) => return self.lost(back, fate, draining),
            Op::Drained(back) => return self.drained(back),
            Op::Wait => match self.registry.next_deadline() {
                Some(at) => {
                    assert!(at > now, "a timer that was due stays");
                    self.now = at;
                    self.registry.handle_timeout(at);
                }
                None => return false,
            },
            _ => return false,
        }
        self.now += Duration::from_millis(1);
        true
    }

    fn epoch(&self, back: usize) -> Option<u64> {
        let index = self.epochs.len().checked_sub(back + 1)?;
        Some(self.epochs[index])
    }

    fn lost(&mut self, back: usize, fate: Fate, draining: bool) -> bool {
        let Some(epoch) = self.epoch(back) else {
            return false;
        };
        let before = self.connections();
        let current = before.live.filter(|(_, live)| *live == epoch);
        let census = self.registry.census();
        let done = self
            .registry
            .lost(self.now, &identity(), epoch, fate, draining);
        assert_eq!(done, current.is_some());
        if let Some((conn, _)) = current {
            if draining {
                self.open.insert(conn, At::Draining);
            } else {
                self.open.remove(&conn);
            }
            self.held = false;
        } else {
            assert_eq!(self.connections(), before, "a late close touches nothing");
            assert_eq!(self.registry.census(), census);
        }
        true
    }

    fn drained(&mut self, back: usize) -> bool {
        let Some(epoch) = self.epoch(back) else {
            return false;
        };
        let before = self.connections();
        let done = self.registry.drained(self.now, &identity(), epoch);
        let after = self.connections();
        assert_eq!(
            after.live, before.live,
            "a drain that ends touches nobody else"
        );
        // The older one may have been cut before, and only handed over since.
        match before.drain {
            Some(conn) if done && after.drain.is_none() => {
                self.open.remove(&conn);
            }
            _ => assert_eq!(after, before),
        }
        true
    }

    fn arrive(&mut self) -> Decision {
        self.next += 1;
        let conn = Conn(u64::from(self.next));
        self.registry.register(self.now, &identity(), conn)
    }

    fn resume(&mut self) -> Answer {
        self.next += 1;
        let conn = Conn(u64::from(self.next));
        let (name, secret) = self.session.expect("asked before");
        let proves = |candidate: &Bits128| *candidate == [secret; 16];
        let wish = Wish {
            session: [name; 16],
            received: 0,
            accepts: Accepts::default(),
            proves: &proves,
        };
        self.registry.resume(self.now, &identity(), conn, &wish)
    }

    fn decide(&mut self, decision: Decision, at_once: bool) {
        match decision {
            Decision::Take(claim) if at_once => self.commit(claim),
            Decision::Take(claim) => self.pending = Some(claim),
            Decision::Refuse(_) => {}
            Decision::Verify { refused, .. } => {
                assert_eq!(refused.map(|(conn, _)| conn), self.waiting);
                self.waiting = Some(Conn(u64::from(self.next)));
            }
        }
    }

    fn commit(&mut self, claim: Claim) {
        let before = (self.connections(), self.registry.census());
        self.next += 1;
        let mark = self.next;
        let resumed = self
            .registry
            .commit_resume(self.now, claim.clone(), Secret([mark; 16]));
        if let Ok(resumed) = resumed {
            if let Some(cut) = resumed.cut {
                assert!(self.open.remove(&cut).is_some(), "it was open");
            }
            let (name, _) = self.session.expect("resumed");
            self.entered(resumed.epoch, resumed.held, (name, mark));
            return;
        }
        let new = NewSession {
            name: [mark; 16],
            secret: Secret([mark; 16]),
            handle: Fake {
                unread: mark.is_multiple_of(2),
            },
            instead_of: None,
        };
        let Ok(taken) = self.registry.commit(self.now, claim, new) else {
            let after = (self.connections(), self.registry.census());
            assert_eq!(after, before, "a stale claim changes nothing");
            return;
        };
        if let Some(old) = taken.superseded {
            let was = self.open.insert(old, At::Draining);
            assert_eq!(was, Some(At::Live));
        }
        if let Some(cut) = taken.displaced.and_then(|displaced| displaced.conn) {
            assert_eq!(self.open.remove(&cut), Some(At::Draining));
        }
        self.entered(taken.epoch, taken.held, (mark, mark));
    }

    fn entered(&mut self, epoch: u64, held: bool, session: (u8, u8)) {
        assert!(
            self.epochs.last().is_none_or(|&last| last < epoch),
            "epochs grow"
        );
        let (conn, live) = self.connections().live.expect("just entered");
        assert_eq!(live, epoch);
        self.open.insert(conn, At::Live);
        self.epochs.push(epoch);
        self.session = Some(session);
        self.held = held;
    }

    fn act_and_check(&mut self) {
        while let Some(event) = self.registry.poll_event() {
            match event {
                Event::Cut(conn) => {
                    assert_eq!(self.open.remove(&conn), Some(At::Draining));
                }
                Event::Released { epoch, .. } => {
                    assert_eq!(self.epochs.last(), Some(&epoch));
                    self.held = false;
                }
                Event::Decided { conn, decision } => {
                    assert_eq!(self.waiting.take(), Some(conn));
                    self.decide(decision, true);
                }
                Event::Over { .. } | Event::Settled { .. } | Event::Flapping(_) => {}
            }
        }
        let connections = self.connections();
        let at = |wanted| {
            let mut found = self.open.iter().filter(|(_, at)| **at == wanted);
            let first = found.next().map(|(conn, _)| *conn);
            assert_eq!(found.next(), None, "more than one is {wanted:?}");
            first
        };
        assert_eq!(at(At::Live), connections.live.map(|(conn, _)| conn));
        assert_eq!(at(At::Draining), connections.drain);
        assert_eq!(self.waiting, connections.waiting);
        if connections.live.is_some() && connections.drain.is_some() {
            assert!(
                self.held,
                "nothing is handed over while the older one is read"
            );
        }
    }

    /// Whatever happened, everything that waits is over in bounded time.
    fn settles(mut self) {
        for _ in 0..8 {
            let Some(at) = self.registry.next_deadline() else {
                break;
            };
            self.now = self.now.max(at);
            self.registry.handle_timeout(self.now);
            self.act_and_check();
        }
        assert_eq!(self.registry.next_deadline(), None);
        assert!(!self.held && self.waiting.is_none());
        assert!(self.open.values().all(|at| *at == At::Live));
    }
}

fn search(driver: &Driver, depth: u32, path: &mut Vec<Op>, explored: &mut u64) {
    for op in OPS {
        let mut next = driver.clone();
        path.push(op);
        let guard = Path(path);
        if next.run(op) {
            next.act_and_check();
            *explored += 1;
            if depth == 1 {
                next.settles();
                drop(guard);
            } else {
                std::mem::forget(guard);
                search(&next, depth - 1, path, explored);
            }
        } else {
            drop(guard);
        }
        path.pop();
    }
}

/// Names the way to a failure.
struct Path<'a>(&'a [Op]);

impl Drop for Path<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = format!("failed on the way {:?}\n", self.0);
            let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        }
    }
}

fn explore(policy: Policy, depth: u32, least: u64) {
    let mut explored = 0;
    search(&Driver::new(policy), depth, &mut Vec::new(), &mut explored);
    assert!(explored > least, "{explored} states");
}

#[test]
fn every_order_with_newest() {
    explore(Policy::Newest, 7, 300_000);
}

#[test]
fn every_order_with_oldest() {
    explore(Policy::Oldest, 6, 40_000);
}

#[test]
fn every_order_with_verify() {
    explore(Policy::Verify, 7, 300_000);
}
