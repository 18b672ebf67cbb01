//! What notices, or does not: one file a detector.
//!
//! A detector here is only a name, the notation of its settings, and what the planner
//! ([`ayt_core::plan`]) knows it as. The settings are in force in the
//! [subject](crate::subjects) that watches: kernel settings on its socket, the others
//! in its program.

mod accrual;
mod adaptive;
mod both;
mod heartbeat;
mod keepalive;
mod none;
mod probe;
mod session;
mod user_timeout;

use std::time::Duration;

use ayt_core::detectors::adaptive::SearchTerms;
use ayt_core::detectors::{AccrualTerms, Terms};
use ayt_core::keepalive::{Effective, Os, Policy};
use ayt_core::{duration, plan};

/// A detector of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detector {
    /// A program that sets nothing.
    None,
    /// Kernel keepalive.
    Keepalive,
    /// `TCP_USER_TIMEOUT` alone.
    UserTimeout,
    /// Keepalive and `TCP_USER_TIMEOUT`.
    Both,
    /// A heartbeat that the peer has promised.
    Heartbeat,
    /// A heartbeat whose usual gaps are learnt.
    Accrual,
    /// A session of the library.
    Session,
    /// A session whose client searches for its interval.
    Adaptive,
    /// `ayt probe`.
    Probe,
}

/// What a detector's file says of it.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its name in scenarios and in the matrix.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// How its settings are written.
    pub notation: &'static str,
    /// The settings where a scenario gives none.
    pub usual: &'static str,
    /// Reads settings.
    pub(crate) parse: fn(&str) -> Result<Setting, String>,
}

/// A detector with its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Setting {
    /// Of the kernel.
    Kernel(Effective),
    /// A promised heartbeat.
    Heartbeat(Terms),
    /// A learnt one: what the peer sends every so often, and the terms.
    Accrual(Duration, AccrualTerms),
    /// `ayt probe` with this patience.
    Probe(Duration),
    /// A session of the library, with these terms.
    Session(Terms),
    /// A session whose client searches for its interval.
    Adaptive {
        /// The search.
        search: SearchTerms,
        /// As [`Terms::misses`].
        misses: u8,
        /// As [`Terms::challenge`].
        challenge: Duration,
    },
}

impl Detector {
    /// Every detector, as the matrix shows them.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Keepalive,
        Self::UserTimeout,
        Self::Both,
        Self::Heartbeat,
        Self::Accrual,
        Self::Session,
        Self::Adaptive,
        Self::Probe,
    ];

    /// What its file says.
    #[must_use]
    pub const fn spec(self) -> &'static Spec {
        match self {
            Self::None => &none::SPEC,
            Self::Keepalive => &keepalive::SPEC,
            Self::UserTimeout => &user_timeout::SPEC,
            Self::Both => &both::SPEC,
            Self::Heartbeat => &heartbeat::SPEC,
            Self::Accrual => &accrual::SPEC,
            Self::Session => &session::SPEC,
            Self::Adaptive => &adaptive::SPEC,
            Self::Probe => &probe::SPEC,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Reads its settings.
    ///
    /// # Errors
    /// What is wrong with them, in a sentence.
    pub fn parse(self, settings: &str) -> Result<Setting, String> {
        (self.spec().parse)(settings)
    }
}

impl Setting {
    /// As the planner knows it; `learnt` is what a detector that learns had learnt, where
    /// that is known: the silence at which it suspects its peer, or for
    /// [`Setting::Adaptive`] the interval.
    #[must_use]
    pub fn planned(&self, learnt: Option<Duration>) -> plan::Detector {
        match *self {
            Self::Kernel(effective) => plan::Detector::Kernel(effective),
            Self::Heartbeat(terms) | Self::Session(terms) => plan::Detector::Heartbeat(terms),
            Self::Accrual(_, terms) => plan::Detector::Accrual {
                terms,
                overdue: learnt,
            },
            Self::Probe(patience) => plan::Detector::Probe {
                patience: Some(patience),
            },
            Self::Adaptive {
                search,
                misses,
                challenge,
            } => match self.terms_at(learnt) {
                Some(terms) => plan::Detector::Heartbeat(terms),
                None => plan::Detector::Adaptive {
                    search,
                    misses,
                    challenge,
                },
            },
        }
    }

