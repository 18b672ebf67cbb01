//! One connection being asked.

use std::time::Duration;

use super::ASKS;
use crate::cause::Cause;
use crate::fact::Why;
use crate::facts::TcpInfo;
use crate::keepalive::Keepalive;
use crate::tcp_state::TcpState;
use crate::verdict::{Suspicion, Verdict};

/// Patience no connection's own timing asks for less than.
const LEAST_PATIENCE: Duration = Duration::from_secs(5);

/// Patience nobody can ask for less than: so that the last ask comes well over
/// [`ANSWERS_APART`](super::engine::ANSWERS_APART) after the first, whatever
/// somebody else asked meanwhile. A living peer may swallow those in between.
const PATIENCE_FLOOR: Duration = Duration::from_millis(1_500);

/// Time the last ask has to be answered, at least.
const LEAST_WAIT: Duration = Duration::from_millis(500);

/// The grain of the kernel's ages: its tick is 10 ms at most (HZ = 100).
const TICK_MS: i128 = 12;

/// When an account was read: somewhere between two looks at the clock. The
/// scheduler may keep ayt waiting between reading and looking, and the ages in
/// an account count from when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadAt {
    /// The clock before the read. Ages are taken from here: then what ayt waited
    /// makes nothing younger than it is.
    pub earliest: Duration,
    /// The clock after it: what the account shows had happened by then.
    pub latest: Duration,
}

impl ReadAt {
    /// Read at exactly this moment.
    #[must_use]
    pub const fn exactly(now: Duration) -> Self {
        Self {
            earliest: now,
            latest: now,
        }
    }
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask now, then call [`Target::on_asked`].
    Ask,
    /// Look for the answer until this time, then call [`Target::next`] again.
    Wait(Duration),
    /// It is decided.
    Done(Verdict),
}

/// The state machine of one connection being asked.
///
/// Call [`Self::next`] and do what it says. In between, tell what was seen, in
/// any order and any number of times: [`Self::on_info`] (TCP's account of the
/// socket), [`Self::on_reset`] (a RST came in), [`Self::on_unreachable`] (a
/// router answered), [`Self::on_gone`] (the socket is in no table any more).
/// Times are offsets from any fixed moment and never go backwards.
#[derive(Debug, Clone)]
pub struct Target {
    patience: Duration,
    last_ask_at: Duration,
    /// Segments received before the first ask.
    segs_in: Option<u32>,
    /// The moment the peer was last heard before the first ask, as seen then.
    heard_at: i128,
    /// The moment anything was last heard, as seen at the look.
    quiet_since: i128,
    started: Option<Duration>,
    asked: u32,
    latest_ask: Duration,
    /// RST segments seen.
    resets: u32,
    unreachable: bool,
    /// An ask was made with guessed numbers: silence is no proof.
    guessed: bool,
    verdict: Option<Verdict>,
}

impl Target {
    /// A connection about to be asked, with its account as read at `now` or before.
    /// `patience` overrides the default, the larger of 5 s and 4 × RTO; it is
    /// at least 1.5 s.
    #[must_use]
    pub fn new(now: Duration, before: &TcpInfo, patience: Option<Duration>) -> Self {
        let rto = Duration::from_micros(u64::from(before.rto_us));
        let patience = patience.unwrap_or_else(|| LEAST_PATIENCE.max(rto * 4));
        let patience = patience.max(PATIENCE_FLOOR);
        // The last ask comes late, so that an outage of nearly the whole
        // patience is survived, and early enough for its answer to arrive.
        let wait = rto.max(LEAST_WAIT).min(patience / 2);
        Self {
            patience,
            last_ask_at: patience - wait,
            segs_in: before.segs_in,
            heard_at: moment(now, before.last_ack_recv_ms),
            quiet_since: moment(now, before.heard_ms()),
            started: None,
            asked: 0,
            latest_ask: Duration::ZERO,
            resets: 0,
            unreachable: false,
            guessed: false,
            verdict: None,
        }
    }

    /// How often it was asked.
    #[must_use]
    pub const fn asks(&self) -> u32 {
        self.asked
    }

