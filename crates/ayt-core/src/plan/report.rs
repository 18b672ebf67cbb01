//! All that can be said of settings, recommended or given.

use std::time::Duration;

use super::beat::{NoBeat, beat};
use super::loss::false_death;
use super::traffic::{Traffic, traffic};
use super::warning::{Warning, warnings};
use super::{Detector, Path, Refusal, Wish, expect, recommend};
use crate::detectors::Terms;
use crate::keepalive::{Detection, Effective, Found, Outage, Plan, Policy, Span, SubSecond};

/// Settings, and what follows from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What it is for.
    pub wish: Wish,
    /// The settings.
    pub policy: Policy,
    /// What the system makes of them.
    pub plan: Plan,
    /// When a death is found.
    pub detection: Detection,
    /// The shortest outage that ends a healthy connection.
    pub outage: Outage,
    /// The heartbeat that goes with them, or why there is none.
    pub heartbeat: Result<Terms, NoBeat>,
    /// When the heartbeat finds a death, a polling server included.
    pub heartbeat_detection: Option<Span>,
    /// The probability of a false death in a month; `None` where no loss was
    /// given.
    pub false_death: Option<f64>,
    /// Bytes a month.
    pub traffic: Traffic,
    /// What is to be known, the gravest first.
    pub warnings: Vec<Warning>,
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoReport {
    /// The wish cannot be granted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The settings are none for the system.
    #[error(transparent)]
    SubSecond(#[from] SubSecond),
}

impl Report {
    /// The recommended settings, with all that follows.
    ///
    /// # Errors
    /// No settings fulfil the wish.
    pub fn recommended(wish: Wish) -> Result<Self, NoReport> {
        let policy = recommend(&wish)?;
        Self::explained(wish, policy)
    }

    /// What follows from given settings. The time in the wish only says whether they
    /// [are quick enough](Self::is_quick); a time of zero is none.
    ///
    /// # Errors
    /// The system cannot count such times.
    pub fn explained(wish: Wish, policy: Policy) -> Result<Self, NoReport> {
        let ground = wish.ground;
        let plan = ground.os.plan(&policy)?;
        let settings = plan.effective();
        let heartbeat = match wish.detect_within.is_zero() {
            true => Err(NoBeat::NotAsked),
            false => beat(&wish, &settings),
        };
        let terms = heartbeat.as_ref().ok();
        let outage = ground.outage(&settings);
        let losses = ground.losses(&settings);
        let holds = wish.holds(&settings);
        let chance = wish
            .loss
            .map(|loss| false_death(&settings, terms, holds, loss, &ground));
        let mut all = warnings(&policy, &plan, &outage, &losses, chance, &wish);
        let found = terms.and_then(|terms| {
            let heartbeat = Detector::Heartbeat(*terms);
            expect(&heartbeat, Path::Idle, &ground).span()
        });
        let heartbeat_detection = found.map(|found| Span {
            latest: found.latest + wish.poll.unwrap_or_default(),
            ..found
        });
        if let Some(period) = wish.poll {
            let without = found.map(|found| found.latest);
            all.push(Warning::Polling { period, without });
        }
        let period = settings.idle.max(settings.interval);
        Ok(Self {
            detection: ground.detection(&settings),
            traffic: traffic(period, terms, wish.family),
            outage,
            heartbeat,
            heartbeat_detection,
            false_death: chance,
            warnings: all,
            plan,
            policy,
            wish,
        })
    }

    /// The settings as they will be in effect.
    #[must_use]
    pub fn settings(&self) -> Effective {
        self.plan.effective()
    }

    /// I + V·N: when an idle death is found by the manual, before the kernel's timers
    /// round up, and where there is no U to mask N.
    #[must_use]
    pub fn nominal(&self) -> Duration {
        let settings = self.settings();
        settings
            .idle
            .saturating_add(settings.interval.saturating_mul(settings.count))
    }

    /// How often a healthy idle connection is probed: every max(I, V).
    #[must_use]
    pub fn period(&self) -> Duration {
        let settings = self.settings();
        settings.idle.max(settings.interval)
    }

    /// Probes a second of that many idle connections.
    #[must_use]
    pub fn probes_a_second(&self, devices: u64) -> f64 {
        devices as f64 / self.period().as_secs_f64().max(0.001)
    }

    /// Both paths find a death within the wish, at their latest; `None` where the
    /// system's times are not known, or no time was wished.
    #[must_use]
    pub fn is_quick(&self) -> Option<bool> {
        if self.wish.detect_within.is_zero() {
            return None;
        }
        let in_time = |found: Found| match found {
            Found::Within(span) => Some(span.latest <= self.wish.room()),
            Found::NotBefore { earliest, .. } if earliest > self.wish.room() => Some(false),
            Found::Never(_) => Some(false),
            Found::NotBefore { .. } | Found::Unknown(_) => None,
        };
        match (
            in_time(self.detection.idle),
            in_time(self.detection.in_flight),
        ) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    /// Whether given settings do all that was asked of them.
    #[must_use]
    pub fn does_all(&self) -> bool {
        let survives = |known: Option<Duration>| match (known, self.wish.outage) {
            (Some(known), Some(wanted)) => known >= wanted,
            _ => true,
        };
        self.is_quick() != Some(false)
            && survives(self.outage.idle.known())
            && survives(self.outage.in_flight.known())
            && !self.warnings.iter().any(Warning::is_grave)
    }
}
