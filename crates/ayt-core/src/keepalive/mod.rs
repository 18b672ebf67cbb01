//! Keepalive settings I/V/N and the user timeout U, and when they find a death.
//!
//! I = idle time before the first probe (`TCP_KEEPIDLE`), V = interval between
//! probes (`TCP_KEEPINTVL`), N = count of unanswered probes (`TCP_KEEPCNT`),
//! U = `TCP_USER_TIMEOUT` or what comes nearest to it.
//!
//! ```text
//!  last byte                 probes                      end: I + V·N
//!     │◀──────── I ────────▶│◀─ V ─▶│◀─ V ─▶│◀─ V ─▶│
//!     ●─────────────────────1───────2───────3───────✕        (N = 3)
//! ```
//!
//! - [`Policy`]: what a program wants, the same for every system;
//! - [`Os`]: what each system can do of it; [`Plan`] is the policy as that system
//!   will have it, with every [`Downgrade`];
//! - [`Detection`]: when a death is found, as [earliest, latest], on the idle path
//!   and with data in flight; [`Outage`]: what silence the connection survives;
//! - [`Settings`]: what a system says of one socket;
//! - [`vals`]: the 12 bytes of Windows' `tcp_keepalive`;
//! - [`Keepalive`] and [`KeepaliveWish`]: the same on Linux in whole seconds, as
//!   `ayt list` and `ayt arm` use them.
//!
//! Sources: RFC 1122 4.2.3.6 and RFC 9293 3.8.4 (off unless asked for; one
//! unanswered probe is not death), RFC 5482 (user timeout), and of each system
//! the pages and files named in `os/`.

mod detection;
mod downgrade;
mod kernel;
mod linux;
mod os;
mod plan;
mod policy;
mod readout;
mod settings;
pub mod vals;
mod wish;

pub use detection::{Bound, Detection, Found, Losses, Outage, Span};
pub use downgrade::{Downgrade, Instead, Setting, Value};
pub use kernel::Kernel;
pub use os::{Defaults, Knob, Os, Profile};
pub use plan::{Effective, Plan, SubSecond};
pub use policy::{BadPolicy, Policy};
pub use readout::Settings;
pub use settings::{Keepalive, MAX_COUNT, MAX_SECONDS};
pub use wish::{BadKeepalive, KeepaliveWish};
