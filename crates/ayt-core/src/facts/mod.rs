//! What is known of a host's TCP connections at one moment: plain data, filled
//! by `ayt-sys` and `ayt-guard`, read by filters and rules.

mod host;
mod inside;
mod namespace;
mod process;
mod socket;

pub use host::{DeadHeld, HostFacts, HostParts, SecondLook};
pub use inside::{Frame, Inside, ThreadDetail, Threads, WaitsOn, Watch};
pub use namespace::{Counters, Namespace, NsId, Sysctls};
pub use process::{Call, Owner, Owners, Process, Thread, Unit};
pub use socket::{Cookie, Memory, Shutdown, Socket, TcpInfo, Timer, TimerKind};

#[cfg(test)]
pub(crate) mod sample;
