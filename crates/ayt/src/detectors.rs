//! Is the peer still there, judged from when bytes came: for
//! [`Watched`](crate::watched::Watched), [`Listener`](crate::listener::Listener) and
//! [`Connector`](crate::connect::Connector).
//!
//! ```
//! use std::time::Duration;
//! use ayt::detectors::{Fixed, Terms};
//! use ayt::watched::Watched;
//!
//! # fn main() -> Result<(), ayt::detectors::BadTerms> {
//! // The peer promised to send something at least every 30 s. After two such silences
//! // it is asked, and has 5 s to answer: a death is found after 65 s.
//! let terms = Terms::new(Duration::from_secs(30), 2, Duration::from_secs(5))?;
//! assert_eq!(terms.detection(), Duration::from_secs(65));
//! # let (stream, _far) = tokio::io::duplex(64);
//! let watched = Watched::new(stream, Fixed::new(terms, Duration::ZERO));
//! # drop(watched);
//! # Ok(())
//! # }
//! ```
//!
//! # Which one
//!
//! | the peer | detector |
//! |---|---|
//! | has promised a heartbeat | [`Fixed`]: overdue at interval · misses, dead the challenge time later |
//! | sends its heartbeat and is never asked, to save the answer | [`Fixed`] with [`Terms::one_way`]: dead after as long |
//! | has promised nothing, and sends as it comes | [`Accrual`]: overdue when its silence is unlike it |
//! | may be silent for ever | [`Never`](crate::watched::Never), and keepalive on the socket |
//!
//! None of them polls: each tells its [deadline](Detector::next_deadline), and a death is
//! found then, not up to a polling period later.
//!
//! # Whose time
//!
//! Times are offsets from an origin. In this crate it is the moment at which a stream
//! begins to be watched: make a detector with [`Duration::ZERO`](std::time::Duration::ZERO).
//! The first silence begins with the first read that has to wait.
//!
//! [`Detector`] can be implemented; its four rules are on its own page. How often to
//! *send* so that a NAT on the way does not forget, is what
//! [`session::client::search`](crate::session::client::search) finds out.

pub use ayt_core::detectors::accrual::{AccrualTerms, BadAccrual};
pub use ayt_core::detectors::{Accrual, BadTerms, Detector, Fixed, Judgement, Terms};
