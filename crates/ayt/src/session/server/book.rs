//! Who is there: the registry, and what its decisions mean for connections. All of it
//! under one lock, which is never held over an await; a session's own lock is taken
//! inside of it, never the other way round.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::session::frame::{Reason, Retry};
use ayt_core::session::link::{End, Event as LinkEvent, Fate, Trigger};
use ayt_core::session::registry::{Conn, Decision, Event, Over, Registry, Resumed, Taken};
use bytes::Bytes;
use tokio::sync::oneshot;

use super::events::SessionEvent;
use super::held::{Keep, Kept, Predecessor};
use super::log;
use super::stats::{Counters, one_more};
use crate::session::driver::Notice;
use crate::session::store::Record;
use crate::sync::{Notify, RandomState};

/// The registry and the connections it speaks of.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) registry: Registry<Keep>,
    /// Which session a connection carries, until its task has ended or it was parted.
    pub(super) conns: HashMap<Conn, Arc<Kept>, RandomState>,
    /// Connections that wait for an older one's answer.
    pub(super) waiters: HashMap<Conn, oneshot::Sender<Decision>, RandomState>,
    /// Spare connections, to be closed in favour of a newer one.
    pub(super) spares: HashMap<Conn, Arc<Notify>, RandomState>,
    /// Identities whose record in the store may have to follow.
    pub(super) changed: HashSet<Bytes, RandomState>,
    /// The one of them whose record is being looked at.
    following: Option<Bytes>,
    /// Records of other servers that are being replaced, or were: whose they are has to
    /// be told, whatever becomes of the registration.
    pub(super) taken_from: HashMap<Bytes, Record, RandomState>,
}

impl Book {
    pub(super) fn new(registry: Registry<Keep>) -> Self {
        Self {
            registry,
            conns: HashMap::default(),
            waiters: HashMap::default(),
            spares: HashMap::default(),
            changed: HashSet::default(),
            following: None,
            taken_from: HashMap::default(),
        }
    }

    /// Does what the registry has decided.
    pub(super) fn follow(&mut self, counters: &Counters) {
        while let Some(event) = self.registry.poll_event() {
            match event {
                Event::Over {
                    identity,
                    why,
                    handle: Keep(kept),
                    ..
                } => {
                    let cause = kept.is_over(why);
                    counters.ended(cause);
                    log::over(&identity, cause, why);
                    self.changed.insert(identity);
                }
                Event::Settled {
                    identity,
                    peer_received,
                    numbers,
                } => {
                    // In place of it, just committed.
                    if let Some((_, _, Keep(kept))) = self.registry.current(&identity) {
                        kept.set_predecessor(Predecessor {
                            peer_received,
                            numbers,
                        });
                    }
                }
                Event::Cut(conn) => self.cut(conn),
                Event::Released { identity, epoch } => {
                    if let Some(Keep(kept)) = self.registry.session(&identity, epoch) {
                        kept.core.release();
                    }
                }
                Event::Decided { conn, decision } => self.tell(conn, decision),
                Event::Flapping(identity) => {
                    one_more(&counters.flapping);
                    log::flapping(&identity);
                    if let Some((_, _, Keep(kept))) = self.registry.current(&identity) {
                        kept.push(SessionEvent::Flapping);
                    }
                }
            }
        }
    }

    /// An identity whose record may have to follow. It stays one until
    /// [`Self::has_followed`]: whoever asked may have been stopped since.
    pub(super) fn next_changed(&mut self) -> Option<Bytes> {
        self.changed.extend(self.following.take());
        self.changed.iter().next().cloned()
    }

    /// What changes from now on has to be followed anew.
    pub(super) fn follows(&mut self, identity: &Bytes) {
        self.following = self.changed.take(identity);
    }

    pub(super) fn has_followed(&mut self) {
        self.following = None;
    }

    /// A connection that waits is decided. One that has given up meanwhile leaves its
    /// claim unused, which changes nothing.
    pub(super) fn tell(&mut self, conn: Conn, decision: Decision) {
        if let Some(waiter) = self.waiters.remove(&conn) {
            let _ = waiter.send(decision);
        }
    }

    /// Closes a connection at once and without BYE.
    fn cut(&mut self, conn: Conn) {
        if let Some(kept) = self.conns.remove(&conn) {
            kept.core.part();
        }
    }

    /// What a registration means for the older ones.
    pub(super) fn taken(&mut self, taken: &Taken<Keep>, new: &Kept, counters: &Counters) {
        if taken.held {
            new.core.hold();
        }
        if let Some(conn) = taken.superseded {
            one_more(&counters.takeovers);
            if let Some(older) = self.conns.get(&conn) {
                older.core.bye(
                    Reason::Superseded,
                    Retry::Never,
                    "a newer connection of this identity took over",
                );
            }
        }
        if let Some(displaced) = &taken.displaced
            && let Some(conn) = displaced.conn
        {
            self.cut(conn);
        }
    }

