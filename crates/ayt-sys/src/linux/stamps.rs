//! The kernel stamps packets with their time only while somebody wants it, and
//! begins a moment after the first who does (`net_enable_timestamp`,
//! net/core/dev.c, leaves it to a work queue). A packet without a stamp gets one
//! when it is read: round trips would be nothing but the time between two reads.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use super::{packet_socket, sockopt};

/// How often it is looked at, at most.
const TRIES: u32 = 100;

/// Between two looks.
const PAUSE: Duration = Duration::from_micros(500);

/// Waits until packets have their own stamps. Call it in the namespace, when the
/// stamps are switched on. Where that cannot be found out, as without loopback,
/// it does not wait.
pub(super) fn wait() {
    let Ok(socket) = to_itself() else { return };
    for _ in 0..TRIES {
        match is_stamped(&socket) {
            Some(false) => std::thread::sleep(PAUSE),
            Some(true) | None => return,
        }
    }
}

/// A socket that hears itself.
fn to_itself() -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(socket.local_addr()?)?;
    sockopt::set_timestamps(socket.as_fd())?;
    Ok(socket)
}

/// A packet that has come has a stamp from before it is read.
fn is_stamped(socket: &UdpSocket) -> Option<bool> {
    socket.send(&[0]).ok()?;
    #[expect(
        clippy::disallowed_methods,
        reason = "compared with the kernel's stamp, and nothing is decided by it"
    )]
    let before = SystemTime::now();
    let before = before.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let (_, at) = packet_socket::receive(socket.as_fd(), &mut [0; 1]).ok()?;
    Some(at? <= before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_wait_a_packet_has_its_own_stamp() {
        let socket = to_itself().expect("loopback");
        wait();
        assert_eq!(is_stamped(&socket), Some(true));
    }
}