    /// How often the peer must speak for this detector to be content; `None`: it need
    /// not.
    #[must_use]
    pub const fn beat(&self) -> Option<Duration> {
        match self {
            Self::Kernel(_) | Self::Probe(_) => None,
            Self::Heartbeat(terms) | Self::Session(terms) => Some(terms.interval()),
            Self::Accrual(beat, _) => Some(*beat),
            Self::Adaptive { search, .. } => Some(search.floor()),
        }
    }

    /// The terms of an adaptive heartbeat that has settled on this interval.
    #[must_use]
    pub fn terms_at(&self, interval: Option<Duration>) -> Option<Terms> {
        match *self {
            Self::Adaptive {
                misses, challenge, ..
            } => Terms::new(interval?, misses, challenge).ok(),
            _ => None,
        }
    }

    /// About how long it learns before a fault can be inflicted.
    #[must_use]
    pub fn lead(&self) -> Duration {
        match self {
            Self::Adaptive { search, .. } => search.ceiling() * search.tries(),
            _ => Duration::ZERO,
        }
    }

    /// Both ends are the library's.
    #[must_use]
    pub const fn is_session(&self) -> bool {
        matches!(self, Self::Session(_) | Self::Adaptive { .. })
    }

    /// The kernel settings, where it has any.
    #[must_use]
    pub const fn kernel(&self) -> Option<&Effective> {
        match self {
            Self::Kernel(effective) => Some(effective),
            _ => None,
        }
    }
}

/// `2/1/2` or `2/1/2 U=4s`.
fn policy(text: &str) -> Result<(Policy, Effective), String> {
    let policy: Policy = text
        .parse()
        .map_err(|error: ayt_core::keepalive::BadPolicy| error.to_string())?;
    let plan = Os::Linux.plan(&policy).map_err(|error| error.to_string())?;
    if let Some(downgrade) = plan.downgrades.first() {
        return Err(format!("Linux cannot do that: {downgrade}"));
    }
    Ok((policy, plan.effective()))
}

/// `B/M/C`: interval, misses, time to answer.
fn beats(text: &str) -> Result<(Duration, u8, Duration), String> {
    let form = || format!("`{text}` is no heartbeat: write B/M/C, such as 500ms/2/500ms");
    let [interval, misses, challenge] = text
        .split('/')
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| form())?;
    let time = |text: &str| duration::parse(text).map_err(|error| error.to_string());
    let misses = misses.parse().map_err(|_| form())?;
    Ok((time(interval)?, misses, time(challenge)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_setting_is_read_and_every_name_is_found() {
        for detector in Detector::ALL {
            detector.parse(detector.spec().usual).unwrap();
            assert_eq!(Detector::named(detector.name()), Some(detector));
        }
        assert_eq!(Detector::named("hope"), None);
    }

    #[test]
    fn impossible_settings_are_refused_with_the_reason() {
        for (detector, text, word) in [
            (Detector::None, "1/1/1", "no settings"),
            (Detector::Keepalive, "0/1/2", "idle"),
            (Detector::Keepalive, "2/1/2 U=4s", "both"),
            (Detector::Keepalive, "500ms/1/2", "whole seconds"),
            (Detector::Both, "2/1/2", "U="),
            (Detector::UserTimeout, "3s", "U="),
            (Detector::Heartbeat, "500ms/2", "B/M/C"),
            (Detector::Heartbeat, "500ms/20/1s", "missed heartbeats"),
            (Detector::Adaptive, "500ms/2/500ms", "F..L/M/C"),
            (Detector::Adaptive, "2s..1s/2/500ms", "below"),
        ] {
            let error = detector.parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
