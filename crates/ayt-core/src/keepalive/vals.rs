//! Windows' `struct tcp_keepalive` (mstcpip.h), the argument of
//! `SIO_KEEPALIVE_VALS`: three 32-bit numbers in the machine's byte order, which
//! on every Windows is little-endian.
//!
//! ```text
//! byte  0    4          8
//!       onoff  time, ms   interval, ms
//! ```

use std::time::Duration;

use super::Policy;

/// `SIO_KEEPALIVE_VALS`, `_WSAIOW(IOC_VENDOR, 4)`: the control code to hand to
/// `WSAIoctl`, or to C#'s `Socket.IOControl`.
pub const SIO_KEEPALIVE_VALS: u32 = 0x9800_0004;

/// The 12 bytes that switch keepalive on with this policy's idle time and
/// interval. Both are always there: what is left 0 is taken for 0 ms, and the
/// system then probes without pause. The count is not among them.
///
/// ```
/// # use ayt_core::keepalive::{Policy, vals};
/// let policy: Policy = "60/5/3".parse()?;
/// assert_eq!(vals::on(&policy), [1, 0, 0, 0, 0x60, 0xEA, 0, 0, 0x88, 0x13, 0, 0]);
/// # Ok::<(), ayt_core::keepalive::BadPolicy>(())
/// ```
#[must_use]
pub fn on(policy: &Policy) -> [u8; 12] {
    bytes(1, ms(policy.idle()), ms(policy.interval()))
}

/// The 12 bytes that switch keepalive off.
#[must_use]
pub fn off() -> [u8; 12] {
    bytes(0, 0, 0)
}

fn bytes(onoff: u32, time_ms: u32, interval_ms: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    for (place, number) in bytes.chunks_exact_mut(4).zip([onoff, time_ms, interval_ms]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// A policy's times are whole milliseconds that fit by construction.
fn ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_structure() {
        for (policy, expected) in [
            ("60/5/3", [1, 0, 0, 0, 0x60, 0xEA, 0, 0, 0x88, 0x13, 0, 0]),
            ("7200/1/10", [1, 0, 0, 0, 0, 0xDD, 0x6D, 0, 0xE8, 3, 0, 0]),
            ("1ms/20ms/1", [1, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0]),
        ] {
            let policy: Policy = policy.parse().unwrap();
            assert_eq!(on(&policy), expected, "{policy}");
        }
        let longest = Policy::new(
            Duration::from_millis(i32::MAX as u64),
            Duration::from_millis(1),
            1,
        );
        assert_eq!(on(&longest.unwrap())[4..8], [0xFF, 0xFF, 0xFF, 0x7F]);
        assert_eq!(off(), [0; 12]);
    }
}
