//! What to know of settings before they are used.

use std::fmt;
use std::time::Duration;

use super::{Behind, Wish};
use crate::duration::Ms;
use crate::keepalive::{Effective, Knob, Losses, Os, Outage, Plan, Policy};

/// One thing to know. It prints as a sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// Linux ignores N where U is set.
    UserTimeoutMasksCount {
        /// N as set.
        count: u32,
        /// After how many unanswered probes it may end instead.
        probes: u32,
    },
    /// U ends a living peer that takes nothing for so long.
    ZeroWindow(Duration),
    /// Without U, data in flight takes so long to fail.
    InFlightSlow(Duration),
    /// The system cannot do it as asked.
    Downgrade(String),
    /// A healthy idle connection is probed every V, not every I.
    IntervalLongerThanIdle {
        /// I.
        idle: Duration,
        /// V.
        interval: Duration,
    },
    /// One lost probe, or two, end it.
    FewProbes(u32),
    /// An outage this short ends it.
    ShortOutage(Duration),
    /// A box forgets before the first probe, or before a second one.
    BoxForgets {
        /// Which.
        behind: Behind,
        /// How many probes come before that.
        probes: u32,
    },
    /// A proxy counts data only.
    ProxyCountsData(Behind),
    /// A box whose number is a default that its operator may have changed.
    BoxSettable(Behind),
    /// A false death is likelier than one in a million a month.
    FalseDeath(f64),
    /// The first answer takes longer than the interval.
    RoundTrip {
        /// The round trip.
        rtt: Duration,
        /// V.
        interval: Duration,
    },
    /// A server that polls finds a death up to one period later.
    Polling {
        /// How often it looks.
        period: Duration,
        /// What a deadline would make of it.
        without: Option<Duration>,
    },
    /// The times are not known for this system.
    NotMeasured(Os),
    /// Mobile networks put the radio to sleep; probes wake it.
    Radio(Duration),
}

/// A probe more often than this keeps a mobile radio awake for most of the time.
const RADIO: Duration = Duration::from_secs(30);

impl Warning {
    /// A stable word for it.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::UserTimeoutMasksCount { .. } => "user-timeout-masks-count",
            Self::ZeroWindow(_) => "zero-window",
            Self::InFlightSlow(_) => "in-flight-slow",
            Self::Downgrade(_) => "downgrade",
            Self::IntervalLongerThanIdle { .. } => "interval-longer-than-idle",
            Self::FewProbes(_) => "few-probes",
            Self::ShortOutage(_) => "short-outage",
            Self::BoxForgets { .. } => "box-forgets",
            Self::ProxyCountsData(_) => "proxy-counts-data",
            Self::BoxSettable(_) => "box-settable",
            Self::FalseDeath(_) => "false-death",
            Self::RoundTrip { .. } => "round-trip",
            Self::Polling { .. } => "polling",
            Self::NotMeasured(_) => "not-measured",
            Self::Radio(_) => "radio",
        }
    }

    /// It makes the settings wrong for what was asked, rather than only worth knowing.
    #[must_use]
    pub const fn is_grave(&self) -> bool {
        matches!(
            self,
            Self::BoxForgets { .. } | Self::FalseDeath(_) | Self::RoundTrip { .. }
        )
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: &Duration| Ms::from(*time);
        match self {
            Self::UserTimeoutMasksCount { count, probes } => {
                write!(
                    f,
                    "U masks N: while a user timeout is set Linux ignores the count of {count}; "
                )?;
                match probes {
                    probes if probes == count => {
                        write!(
                            f,
                            "with this U, {probes} unanswered probes end it all the same"
                        )
                    }
                    1 => f.write_str("with this U, a single unanswered probe ends it"),
                    _ => write!(f, "with this U, {probes} unanswered probes end it"),
                }
            }
            Self::ZeroWindow(user_timeout) => write!(
                f,
                "U also ends a living peer that reads nothing for {} while data waits for it \
                 (zero window); leave U out for peers that pause longer",
                ms(user_timeout)
            ),
            Self::InFlightSlow(takes) => write!(
                f,
                "keepalive sleeps while data is in flight; without a user timeout its loss is \
                 noticed only after {}",
                ms(takes)
            ),
            Self::Downgrade(text) => f.write_str(text),
            Self::IntervalLongerThanIdle { idle, interval } => write!(
                f,
                "the interval is longer than the idle time: a healthy connection is probed every \
                 {}, not every {}",
                ms(interval),
                ms(idle)
            ),
            Self::FewProbes(1) => f.write_str(
                "one lost packet ends a healthy connection; RFC 1122 (4.2.3.6) wants more than \
                 one unanswered probe",
            ),
            Self::FewProbes(probes) => write!(
                f,
                "{probes} probes are few: as many lost packets end a healthy connection"
            ),
            Self::ShortOutage(outage) => write!(
                f,
                "an outage of only {} can end a healthy connection",
                ms(outage)
            ),
            Self::BoxForgets { behind, probes: 0 } => {
                write!(f, "{behind} forgets the connection before it is probed")
            }
            Self::BoxForgets { behind, .. } => {
                write!(
                    f,
                    "{behind} forgets the connection after a single lost probe"
                )
            }
            Self::ProxyCountsData(behind) => write!(
                f,
                "{behind} ends TCP itself and counts data only: keepalive does not keep it \
                 awake, a heartbeat does"
            ),
            Self::BoxSettable(behind) => {
                write!(
                    f,
                    "{behind}: that is its default; its operator can set another time"
                )
            }
            Self::FalseDeath(chance) => write!(
                f,
                "a healthy connection is taken for dead with a probability of {chance:.1e} a \
                 month; safe is less than 1e-6"
            ),
            Self::RoundTrip { rtt, interval } => write!(
                f,
                "an answer takes {}, probes are {} apart: the next one leaves before it comes",
                ms(rtt),
                ms(interval)
            ),
            Self::Polling { period, without } => {
                write!(
                    f,
                    "a server that polls every {} finds a death up to so much later",
                    ms(period)
                )?;
                match without {
                    Some(without) => {
                        write!(f, "; a deadline finds it after {} at most", ms(without))
                    }
                    None => Ok(()),
                }
            }
            Self::NotMeasured(os) => write!(
                f,
                "the times are by {os}'s manual; its timers were not measured, so nothing is \
                 promised beyond them"
            ),
            Self::Radio(period) => write!(
                f,
                "a probe every {} keeps a mobile radio, and a battery, from resting",
                ms(period)
            ),
        }
    }
}

