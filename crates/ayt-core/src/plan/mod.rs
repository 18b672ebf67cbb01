//! The planner: from a time in which a dead peer is to be found, to settings, and from
//! settings to all that follows from them.
//!
//! ```text
//!  Wish ──▶ recommend ──▶ Policy ──▶ Report: detection, outage, false deaths,
//!             │                      traffic, heartbeat, warnings
//!             ▼                        │
//!          Refusal: what binds         ▼
//!                                    emit(Target): text to paste
//! ```
//!
//! - [`Wish`] and [`Report::recommended`]: settings for a wish, or a [`Refusal`] that
//!   names what binds; [`Report::explained`]: what given settings do;
//! - [`expect`]: when any of ayt's [detectors](Detector) finds a death, as a span that
//!   measurements must lie in; the lab checks it;
//! - [`emit`]: the settings as a program's source or a server's configuration, one file
//!   a [`Target`] under `snippets/`.
//!
//! The kernel's times are those of [`keepalive`](crate::keepalive); nothing is reckoned
//! twice. A wish counts from the peer's disappearance, detection from its last byte:
//! between the two lies a round trip at most, which the planner takes off.

mod beat;
mod behind;
mod expect;
mod ground;
mod loss;
mod recommend;
mod report;
mod snippets;
mod traffic;
mod warning;
mod wish;

pub use beat::{NoBeat, beat};
pub use behind::{Behind, UnknownBox};
pub use expect::{Detector, Path, expect};
pub use ground::Ground;
pub use loss::{Loss, SAFE, false_death};
pub use recommend::recommend;
pub use report::{NoReport, Report};
pub use snippets::{Emitted, NoSnippet, Target, emit};
pub use traffic::{Family, MONTH, Traffic, traffic};
pub use warning::Warning;
pub use wish::{Binding, Refusal, Wish};
