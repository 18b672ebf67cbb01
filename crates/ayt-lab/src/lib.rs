//! Breaks networks on purpose, between real kernels.
//!
//! ```text
//!   Host "a"                       this process                       Host "b"
//!  ┌─────────┐  veth  ┌──────────────────────────────────┐  veth  ┌─────────┐
//!  │ sockets │───────▶│ Wire: Stage, Stage, ... and Log  │───────▶│ sockets │
//!  └─────────┘        └──────────────────────────────────┘        └─────────┘
//! ```
//!
//! - [`ground::take`] gets the rights, as root or as an ordinary user;
//! - a [`Host`] is a network namespace with its own kernel TCP;
//! - a [`Wire`] joins two of them and sees every packet. What it does to them is a
//!   [`Chain`] of [stages](stage), each a small machine that is given `now`;
//! - a [fault](faults) breaks it, a [detector](detectors) watches in one of the
//!   [subjects], a [scenario] says what must be seen, and the [runner] measures;
//! - the [`Log`](log::Log) knows of every packet what it was and what became of it,
//!   and [`pcap`] writes it for Wireshark;
//! - a [`report`] shows what was measured, and each run packet by packet.
//!
//! A cable that is pulled, and a server that finds out:
//!
//! ```no_run
//! use ayt_lab::{Host, Side, Wire, ground};
//! use std::net::{TcpListener, TcpStream};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! ground::take()?;
//! let (a, b) = (Host::new("server")?, Host::new("client")?);
//! let wire = Wire::join(&a, &b)?;
//! let listener = a.enter(|| TcpListener::bind((wire.v4(Side::A), 0)))??;
//! let address = listener.local_addr()?;
//! let client = b.enter(|| TcpStream::connect(address))??;
//! let cut = wire.cut()?;
//! // From `cut.at` on, nothing gets through either way; `wire.remove` heals it.
//! # drop(client);
//! # Ok(())
//! # }
//! ```
//!
//! Everything it makes is held by descriptors and threads of this process, and
//! vanishes with it whatever way it ends: nothing is mounted, named or written.

pub mod claims;
pub mod clock;
pub mod detectors;
mod error;
pub mod faults;
pub mod ground;
mod host;
pub mod log;
pub mod packet;
pub mod pcap;
pub mod report;
pub mod runner;
pub mod scenario;
mod story;
pub mod subjects;
mod sync;
mod wire;

pub use error::LabError;
pub use host::{Host, Process, Reboot};
pub use packet::{Direction, Packet, Side};
pub use wire::{Chain, Changed, Counts, Place, StageId, Wire, stage};