/// All that is to be said of settings, the gravest first.
pub(super) fn warnings(
    policy: &Policy,
    plan: &Plan,
    outage: &Outage,
    losses: &Losses,
    false_death: Option<f64>,
    wish: &Wish,
) -> Vec<Warning> {
    let settings = plan.effective();
    let mut all = Vec::new();
    all.extend(boxes(&settings, wish));
    if let Some(chance) = false_death.filter(|chance| *chance >= super::SAFE) {
        all.push(Warning::FalseDeath(chance));
    }
    if let Some(rtt) = wish.ground.rtt.filter(|rtt| *rtt > settings.interval) {
        let interval = settings.interval;
        all.push(Warning::RoundTrip { rtt, interval });
    }
    let probes = losses.idle.unwrap_or(settings.count);
    if probes < 3 {
        all.push(Warning::FewProbes(probes));
    } else if let Some(outage) = outage
        .idle
        .known()
        .filter(|known| *known < Duration::from_secs(5))
    {
        all.push(Warning::ShortOutage(outage));
    }
    for downgrade in &plan.downgrades {
        all.push(Warning::Downgrade(format!("{}: {downgrade}", plan.os)));
    }
    all.extend(user_timeout(&settings, plan, probes, wish));
    if settings.interval > settings.idle {
        let (idle, interval) = (policy.idle(), policy.interval());
        all.push(Warning::IntervalLongerThanIdle { idle, interval });
    }
    let detection = wish.ground.detection(&settings);
    if detection.idle.span().is_none() {
        all.push(Warning::NotMeasured(plan.os));
    }
    let period = settings.idle.max(settings.interval);
    let is_mobile = matches!(plan.os, Os::Android | Os::Ios);
    if is_mobile && period < RADIO {
        all.push(Warning::Radio(period));
    }
    all
}

fn user_timeout(settings: &Effective, plan: &Plan, probes: u32, wish: &Wish) -> Vec<Warning> {
    let is_linux = matches!(plan.os, Os::Linux | Os::Android);
    let has_one = matches!(plan.os.profile().user_timeout, Knob::Socket { .. });
    match settings.user_timeout {
        Some(user_timeout) => {
            let count = settings.count;
            let masks = is_linux.then_some(Warning::UserTimeoutMasksCount { count, probes });
            let zero = Warning::ZeroWindow(user_timeout);
            masks.into_iter().chain([zero]).collect()
        }
        None if has_one && is_linux => {
            let detection = wish.ground.detection(settings);
            let takes = detection.in_flight.earliest();
            takes.map(Warning::InFlightSlow).into_iter().collect()
        }
        None => Vec::new(),
    }
}

fn boxes(settings: &Effective, wish: &Wish) -> Vec<Warning> {
    let mut all = Vec::new();
    for behind in &wish.behind {
        if behind.counts_data_only() {
            all.push(Warning::ProxyCountsData(*behind));
        } else if let Some(probes) = behind
            .probes_within(settings, &wish.ground)
            .filter(|probes| *probes < 2)
        {
            let behind = *behind;
            all.push(Warning::BoxForgets { behind, probes });
        }
        if matches!(behind, Behind::Known(known) if known.settable) {
            all.push(Warning::BoxSettable(*behind));
        }
    }
    all
}
