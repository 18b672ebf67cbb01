//! What of this machine the planner's times depend on.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use ayt_core::keepalive::{Kernel, Os};
use ayt_core::plan::Ground;

use crate::error::LabError;
use crate::host::Host;

/// The kernel that the lab's hosts have.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings {
    kernel: Kernel,
}

/// A retransmission timeout is never below this and the round trip (`TCP_RTO_MIN`).
const RTO_MIN_US: u32 = 200_000;

impl Surroundings {
    /// Looks at a host of the lab.
    ///
    /// # Errors
    /// When there can be none.
    pub fn look() -> Result<Self, LabError> {
        let host = Host::new("scout")?;
        let number = |name: &str| host.sysctl(name).ok().and_then(|text| text.parse().ok());
        let retries2 = number("net.ipv4.tcp_retries2").and_then(|n: u64| u8::try_from(n).ok());
        let rto_max = number("net.ipv4.tcp_rto_max_ms").map(Duration::from_millis);
        let usual = Kernel::default();
        Ok(Self {
            kernel: Kernel {
                hz: tick_rate(&host),
                rto: None,
                retries2: retries2.unwrap_or(usual.retries2),
                rto_max: rto_max.unwrap_or(usual.rto_max),
            },
        })
    }

    /// Timer ticks a second, where they can be told.
    #[must_use]
    pub const fn hz(&self) -> Option<u32> {
        self.kernel.hz
    }

    /// For the planner, with a connection's retransmission timeout where it is known.
    #[must_use]
    pub const fn ground(&self, rto: Option<Duration>) -> Ground {
        let kernel = Kernel { rto, ..self.kernel };
        Ground::new(Os::Linux, kernel, None)
    }
}

/// The first retransmission timeout on a loopback device is 200 ms and one tick, so it
/// tells how long a tick is.
fn tick_rate(host: &Host) -> Option<u32> {
    let rto = host.enter(|| {
        let listener = TcpListener::bind("127.0.0.1:0").ok()?;
        let stream = TcpStream::connect(listener.local_addr().ok()?).ok()?;
        Some(ayt_sys::own::at_end(&stream).ok()?.tcp.rto_us)
    });
    let tick_us = rto.ok()??.checked_sub(RTO_MIN_US)?;
    let rates = [1000, 300, 250, 100];
    rates
        .into_iter()
        .find(|hz| tick_us.abs_diff(1_000_000 / hz) <= 100)
}
