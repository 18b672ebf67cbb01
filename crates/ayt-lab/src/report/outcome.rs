//! What a run came to, against what was planned.

use std::time::Duration;

use super::{Run, units};

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Found inside the planned span.
    InTime,
    /// Found so much before the earliest.
    Early(Duration),
    /// Found so much after the latest.
    Late(Duration),
    /// Found, and no time was claimed (or none was measured).
    Found,
    /// Not found, although a time was claimed.
    Missed,
    /// Nothing was claimed, and nothing found.
    Silent,
    /// What lived was called dead.
    FalseDeath,
    /// Something else than was planned was seen.
    Differs,
}

impl Outcome {
    /// What this run came to.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        if run.false_deaths > 0 {
            return Self::FalseDeath;
        }
        match (run.detected, run.planned, run.measured) {
            (false, None, _) if run.differs.is_none() => Self::Silent,
            (false, Some(_), _) => Self::Missed,
            (true, Some([earliest, latest]), Some(measured)) => {
                if measured < earliest {
                    Self::Early(earliest - measured)
                } else if measured > latest {
                    Self::Late(measured - latest)
                } else if run.differs.is_some() {
                    Self::Differs
                } else {
                    Self::InTime
                }
            }
            (true, _, _) if run.differs.is_none() => Self::Found,
            _ => Self::Differs,
        }
    }

    /// A claim was kept.
    #[must_use]
    pub const fn is_kept(self) -> bool {
        matches!(self, Self::InTime)
    }

    /// A claim was broken. A living connection called dead is told apart: it may have
    /// been foreseen.
    #[must_use]
    pub const fn is_broken(self) -> bool {
        matches!(
            self,
            Self::Early(_) | Self::Late(_) | Self::Missed | Self::Differs
        )
    }

    /// One sign, that tells without colour.
    pub(super) const fn mark(self) -> &'static str {
        match self {
            Self::InTime => "✓",
            Self::Early(_) => "▼",
            Self::Late(_) => "▲",
            Self::Found => "●",
            Self::Missed => "✗",
            Self::Silent => "○",
            Self::FalseDeath => "‼",
            Self::Differs => "≠",
        }
    }

    /// The class of its style.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::InTime => "kept",
            Self::Early(_) | Self::Late(_) | Self::Missed | Self::FalseDeath | Self::Differs => {
                "broken"
            }
            Self::Found | Self::Silent => "open",
        }
    }

    /// In a few words.
    pub(super) fn words(self) -> String {
        match self {
            Self::InTime => "in the band".into(),
            Self::Early(by) => format!("{} early", units::time(by)),
            Self::Late(by) => format!("{} late", units::time(by)),
            Self::Found => "found".into(),
            Self::Missed => "not found".into(),
            Self::Silent => "nothing found".into(),
            Self::FalseDeath => "false death".into(),
            Self::Differs => "differs".into(),
        }
    }

    /// Each kind once, with what it means.
    pub(super) const KINDS: [(Self, &'static str); 8] = [
        (Self::InTime, "found inside the planned band"),
        (Self::Early(Duration::ZERO), "found before the band"),
        (Self::Late(Duration::ZERO), "found after the band"),
        (Self::Found, "found; no time was claimed"),
        (Self::Missed, "claimed, and not found"),
        (Self::Silent, "nothing claimed, nothing found"),
        (Self::FalseDeath, "a living connection was called dead"),
        (Self::Differs, "something else than was planned"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_follows_from_claim_and_measurement() {
        let ms = Duration::from_millis;
        let band = Some([ms(3_000), ms(3_300)]);
        let of = |detected, planned, measured: Option<u64>| {
            Outcome::of(&Run {
                detected,
                planned,
                measured: measured.map(ms),
                ..Run::default()
            })
        };
        assert_eq!(of(true, band, Some(3_000)), Outcome::InTime);
        assert_eq!(of(true, band, Some(3_300)), Outcome::InTime);
        assert_eq!(of(true, band, Some(2_999)), Outcome::Early(ms(1)));
        assert_eq!(of(true, band, Some(3_302)), Outcome::Late(ms(2)));
        assert_eq!(of(true, None, Some(3_302)), Outcome::Found);
        assert_eq!(of(true, band, None), Outcome::Found);
        assert_eq!(of(false, band, None), Outcome::Missed);
        assert_eq!(of(false, None, None), Outcome::Silent);
        let run = Run {
            false_deaths: 1,
            ..Run::default()
        };
        assert_eq!(Outcome::of(&run), Outcome::FalseDeath);
        let differs = |detected, planned, measured: Option<u64>| {
            Outcome::of(&Run {
                detected,
                planned,
                measured: measured.map(ms),
                differs: Some("peer_reset instead of keepalive_timeout".into()),
                ..Run::default()
            })
        };
        assert_eq!(differs(false, None, None), Outcome::Differs);
        assert_eq!(differs(true, None, None), Outcome::Differs);
        assert_eq!(differs(true, band, Some(3_100)), Outcome::Differs);
        assert_eq!(differs(true, band, Some(3_302)), Outcome::Late(ms(2)));
    }
}
