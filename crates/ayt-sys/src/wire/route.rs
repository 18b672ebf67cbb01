//! Requests of rtnetlink: links and addresses of a namespace, built without I/O
//! (rtnetlink(7), `include/uapi/linux/if_link.h`).
//!
//! Six messages are all that the lab needs, so they are built here rather than by
//! a crate with a type for every message there is.

use std::net::IpAddr;

use super::netlink::{F_ACK, F_DUMP, F_REQUEST, attributes};
use super::u32_at;

/// `NLM_F_EXCL | NLM_F_CREATE`.
const F_NEW: u16 = 0x600;
const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_QDISC: u16 = 6;
const IFLA_LINKINFO: u16 = 18;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_CARRIER: u16 = 33;
const VETH_INFO_PEER: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const ADDR_GEN_MODE_NONE: u8 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_NODAD: u8 = 0x02;
const IFF_UP: u32 = 0x1;
const IFF_NOARP: u32 = 0x80;
const AF_INET: u8 = 2;
const AF_INET6: u16 = 10;
/// `struct ifinfomsg`.
const LINK_HEADER: usize = 16;

/// One end of a veth pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VethEnd<'a> {
    /// Its name, at most 15 bytes.
    pub name: &'a str,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// Its number in its namespace; 0 for the next that is free. Where both ends
    /// have the same, the kernel takes them for one device without a peer and lets
    /// up to a second pass before it looks at their carriers (`net/core/link_watch.c`).
    pub index: u32,
}

/// A network device, as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// It is administratively up.
    pub up: bool,
    /// The other end is there and up; `None` where the kernel does not say.
    pub carrier: Option<bool>,
    /// It has a queue to send from; until the kernel has noticed the carrier,
    /// everything that is sent is lost.
    pub sends: bool,
}

/// Makes a veth pair: `here` in the namespace of the netlink socket, `there` in
/// the one of the descriptor `namespace`.
#[must_use]
pub fn new_veth(
    here: &VethEnd<'_>,
    there: &VethEnd<'_>,
    namespace: u32,
    mtu: u32,
    sequence: u32,
) -> Vec<u8> {
    let mut request = Request::new(NEW_LINK, F_NEW | F_ACK, sequence);
    request.link_header(here.index, 0, 0);
    request.end_of_pair(here, mtu);
    request.nested(IFLA_LINKINFO, |info| {
        info.attribute(IFLA_INFO_KIND, b"veth");
        info.nested(IFLA_INFO_DATA, |data| {
            data.nested(VETH_INFO_PEER, |peer| {
                peer.link_header(there.index, 0, 0);
                peer.end_of_pair(there, mtu);
                peer.attribute(IFLA_NET_NS_FD, &namespace.to_ne_bytes());
            });
        });
    });
    request.finish()
}

/// Sets a device up or down. With `arp` false it asks nobody for hardware
/// addresses: what it sends carries its own, in both families.
#[must_use]
pub fn set_link(index: u32, up: bool, arp: bool, sequence: u32) -> Vec<u8> {
    let mut request = Request::new(NEW_LINK, F_ACK, sequence);
    let flags = if up { IFF_UP } else { 0 } | if arp { 0 } else { IFF_NOARP };
    request.link_header(index, flags, IFF_UP | IFF_NOARP);
    request.finish()
}

/// Sets a device up or down and leaves everything else of it as it is.
#[must_use]
pub fn set_up(index: u32, up: bool, sequence: u32) -> Vec<u8> {
    let mut request = Request::new(NEW_LINK, F_ACK, sequence);
    request.link_header(index, if up { IFF_UP } else { 0 }, IFF_UP);
    request.finish()
}

/// Keeps the kernel from giving a device a link-local IPv6 address, which would
/// talk by itself (router solicitations, listener reports).
#[must_use]
pub fn no_link_local(index: u32, sequence: u32) -> Vec<u8> {
    let mut request = Request::new(NEW_LINK, F_ACK, sequence);
    request.link_header(index, 0, 0);
    request.nested(IFLA_AF_SPEC, |spec| {
        spec.nested(AF_INET6, |six| {
            six.attribute(IFLA_INET6_ADDR_GEN_MODE, &[ADDR_GEN_MODE_NONE]);
        });
    });
    request.finish()
}

/// Gives a device an address, without duplicate address detection.
#[must_use]
pub fn new_address(index: u32, address: IpAddr, prefix: u8, sequence: u32) -> Vec<u8> {
    let mut request = Request::new(NEW_ADDRESS, F_NEW | F_ACK, sequence);
    let (family, bytes) = match address {
        IpAddr::V4(four) => (AF_INET, four.octets().to_vec()),
        IpAddr::V6(six) => (AF_INET6 as u8, six.octets().to_vec()),
    };
    request.bytes.extend([family, prefix, IFA_F_NODAD, 0]);
    request.bytes.extend(index.to_ne_bytes());
    request.attribute(IFA_LOCAL, &bytes);
    request.attribute(IFA_ADDRESS, &bytes);
    request.finish()
}

