//! Classic BPF programs for the witness's raw sockets: the kernel drops there
//! what ayt has no use for, so that a busy host costs nothing.

use libc::sock_filter;

use super::bpf::{AND, JEQ, LD_B_ABS, LD_B_IND, LDX_MSH, RET, op};

const RST: u32 = 0x04;
const WHOLE: u32 = 0xffff;

/// IPv4 TCP segments with RST; the packet starts at the IP header.
pub(super) const RESET4: [sock_filter; 6] = [
    op(LDX_MSH, 0, 0, 0),
    op(LD_B_IND, 0, 0, 13),
    op(AND, 0, 0, RST),
    op(JEQ, 1, 0, 0),
    op(RET, 0, 0, WHOLE),
    op(RET, 0, 0, 0),
];

/// IPv6 TCP segments with RST; the packet starts at the TCP header.
pub(super) const RESET6: [sock_filter; 5] = [
    op(LD_B_ABS, 0, 0, 13),
    op(AND, 0, 0, RST),
    op(JEQ, 1, 0, 0),
    op(RET, 0, 0, WHOLE),
    op(RET, 0, 0, 0),
];

/// ICMP destination unreachable (type 3); starts at the IP header.
pub(super) const UNREACHABLE4: [sock_filter; 5] = [
    op(LDX_MSH, 0, 0, 0),
    op(LD_B_IND, 0, 0, 0),
    op(JEQ, 0, 1, 3),
    op(RET, 0, 0, WHOLE),
    op(RET, 0, 0, 0),
];

/// ICMPv6 destination unreachable (type 1); starts at the ICMP header.
pub(super) const UNREACHABLE6: [sock_filter; 4] = [
    op(LD_B_ABS, 0, 0, 0),
    op(JEQ, 0, 1, 1),
    op(RET, 0, 0, WHOLE),
    op(RET, 0, 0, 0),
];
