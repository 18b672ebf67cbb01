//! Asking a connection's peer whether it is there, as decisions without I/O:
//! which engine may ask ([`engine`]), when to ask and what the answers mean
//! ([`Target`]). A driver (`ayt-guard`) does what [`Target::next`] says and
//! tells it what it saw, with the time. [`Exchange`] knows what the raw engine's
//! segments say ([`segment`]), and what is said of them.

pub mod engine;
mod exchange;
pub mod segment;
mod target;

pub use engine::{Engine, Refusal};
pub use exchange::{Exchange, Knock, Numbers, Reply};
pub use target::{End, ReadAt, Step, Target, unheard_since};

/// How often a silent peer is asked before it is called dead.
pub const ASKS: u32 = 3;