/// Removes a device; of a veth pair, both ends go.
#[must_use]
pub fn delete_link(index: u32, sequence: u32) -> Vec<u8> {
    let mut request = Request::new(DELETE_LINK, F_ACK, sequence);
    request.link_header(index, 0, 0);
    request.finish()
}

/// Lists the devices of the namespace.
#[must_use]
pub fn list_links(sequence: u32) -> Vec<u8> {
    let mut request = Request::new(GET_LINK, F_DUMP, sequence);
    request.link_header(0, 0, 0);
    request.finish()
}

/// Reads a device out of an answer to [`list_links`]; `None` for anything else.
#[must_use]
pub fn link(payload: &[u8]) -> Option<Link> {
    let index = u32_at(payload, 4)?;
    let flags = u32_at(payload, 8)?;
    let mut name = None;
    let mut carrier = None;
    let mut sends = false;
    for (kind, value) in attributes(payload.get(LINK_HEADER..)?) {
        match kind {
            IFLA_IFNAME => {
                let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
                name = Some(String::from_utf8_lossy(text).into_owned());
            }
            IFLA_QDISC => sends = !value.starts_with(b"noop\0"),
            IFLA_CARRIER => carrier = value.first().map(|byte| *byte != 0),
            _ => {}
        }
    }
    Some(Link {
        index,
        name: name?,
        up: flags & IFF_UP != 0,
        carrier,
        sends,
    })
}

/// A message in the making.
struct Request {
    bytes: Vec<u8>,
}

impl Request {
    fn new(kind: u16, flags: u16, sequence: u32) -> Self {
        let mut bytes = Vec::with_capacity(256);
        // The length is filled in at the end.
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((flags | F_REQUEST).to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        Self { bytes }
    }

    fn link_header(&mut self, index: u32, flags: u32, change: u32) {
        self.bytes.extend([0; 4]);
        self.bytes.extend(index.to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        self.bytes.extend(change.to_ne_bytes());
    }

    fn end_of_pair(&mut self, end: &VethEnd<'_>, mtu: u32) {
        let mut name = end.name.as_bytes().to_vec();
        name.push(0);
        self.attribute(IFLA_IFNAME, &name);
        self.attribute(IFLA_ADDRESS, &end.mac);
        self.attribute(IFLA_MTU, &mtu.to_ne_bytes());
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nested(kind, |inner| inner.bytes.extend(value));
    }

    fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend([0, 0]);
        self.bytes.extend(kind.to_ne_bytes());
        fill(self);
        // No attribute here is longer than a few hundred bytes.
        let length = (self.bytes.len() - start) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.bytes.resize(self.bytes.len().div_ceil(4) * 4, 0);
    }

    fn finish(mut self) -> Vec<u8> {
        let length = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::netlink::{HEADER, messages};
    use super::*;
    use proptest::prelude::*;

    fn payload(message: &[u8]) -> &[u8] {
        let found = messages(message).next().unwrap().unwrap();
        assert_eq!(found.payload.len(), message.len() - HEADER);
        found.payload
    }

    fn find(bytes: &[u8], kind: u16) -> &[u8] {
        let found = attributes(bytes).find(|(found, _)| *found == kind);
        found.unwrap_or_else(|| panic!("no attribute {kind}")).1
    }

    #[test]
    fn a_pair_names_both_ends_and_the_other_namespace() {
        let here = VethEnd {
            name: "far-a",
            mac: [2, 0, 0, 0, 0, 1],
            index: 0,
        };
        let there = VethEnd {
            name: "wire0",
            mac: [2, 0, 0, 0, 0, 2],
            index: 0,
        };
        let message = new_veth(&here, &there, 7, 1500, 3);
        let top = &payload(&message)[LINK_HEADER..];
        assert_eq!(find(top, IFLA_IFNAME), b"far-a\0");
        let info = find(top, IFLA_LINKINFO);
        assert_eq!(find(info, IFLA_INFO_KIND), b"veth");
        let peer = &find(find(info, IFLA_INFO_DATA), VETH_INFO_PEER)[LINK_HEADER..];
        assert_eq!(find(peer, IFLA_ADDRESS), there.mac);
        assert_eq!(find(peer, IFLA_NET_NS_FD), 7u32.to_ne_bytes());
    }

    #[test]
    fn an_address_comes_without_detection() {
        let message = new_address(4, "fd77::1".parse().unwrap(), 64, 1);
        let body = payload(&message);
        assert_eq!(body[..4], [10, 64, 2, 0]);
        assert_eq!(find(&body[8..], IFA_LOCAL)[15], 1);
    }

    #[test]
    fn a_link_is_read_back() {
        let mut answer = Request::new(NEW_LINK, 0, 1);
        answer.link_header(9, IFF_UP, 0);
        answer.attribute(IFLA_IFNAME, b"wire0\0");
        answer.attribute(IFLA_CARRIER, &[0]);
        let message = answer.finish();
        let found = link(payload(&message)).unwrap();
        assert_eq!(
            (found.index, found.up, found.carrier),
            (9, true, Some(false))
        );
        assert_eq!(found.name, "wire0");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_link_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = link(&bytes);
        }
    }
}
