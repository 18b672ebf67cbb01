//! Classic BPF programs for the witness's raw sockets: the kernel drops there
//! what ayt has no use for, so that a busy host costs nothing.

use libc::sock_filter;

const LD_B_ABS: u16 = 0x30;
const LDX_MSH: u16 = 0xb1;
const LD_B_IND: u16 = 0x50;
const AND: u16 = 0x54;
const JEQ: u16 = 0x15;
const RET: u16 = 0x06;
const RST: u32 = 0x04;
const WHOLE: u32 = 0xffff;

const fn op(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

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
