//! The decisions of one watched connection, without its stream.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ayt_core::detectors::{Detector, Judgement};

use super::shared::{Release, Shared, Side};
use super::timer::Timer;
use crate::cause::{Cause, EndFacts, Ended, SocketAtEnd};
use crate::trace::{self, Span};

/// A challenge under way.
pub(super) type Challenge = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Called at a suspicion.
pub(super) type Hook = Box<dyn FnMut(Suspected) -> Option<Challenge> + Send>;

/// The peer is overdue: ask it something it must answer.
#[derive(Debug, Clone, Copy)]
pub struct Suspected {
    /// The peer, where it is known.
    pub peer: Option<SocketAddr>,
    /// For how long a read has been awaited in vain.
    pub silent_for: Duration,
}

/// What is wrong at the time of a poll.
enum Verdict {
    Wait,
    Ended,
}

pub(super) struct Watch<D> {
    detector: D,
    /// The detector has been told that nobody reads.
    paused: bool,
    /// When the silence began that goes on now.
    silent_since: Duration,
    holds_seen: u32,
    pub(super) shared: Arc<Shared>,
    timer: Timer,
    hook: Option<Hook>,
    challenge: Option<Challenge>,
    /// An unregistered connection ends then, whatever it sends.
    register_by: Option<Duration>,
    /// The first bytes register it.
    register_on_read: bool,
    /// Runs when the owner lets go of it.
    gone: Option<Release>,
    pub(super) peer: Option<SocketAddr>,
    pub(super) received: u64,
    pub(super) sent: u64,
    active_at: Duration,
    closed_here: bool,
    told: bool,
    pub(super) span: Span,
}

impl<D: Detector> Watch<D> {
    pub(super) fn new(mut detector: D, peer: Option<SocketAddr>) -> Self {
        let shared = Arc::new(Shared::default());
        let timer = Timer::new(&shared);
        detector.pause(Duration::ZERO);
        Self {
            detector,
            paused: true,
            silent_since: Duration::ZERO,
            holds_seen: 0,
            shared,
            timer,
            hook: None,
            challenge: None,
            register_by: None,
            register_on_read: false,
            gone: None,
            peer,
            received: 0,
            sent: 0,
            active_at: Duration::ZERO,
            closed_here: false,
            told: false,
            span: trace::connection(peer),
        }
    }

    pub(super) const fn detector(&self) -> &D {
        &self.detector
    }

    #[cfg(test)]
    #[cfg(not(ayt_explore))]
    pub(super) const fn timer_operations(&self) -> u64 {
        self.timer.operations()
    }

    pub(super) fn set_hook(&mut self, hook: Hook) {
        self.hook = Some(hook);
    }

    pub(super) fn must_register(&mut self, within: Duration, on_read: bool, gone: Release) {
        self.gone = Some(gone);
        self.register_by = Some(self.timer.now().saturating_add(within));
        self.register_on_read = on_read;
    }

    pub(super) fn idle(&self) -> Duration {
        self.timer.now().saturating_sub(self.active_at)
    }

    /// Bytes came. They are delivered in any case; a deadline that is over shows
    /// at the next read.
    pub(super) fn on_received(&mut self, bytes: usize, now: Duration) {
        self.received += bytes as u64;
        self.active_at = now;
        self.detector.on_received(now);
        self.stop_listening(now);
        if self.register_by.is_some() {
            if self.register_on_read {
                self.shared.register();
            }
            self.check_registration(now);
        }
    }

    /// A read has answered: until the next one is awaited, silence proves nothing.
    fn stop_listening(&mut self, now: Duration) {
        if !self.paused {
            self.detector.pause(now);
            self.paused = true;
        }
    }

    pub(super) fn on_sent(&mut self, bytes: usize) {
        // A flush sends nothing of its own.
        if bytes > 0 {
            self.sent += bytes as u64;
            self.active_at = self.timer.now();
        }
    }

    pub(super) const fn on_shutdown(&mut self) {
        self.closed_here = true;
    }

    pub(super) fn now(&self) -> Duration {
        self.timer.now()
    }

