//! Decides from facts and `now`. This crate does no I/O, reads no clock, and
//! holds no platform code: everything in it runs in virtual time.
//!
//! - [`facts`]: what is known of a host's TCP connections;
//! - [`filter`]: which of them a command is about;
//! - [`doctor`]: rules that say what is wrong;
//! - [`plan`]: from a time to find a death in, to settings and what follows from them;
//! - [`probe`]: asking a connection's peer whether it is there, as a state
//!   machine without I/O;
//! - [`trace`]: where a connection's path ends, hop by hop;
//! - [`detectors`]: is a peer still there, judged from when bytes came;
//! - [`supervise`]: the same for a million sessions;
//! - [`session`]: the `ayt/1` protocol;
//! - [`end`]: the cause of a connection's end, from an error and facts;
//! - [`middleboxes`]: how long boxes on the way remember an idle connection;
//! - [`why`]: one causal paragraph about a port, a process or a connection;
//! - [`verdict`] and [`cause`]: the words in which all of ayt answers.
#![forbid(unsafe_code)]

pub mod cause;
pub mod compact;
pub mod detectors;
pub mod doctor;
pub mod duration;
pub mod end;
pub mod fact;
pub mod facts;
pub mod filter;
pub mod keepalive;
pub mod middleboxes;
pub mod plan;
pub mod probe;
pub mod session;
pub mod supervise;
pub mod tcp_state;
pub mod trace;
pub mod verdict;
pub mod why;