    /// The verdict, once there is one.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// What is to be done now.
    pub fn next(&mut self, now: Duration) -> Step {
        if let Some(verdict) = &self.verdict {
            return Step::Done(verdict.clone());
        }
        let Some(started) = self.started else {
            return Step::Ask;
        };
        let due = |share: u32| started + self.last_ask_at * share / (ASKS - 1);
        if self.asked < ASKS {
            let at = due(self.asked);
            return if now >= at { Step::Ask } else { Step::Wait(at) };
        }
        // Whatever delayed the last ask, its answer has its full time.
        let wait = self.patience - self.last_ask_at;
        let end = (started + self.patience).max(self.latest_ask + wait);
        if now < end {
            return Step::Wait(end);
        }
        self.decide(match (self.guessed, self.unreachable) {
            (false, true) => Verdict::Dead(Cause::Unreachable),
            (false, false) => Verdict::Dead(Cause::Unanswered),
            // A firewall may have eaten what the peer never saw.
            (true, true) => Verdict::Suspect(Suspicion::Unreachable),
            (true, false) => Verdict::Suspect(Suspicion::Silent),
        })
    }

    /// It was asked at `now`; `before` is TCP's account right before.
    pub fn on_asked(&mut self, now: Duration, before: &TcpInfo) {
        if self.started.is_none() {
            // What came between the look and the ask is no answer to it.
            self.segs_in = before.segs_in;
            self.heard_at = moment(now, before.last_ack_recv_ms);
            self.started = Some(now);
        }
        self.latest_ask = now;
        self.asked += 1;
    }

    /// The ask just made had guessed numbers ([`Numbers::Guessed`]): from now on
    /// silence is a suspicion, and no death.
    ///
    /// [`Numbers::Guessed`]: super::Numbers::Guessed
    pub const fn on_guess(&mut self) {
        self.guessed = true;
    }

    /// The peer's answer itself was seen, `rtt` after the latest ask.
    pub fn on_answer(&mut self, rtt: Option<Duration>) {
        if self.verdict.is_none() && self.asked > 0 {
            // After a second ask nobody knows which one was answered.
            let rtt = rtt.filter(|_| self.asked == 1);
            self.decide(Verdict::Alive { rtt });
        }
    }

    /// Whether TCP itself has got nothing from the peer since the first ask, by its
    /// account as read at `at`. Where the ages in it are too coarse to tell, no.
    #[must_use]
    pub fn is_unheard(&self, at: ReadAt, info: &TcpInfo) -> bool {
        self.started
            .is_some_and(|started| unheard_since(started, at, info.heard_ms()))
    }

    /// The answer was seen, and this host has dropped it: for TCP there is none.
    pub fn on_unheard(&mut self) {
        if matches!(self.verdict, Some(Verdict::Alive { .. })) {
            self.decide(Verdict::Suspect(Suspicion::Unheard));
        }
    }

    /// The peer has answered an ask with RST: it knows no such connection.
    pub fn on_refused(&mut self) {
        if self.verdict.is_none() && self.asked > 0 {
            self.decide(Verdict::Dead(Cause::PeerReset));
        }
    }

    /// TCP's account of the socket, and when it was read.
    pub fn on_info(&mut self, at: ReadAt, state: TcpState, info: &TcpInfo) {
        let Some(started) = self.started else {
            return;
        };
        if self.verdict.is_some() || state == TcpState::Closed {
            return;
        }
        // The kernel counts every segment, so one more is an answer, or as good
        // as one; unless it is a RST, which it counts before it acts on it, or one
        // that it took for none of the connection's, as the raw engine of another
        // ayt sends: such a segment makes nothing younger. Where an old kernel
        // does not count, the acknowledgement's age tells, to the millisecond it
        // is given in.
        let answered = match (self.segs_in, info.segs_in) {
            (Some(before), Some(after)) => {
                let heard = moment(at.earliest, info.heard_ms()) + TICK_MS;
                after.wrapping_sub(before) > self.resets && heard >= millis(started)
            }
            _ => {
                let heard = moment(at.earliest, info.last_ack_recv_ms);
                heard > self.heard_at + TICK_MS && heard + TICK_MS >= millis(started)
            }
        };
        if answered {
            // After a second ask nobody knows which one was answered.
            let rtt = (self.asked == 1).then(|| at.latest.saturating_sub(self.latest_ask));
            self.decide(Verdict::Alive { rtt });
        }
    }

