//! When each detector notices: from what a fault is, and from the planner.

use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::detectors::Terms;
use ayt_core::keepalive::{Effective, Span};
use ayt_core::plan::{self, Ground, Path};

use super::Effect;
use crate::detectors::Setting;

/// A round trip over the wire, with the wakes of its thread and of the program that
/// reads: what a measurement that waits for no timer may take.
pub const TRIP: Duration = Duration::from_millis(5);

/// What must be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nobody notices, for this reason.
    Never(&'static str),
    /// It is noticed.
    Found {
        /// The cause that is told.
        cause: Cause,
        /// What the time is counted from.
        from: Zero,
        /// When; `None` where the planner claims nothing.
        span: Option<Span>,
    },
}

/// What a time is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Zero {
    /// The last segment that reached who watches.
    Heard,
    /// The last byte that its program has read.
    Byte,
    /// Its first send after the fault.
    Sent,
    /// The last segment with data that reached who watches.
    Data,
    /// The first ask of `ayt probe`.
    Asked,
    /// The FIN or RST with which it is told, as the wire delivered it.
    Told,
}

/// What must be seen of a fault with a detector; `learnt` as for [`Setting::planned`].
#[must_use]
pub fn expect(
    effect: Effect,
    setting: &Setting,
    path: Path,
    ground: &Ground,
    learnt: Option<Duration>,
) -> Expected {
    match effect {
        Effect::Harmless => Expected::Never("the peer lives"),
        Effect::Told(cause) => Expected::Found {
            cause,
            from: Zero::Told,
            span: Some(within(TRIP)),
        },
        Effect::Silence => silence(setting, path, ground, learnt),
        Effect::Unreachable if matches!(setting, Setting::Probe(_)) => {
            match silence(setting, path, ground, learnt) {
                Expected::Found { from, span, .. } => Expected::Found {
                    cause: Cause::Unreachable,
                    from,
                    span,
                },
                other => other,
            }
        }
        Effect::Unreachable => match (silence(setting, path, ground, learnt), path) {
            // The end is the user timeout's, the reason the router's; each message
            // also takes a backoff back, so that the planner's time does not hold.
            (Expected::Found { from, .. }, Path::InFlight) if setting.kernel().is_some() => {
                Expected::Found {
                    cause: Cause::Unreachable,
                    from,
                    span: None,
                }
            }
            (other, _) => other,
        },
        Effect::OwnLink => match (silence(setting, path, ground, learnt), path) {
            // What cannot even be sent is tried again every half second, and the user
            // timeout counts from the first that was (`tcp_retransmit_timer`,
            // TCP_RESOURCE_PROBE_INTERVAL): later than the planner's time.
            (Expected::Found { cause, from, .. }, Path::InFlight) if setting.kernel().is_some() => {
                Expected::Found {
                    cause,
                    from,
                    span: None,
                }
            }
            (other, _) => other,
        },
        Effect::ResetOnNext => reset_on_next(setting, path, ground, learnt),
        Effect::Frozen => match setting {
            Setting::Kernel(_) | Setting::Probe(_) => {
                Expected::Never("the peer's kernel answers for it")
            }
            _ => silence(setting, Path::Idle, ground, learnt),
        },
        Effect::WindowClosed => match setting {
            Setting::Kernel(Effective {
                user_timeout: Some(_),
                ..
            }) => Expected::Found {
                cause: Cause::UserTimeout,
                from: Zero::Sent,
                span: None,
            },
            _ => Expected::Never("the peer lives"),
        },
    }
}

