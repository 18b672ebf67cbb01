//! Kernel keepalive on one socket: set, read back, and what it will do.
//!
//! A peer that vanishes without a word (power, cable, a forgotten NAT entry) leaves
//! a connection that nothing ends. With keepalive the kernel asks an idle peer's
//! kernel whether it is there, and ends the connection when it does not answer.
//!
//! ```no_run
//! use ayt::keepalive::{self, Policy};
//!
//! let stream = std::net::TcpStream::connect("device.example:7000")?;
//! let applied = keepalive::apply(&stream, &Policy::default())?;
//! for downgrade in &applied.downgrades {
//!     eprintln!("keepalive: {downgrade}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The four settings
//!
//! | | what | unit and range on Linux | usual value |
//! |---|---|---|---|
//! | I | idle time before the first probe | s, 1–32767 | 7200 |
//! | V | interval between probes | s, 1–32767 | 75 |
//! | N | unanswered probes that end the connection | 1–127 | 9 |
//! | U | longest time that sent data may stay unacknowledged | ms | none |
//!
//! Ranges and units elsewhere: [`Os::profile`]. A [`Policy`] always has I, V and N,
//! because systems fall back to values that undo the others; its default and the
//! reasons for it are on [`Policy`].
//!
//! - Without keepalive an idle death is **never** found. The switch alone finds it
//!   after more than two hours.
//! - Keepalive sleeps while data is in flight. Without U, Linux then retransmits for
//!   a quarter of an hour.
//! - On Linux, U decides in place of N: I + V·max(1, ⌈(U − I)/V⌉). A U well below
//!   I + V·N makes N worth nothing.
//! - U also ends a living peer that reads nothing for that long.
//! - Keepalive asks the peer's *kernel*: a program that hangs still has one. For the
//!   program use a heartbeat.
//!
//! # When it finds a death
//!
//! [`Applied::detection`] tells, for this system, both paths as [earliest, latest].
//! On Linux that is the kernel's arithmetic including the granularity of its timers;
//! give it the [`Kernel`]'s tick rate, where you know it, for a narrower span. For
//! systems where nobody read the source or measured, it is [`Found::Unknown`] with
//! the reason, not a guess. [`Applied::outage`] tells the shortest outage that kills.
//!
//! # Reading pins nothing, setting pins
//!
//! An option that was never set reads as the system's value of the moment, and
//! follows it: when the administrator changes the sysctl, the connection changes.
//! [`apply`] pins what it sets, for good, even where it sets the same number.
//!
//! # Sources
//!
//! RFC 1122 4.2.3.6 and RFC 9293 3.8.4 (off unless asked for; one unanswered probe
//! is not death), RFC 5482 (user timeout), tcp(7), `net/ipv4/tcp_timer.c`; for other
//! systems [`Profile::source`].

pub use ayt_core::duration::BadDuration;
pub use ayt_core::fact::{Fact, Why};
pub use ayt_core::keepalive::{
    BadPolicy, Bound, Defaults, Detection, Downgrade, Effective, Found, Instead, Keepalive, Kernel,
    Knob, Losses, Os, Outage, Plan, Policy, Profile, Setting, Settings, Span, SubSecond, Value,
    vals,
};
pub use ayt_sys::keepalive::{Applied, ApplyError, apply, read, this_os};