    /// TCP's account before the first ask, read at `now` or a little later: whether
    /// the peer was heard since the look, and within the last second. Then nobody
    /// needs to ask.
    pub fn heard_unasked(&mut self, now: Duration, info: &TcpInfo) -> bool {
        const RECENT_MS: u32 = 1_000;
        let heard = self.asked == 0
            && self.verdict.is_none()
            && info.heard_ms() <= RECENT_MS
            // Not only counted, as another ayt's own segments are.
            && moment(now, info.heard_ms()) > self.quiet_since + TICK_MS
            && matches!((self.segs_in, info.segs_in), (Some(a), Some(b)) if a != b);
        if heard {
            self.decide(Verdict::Alive { rtt: None });
        }
        heard
    }

    /// A RST for this connection came in. Tell this before the account that may
    /// have counted it.
    pub const fn on_reset(&mut self) {
        self.resets = self.resets.saturating_add(1);
    }

    /// A router says the peer cannot be reached. Routes flap: it is a suspicion
    /// until silence follows.
    pub const fn on_unreachable(&mut self) {
        if self.asked > 0 {
            self.unreachable = true;
        }
    }

    /// The socket is in no table any more.
    pub fn on_gone(&mut self, end: &End) {
        if self.verdict.is_some() {
            return;
        }
        let verdict = if self.resets > 0 {
            Verdict::Dead(Cause::PeerReset)
        } else if end.resets_are_seen {
            // Not a reset: the kernel gave up by itself, or the owner closed.
            match end.error {
                Some(true) => Verdict::Dead(gave_up(&end.keepalive, end.in_flight)),
                _ => Verdict::Unknown(Why::Vanished),
            }
        } else {
            // An ESTABLISHED connection that its owner closes stays in the
            // tables for a while (FIN_WAIT, TIME_WAIT); one that vanishes after
            // an ask was most likely reset. CLOSE_WAIT vanishes either way.
            let guess = self.asked > 0 && end.state_before == TcpState::Established;
            if end.error.unwrap_or(guess) {
                Verdict::Dead(Cause::PeerReset)
            } else {
                Verdict::Unknown(Why::Vanished)
            }
        };
        self.decide(verdict);
    }

    /// It cannot be asked (any more).
    pub fn on_failure(&mut self, why: Why) {
        if self.verdict.is_none() {
            self.decide(Verdict::Unknown(why));
        }
    }

    /// What is said of it when the run is stopped now.
    #[must_use]
    pub fn interrupted(&self) -> Verdict {
        match &self.verdict {
            Some(verdict) => verdict.clone(),
            None if self.unreachable => Verdict::Suspect(Suspicion::Unreachable),
            None if self.asked > 0 => Verdict::Suspect(Suspicion::Silent),
            None => Verdict::Unknown(Why::NotAsked),
        }
    }

    fn decide(&mut self, verdict: Verdict) -> Step {
        self.verdict = Some(verdict.clone());
        Step::Done(verdict)
    }
}

/// Whether an account read at `at`, which says that the peer was last heard
/// `heard_ms` before, says that it was not heard since `asked`. Where ages are too
/// coarse to tell it does not.
#[must_use]
pub fn unheard_since(asked: Duration, at: ReadAt, heard_ms: u32) -> bool {
    moment(at.latest, heard_ms) + TICK_MS < millis(asked)
}

/// What is known of a socket that has left the tables.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// Its state before.
    pub state_before: TcpState,
    /// What its descriptor shows, where one was reached: an error waits for the
    /// owner. `None` where nobody could look.
    pub error: Option<bool>,
    /// Every RST that comes in is seen; a connection without one was not reset.
    pub resets_are_seen: bool,
    /// Its settings.
    pub keepalive: Keepalive,
    /// Data was in flight.
    pub in_flight: bool,
}

/// Why a kernel that has not been told anything ended a connection.
const fn gave_up(keepalive: &Keepalive, in_flight: bool) -> Cause {
    if keepalive.user_timeout_ms > 0 {
        Cause::UserTimeout
    } else if in_flight {
        Cause::RetransmitTimeout
    } else if keepalive.enabled {
        Cause::KeepaliveTimeout
    } else {
        Cause::Destroyed
    }
}

/// The moment `ms` milliseconds before `now`, in milliseconds.
fn moment(now: Duration, ms: u32) -> i128 {
    millis(now) - i128::from(ms)
}

fn millis(time: Duration) -> i128 {
    i128::try_from(time.as_millis()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests;