    /// What a resume means for the connection before.
    pub(super) fn resumed(&mut self, resumed: &Resumed<Keep>) {
        if let Some(conn) = resumed.cut {
            self.cut(conn);
        }
        let core = &resumed.handle.0.core;
        if resumed.held {
            core.hold();
        } else {
            core.release();
        }
    }

    /// What the task of a live connection tells.
    pub(super) fn notice(
        &mut self,
        now: Duration,
        (kept, conn, epoch): (&Kept, Conn, u64),
        notice: Notice,
        counters: &Counters,
    ) {
        // One that was parted has nothing to tell any more.
        if !self.conns.contains_key(&conn) {
            return;
        }
        let identity = &kept.identity;
        let event = match notice {
            Notice::FirstFrame => {
                self.registry.heard(identity, epoch);
                return;
            }
            Notice::Link(event) => event,
        };
        match event {
            LinkEvent::Answered | LinkEvent::Unanswered => {
                let answered = event == LinkEvent::Answered;
                let decided = self.registry.verified(now, identity, epoch, answered);
                if let Some((waiting, decision)) = decided {
                    self.tell(waiting, decision);
                }
            }
            LinkEvent::Ending(end) => self.lost(now, kept, epoch, &end, counters),
            LinkEvent::Suspect => kept.push(SessionEvent::Suspect),
            LinkEvent::Recovered => kept.push(SessionEvent::Recovered),
            LinkEvent::Late(by) => kept.push(SessionEvent::Late(by)),
            LinkEvent::RoundTrip(time) => kept.push(SessionEvent::RoundTrip(time)),
            LinkEvent::HalfClose | LinkEvent::Closed(_) => {}
        }
    }

    /// The end of a connection is decided; it may still be read.
    fn lost(&mut self, now: Duration, kept: &Kept, epoch: u64, end: &End, counters: &Counters) {
        kept.lost(end);
        counters.lost(end.cause);
        self.changed.insert(kept.identity.clone());
        self.registry
            .lost(now, &kept.identity, epoch, end.fate, true);
    }

    /// The task of a connection has ended, and its socket is closed.
    pub(super) fn closed(
        &mut self,
        now: Duration,
        (kept, conn, epoch): (&Kept, Conn, u64),
        counters: &Counters,
    ) {
        let own = self.conns.remove(&conn).is_some();
        if own {
            // Its task ended without an end that was told: dropped, by a panic of its
            // stream's or with its runtime.
            let untold = self
                .registry
                .lost(now, &kept.identity, epoch, Fate::Stays, false);
            if untold {
                kept.core.part();
                let end = End::of(Trigger::Transport(Cause::LocalClose));
                kept.lost(&end);
                counters.lost(end.cause);
                self.changed.insert(kept.identity.clone());
            }
        }
        kept.disconnected();
        if own && !kept.awaits_hand_over() {
            self.registry.drained(now, &kept.identity, epoch);
        }
        self.taken_by_program(now, kept);
    }

    /// A message was handed over, or a connection closed: perhaps that was what a newer
    /// session waits for.
    pub(super) fn taken_by_program(&mut self, now: Duration, kept: &Kept) {
        if kept.awaits_hand_over() && kept.is_drained() {
            self.registry.drained(now, &kept.identity, kept.epoch());
        }
    }

    /// Ends a session now: BYE where it is connected.
    pub(super) fn end(
        &mut self,
        now: Duration,
        kept: &Kept,
        (reason, retry, text): (Reason, Retry, &str),
    ) {
        let over = if reason == Reason::Superseded {
            Over::Superseded
        } else {
            Over::Ended
        };
        let (identity, epoch) = (&kept.identity, kept.epoch());
        if !self.registry.discard(now, identity, epoch, over) {
            kept.core.bye(reason, retry, text);
        }
    }

    /// Another server has the identity since `epoch`: an older session here is over.
    pub(super) fn supersede(&mut self, now: Duration, identity: &Bytes, epoch: u64) {
        let Some((own, live, Keep(kept))) = self.registry.current(identity) else {
            return;
        };
        if own > epoch {
            return;
        }
        if live {
            let text = "another server has this identity now";
            kept.core.bye(Reason::Superseded, Retry::Never, text);
            kept.is_elsewhere();
            // Not only once its task has said so: it is over from here on.
            self.registry.lost(now, identity, own, Fate::Ends, true);
        } else {
            self.registry.discard(now, identity, own, Over::Superseded);
        }
    }
}