    /// A read is awaited in vain, that was tried after `now`. `Ready` carries the end.
    pub(super) fn poll_silence(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<Ended> {
        self.shared.waits(Side::Read, cx);
        self.listen(now);
        let end = self.poll_deadlines(cx, now, true);
        // After the deadlines, so that a challenge starts in the very poll that
        // asked for it.
        if end.is_pending() {
            self.poll_challenge(cx);
        }
        end
    }

    /// A write is awaited in vain: the peer's silence is not its concern, but the
    /// connection may end meanwhile.
    pub(super) fn poll_blocked(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        self.shared.waits(Side::Write, cx);
        let now = self.timer.now();
        self.poll_deadlines(cx, now, false)
    }

    /// A read is awaited from now on, or still.
    fn listen(&mut self, now: Duration) {
        if self.shared.holds() {
            self.stop_listening(now);
            return;
        }
        let taken = self.shared.holds_taken();
        if taken != self.holds_seen {
            self.holds_seen = taken;
            self.stop_listening(now);
        }
        if self.paused {
            self.detector.resume(now);
            self.paused = false;
            self.silent_since = now;
        }
    }

    /// Nothing is judged that was due after `now`: bytes may have come since.
    fn poll_deadlines(&mut self, cx: &Context<'_>, now: Duration, reading: bool) -> Poll<Ended> {
        loop {
            // Asked only after the waker is in its place, so that no end is missed.
            if let Some(ended) = self.decided() {
                return Poll::Ready(ended);
            }
            let silence = if reading {
                self.detector.next_deadline()
            } else {
                None
            };
            let Some(deadline) = earlier(silence, self.registration_deadline()) else {
                return Poll::Pending;
            };
            if now < deadline {
                if self.timer.poll_until(deadline).is_pending() {
                    return Poll::Pending;
                }
                if self.timer.now() < deadline {
                    // It was set for an earlier one.
                    continue;
                }
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Verdict::Wait = self.judge(now, silence.is_some_and(|at| at <= now)) {
                // Whatever the detector says next, time goes on before it is asked.
                let next = self.detector.next_deadline().filter(|&at| at <= now);
                if reading && next.is_some() {
                    let soon = now + Duration::from_millis(1);
                    if self.timer.poll_until(soon).is_ready() {
                        cx.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    fn judge(&mut self, now: Duration, silence_is_due: bool) -> Verdict {
        self.check_registration(now);
        if self.shared.decided().is_some() {
            return Verdict::Ended;
        }
        if !silence_is_due {
            return Verdict::Wait;
        }
        match self.detector.poll(now) {
            Judgement::Alive => Verdict::Wait,
            Judgement::Suspect => {
                self.suspect(now);
                Verdict::Wait
            }
            Judgement::Late(by) => {
                self.silent_since = now;
                trace::late(&self.span, by);
                Verdict::Wait
            }
            Judgement::Silent => {
                self.shared.decide(Cause::HeartbeatMissed);
                Verdict::Ended
            }
        }
    }

    fn suspect(&mut self, now: Duration) {
        let suspected = Suspected {
            peer: self.peer,
            silent_for: now.saturating_sub(self.silent_since),
        };
        trace::suspected(&self.span, &suspected);
        if let Some(hook) = &mut self.hook {
            self.challenge = hook(suspected);
        }
    }

    fn poll_challenge(&mut self, cx: &mut Context<'_>) {
        if let Some(challenge) = &mut self.challenge
            && challenge.as_mut().poll(cx).is_ready()
        {
            self.challenge = None;
        }
    }

    fn registration_deadline(&self) -> Option<Duration> {
        self.register_by.filter(|_| self.shared.is_unregistered())
    }

    fn check_registration(&mut self, now: Duration) {
        match self.register_by {
            Some(_) if !self.shared.is_unregistered() => self.register_by = None,
            Some(deadline) if now >= deadline => {
                self.shared.decide(Cause::NeverRegistered);
            }
            _ => {}
        }
    }

    /// The end that this side decided on, if it did.
    pub(super) fn decided(&mut self) -> Option<Ended> {
        let cause = self.shared.decided()?;
        self.shared.tell(cause);
        self.report(cause);
        Some(Ended::new(cause, self.peer))
    }

    /// The bytes have ended.
    pub(super) fn on_eof(&mut self, socket: Option<SocketAtEnd>) {
        let now = self.timer.now();
        self.stop_listening(now);
        // Reported when the owner lets go of it: the other direction may go on.
        let cause = Cause::of_eof(&self.facts(socket));
        self.shared.tell(cause);
    }

    /// A call failed; what it ends gets its cause, what ends nothing is passed on.
    pub(super) fn on_error(
        &mut self,
        error: io::Error,
        socket: impl FnOnce() -> Option<SocketAtEnd>,
    ) -> io::Error {
        // What ends nothing needs no question to the kernel.
        if Cause::of(&error, &EndFacts::default()).is_none() {
            return error;
        }
        if let Some(inner) = crate::cause::ended(&error) {
            // A watched connection below this one has said it.
            let cause = inner.cause();
            self.shared.tell(cause);
            self.report(cause);
            return error;
        }
        let Some(cause) = Cause::of(&error, &self.facts(socket())) else {
            return error;
        };
        self.shared.tell(cause);
        self.report(cause);
        Ended::new(cause, self.peer).with_source(error).into()
    }

    fn facts(&self, socket: Option<SocketAtEnd>) -> EndFacts {
        EndFacts {
            decided: self.shared.decided(),
            earlier: self.shared.cause(),
            closed_here: self.closed_here,
            socket,
            ..crate::cause::facts()
        }
    }
}

impl<D> Watch<D> {
    /// Says once how it ended.
    fn report(&mut self, cause: Cause) {
        if !self.told {
            self.told = true;
            trace::ended(&self.span, cause, self.received, self.sent);
        }
    }
}

/// Whatever way the owner lets go of it, its place among the unregistered is free
/// again and the handles know that it is over.
impl<D> Drop for Watch<D> {
    fn drop(&mut self) {
        self.shared.decide(Cause::LocalClose);
        self.shared.release();
        let cause = self.shared.cause().unwrap_or(Cause::LocalClose);
        self.report(cause);
        if let Some(gone) = self.gone.take() {
            gone();
        }
    }
}

impl<D: fmt::Debug> fmt::Debug for Watch<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("detector", &self.detector)
            .field("peer", &self.peer)
            .field("received", &self.received)
            .field("sent", &self.sent)
            .field("cause", &self.shared.cause())
            .finish_non_exhaustive()
    }
}

fn earlier(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