fn silence(setting: &Setting, path: Path, ground: &Ground, learnt: Option<Duration>) -> Expected {
    let found = plan::expect(&setting.planned(learnt), path, ground);
    let Some(span) = found.span() else {
        return Expected::Never("nothing watches the peer");
    };
    let (cause, from) = match (setting, path) {
        (Setting::Kernel(_), Path::InFlight) if span.earliest > LONG => {
            return Expected::Never("retransmission takes a quarter of an hour");
        }
        (Setting::Kernel(settings), path) => {
            let cause = match (settings.user_timeout, path) {
                (Some(_), _) => Cause::UserTimeout,
                (None, Path::Idle) => Cause::KeepaliveTimeout,
                (None, Path::InFlight) => Cause::RetransmitTimeout,
            };
            let from = match path {
                Path::Idle => Zero::Heard,
                Path::InFlight => Zero::Sent,
            };
            (cause, from)
        }
        (Setting::Probe(_), _) => (Cause::Unanswered, Zero::Asked),
        (Setting::Session(_) | Setting::Adaptive { .. }, _) => (Cause::HeartbeatMissed, Zero::Data),
        _ => (Cause::HeartbeatMissed, Zero::Byte),
    };
    let span = Some(span);
    Expected::Found { cause, from, span }
}

/// A lab does not wait for that.
const LONG: Duration = Duration::from_secs(600);

fn reset_on_next(
    setting: &Setting,
    path: Path,
    ground: &Ground,
    learnt: Option<Duration>,
) -> Expected {
    let cause = Cause::PeerReset;
    if path == Path::InFlight {
        return Expected::Found {
            cause,
            from: Zero::Sent,
            span: Some(within(TRIP)),
        };
    }
    // The first thing that this side sends by itself: a probe, or a challenge.
    let (span, from) = match setting {
        Setting::Kernel(settings) if settings.enabled => {
            (first_probe(settings, ground), Zero::Heard)
        }
        Setting::Kernel(_) => return Expected::Never("nothing is sent that could be answered"),
        // Told by the first look after the answer; it looks as often as it says.
        Setting::Probe(_) => {
            let looks = plan::expect(&setting.planned(learnt), path, ground).span();
            let looks = looks.map(|span| within(span.latest - span.earliest));
            (looks, Zero::Asked)
        }
        Setting::Heartbeat(terms) => (overdue(terms, ground), Zero::Byte),
        Setting::Session(terms) => (overdue(terms, ground), Zero::Data),
        Setting::Adaptive { .. } => {
            let terms = setting.terms_at(learnt);
            (terms.and_then(|terms| overdue(&terms, ground)), Zero::Data)
        }
        Setting::Accrual(_, terms) => {
            let span = plan::expect(&setting.planned(learnt), path, ground).span();
            let challenge = terms.challenge();
            let span = span.map(|span| Span {
                earliest: span.earliest.saturating_sub(challenge),
                latest: span.latest.saturating_sub(challenge),
            });
            (span, Zero::Byte)
        }
    };
    let span = span.map(|span| Span {
        latest: span.latest + TRIP,
        ..span
    });
    Expected::Found { cause, from, span }
}

/// When keepalive sends its first probe: the planner is asked for the end by one probe
/// with the shortest interval there is, which comes a tick after it.
fn first_probe(settings: &Effective, ground: &Ground) -> Option<Span> {
    let shortest = Effective {
        interval: Duration::from_millis(1),
        count: 1,
        user_timeout: None,
        ..*settings
    };
    let hz = ground.kernel.hz.unwrap_or(100).max(1);
    let tick = Duration::from_secs(1) / hz;
    let end = plan::expect(&plan::Detector::Kernel(shortest), Path::Idle, ground).span()?;
    Some(Span {
        // The kernel counts ticks begun: up to one more than has passed.
        earliest: settings.idle.saturating_sub(tick),
        latest: end.latest,
    })
}

/// When a promised heartbeat is overdue: a death with no time to answer.
fn overdue(terms: &Terms, ground: &Ground) -> Option<Span> {
    let at_once = Terms::new(terms.interval(), terms.misses(), Duration::ZERO).ok()?;
    plan::expect(&plan::Detector::Heartbeat(at_once), Path::Idle, ground).span()
}

const fn within(latest: Duration) -> Span {
    Span {
        earliest: Duration::ZERO,
        latest,
    }
}
