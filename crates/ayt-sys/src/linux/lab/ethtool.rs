//! Offloads of a network device off, so that each packet on the wire is one
//! segment with its checksum in it (`include/uapi/linux/ethtool.h`, netdevice(7)).
#![expect(unsafe_code, reason = "the ethtool ioctl")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::super::Netns;
use crate::error::SysError;

const SIOCETHTOOL: libc::Ioctl = 0x8946;
/// Transmit checksums, scatter-gather, TCP segmentation, generic segmentation and
/// generic receive offload (`ETHTOOL_STXCSUM` ... `ETHTOOL_SGRO`).
const OFF: [(u32, &str); 5] = [
    (0x17, "transmit checksums"),
    (0x19, "scatter-gather"),
    (0x1f, "TCP segmentation"),
    (0x24, "generic segmentation"),
    (0x2c, "generic receive offload"),
];

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// Switches every offload of a device off that would merge segments or leave
/// checksums to hardware.
///
/// # Errors
/// When there is no such device, or the kernel refuses.
pub fn offload_off(ns: &Netns, device: &str) -> Result<(), SysError> {
    let socket = ns.enter(|| {
        socket_with(
            AddressFamily::INET,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )
    })?;
    let socket = socket.map_err(|error| SysError::call("open a socket for ethtool", error))?;
    for (command, name) in OFF {
        set(&socket, device, command)
            .map_err(|error| SysError::call(format!("switch {name} of {device} off"), error))?;
    }
    Ok(())
}

fn set(socket: &OwnedFd, device: &str, command: u32) -> io::Result<()> {
    let mut value = Value { command, data: 0 };
    let mut name: [libc::c_char; libc::IFNAMSIZ] = [0; libc::IFNAMSIZ];
    if device.len() >= name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in name.iter_mut().zip(device.bytes()) {
        *to = from as libc::c_char;
    }
    let mut request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: (&raw mut value).cast(),
        },
    };
    // SAFETY: `request` is a valid ifreq whose name ends with a zero and whose
    // data points to an ethtool_value; both are exclusively ours and live until
    // the call returns, and the kernel reads and writes no more than them.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
