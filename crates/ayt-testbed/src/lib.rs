//! Test support, never part of the product: network namespaces, a wire that
//! breaks on command, and programs that misbehave.
//!
//! ```text
//!   Ns "a"                        test process                       Ns "b"
//!  ┌─────────┐   TUN   ┌────────────────────────────────┐   TUN   ┌─────────┐
//!  │ Fixture │────────▶│ Wire: delay, cut, answer, log  │────────▶│ Fixture │
//!  └─────────┘         └────────────────────────────────┘         └─────────┘
//! ```
//!
//! - [`Ns`] is one host: a network namespace held by a descriptor.
//! - [`Wire`] joins two of them packet by packet; [`Veth`] joins two through
//!   the kernel alone, where thousands of connections need no watching.
//! - [`Fixture`] runs one of the programs of `ayt-fixture` in a namespace;
//!   [`Redis`] and [`Sshd`] run the real servers.
//! - [`eventually`] waits for a condition; [`Need`] says what a test did not
//!   find, and fails where nothing may be missing (in CI).
//!
//! A ghost, made through the wire: the server holds an ESTABLISHED connection
//! whose peer has gone without a word.
//!
//! ```no_run
//! # use ayt_testbed::{Fixture, Ns, Side, Wire};
//! # fn main() -> anyhow::Result<()> {
//! let (host, peer) = (Ns::new()?, Ns::new()?);
//! let wire = Wire::join(&host, &peer)?;
//! let bind = format!("{}:0", wire.v4(Side::A));
//! let server = Fixture::start(&host, ["serve", "--bind", &bind])?;
//! let mut client = Fixture::start(&peer, ["hold", &server.addr().to_string()])?;
//! wire.cut();
//! client.kill()?; // its FIN is lost on the wire
//! assert!(host.tcp()?.iter().any(|row| row.local == server.addr() && row.inode != 0));
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here outlives the test process: namespaces are descriptors, and each
//! child leaves when its standard input ends.

#![allow(
    clippy::disallowed_methods,
    reason = "the testbed drives real kernels and measures them, so it reads the real clock"
)]

mod daemon;
mod eventually;
mod fixture;
mod keepalive;
mod need;
mod ns;
mod program;
mod subnet;
mod sync;
mod tcp_table;
mod veth;
mod wire;

pub use daemon::{Redis, Sshd};
pub use eventually::{Outcome, eventually};
pub use fixture::{Fixture, fixture_binary};
pub use keepalive::Keepalive;
pub use need::Need;
pub use ns::Ns;
pub use program::copy_program;
pub use subnet::{Side, Subnet};
pub use tcp_table::{TcpRow, TcpState};
pub use veth::Veth;
pub use wire::{
    Direction, Fate, Lost, Mark, Origin, Packet, Tcp, TcpFlags, Transport, Unreachable, Wire,
};
