//! The classic BPF program of the packet socket: of all that passes the host,
//! the kernel copies only segments of the connections being asked and ICMP
//! errors.
//!
//! A connection is known by one number out of its addresses and ports, the same
//! in both directions, which a binary search finds among all of them. Two
//! connections may share one; whoever reads compares addresses again.

use std::net::IpAddr;

use libc::sock_filter;

use super::bpf::{
    ADD_X, AND, JA, JEQ, JEQ_X, JGE, JSET, LD_B_ABS, LD_B_IND, LD_H_ABS, LD_H_IND, LD_W_ABS,
    LDX_MEM, LDX_MSH, MUL_X, RET, RSH, ST, TAX, XOR_X, op,
};
use crate::wire::packet::FourTuple;

/// Connections that fit into a program of 4096 instructions (`BPF_MAXINSNS`).
/// For more, every segment without data is copied.
pub(super) const MOST: usize = 1_500;

/// Bytes of a packet that are copied: both headers of an ICMP error and all that
/// is read of what it quotes, with options.
const PART: u32 = 256;

/// `SKF_AD_OFF + SKF_AD_PROTOCOL`: the packet's protocol on the link.
const LINK_PROTOCOL: u32 = 0xffff_f000;
const IP4: u32 = 0x0800;
const IP6: u32 = 0x86dd;

const fn drop_it() -> sock_filter {
    op(RET, 0, 0, 0)
}

const fn take_it() -> sock_filter {
    op(RET, 0, 0, PART)
}

/// The number of a connection.
fn key(connection: &FourTuple) -> u32 {
    let words = |ip: IpAddr| -> u32 {
        match ip.to_canonical() {
            IpAddr::V4(ip) => u32::from(ip),
            IpAddr::V6(ip) => {
                let words = u128::from(ip);
                (0..4).fold(0, |all, nth| all ^ (words >> (32 * nth)) as u32)
            }
        }
    };
    let ports = u32::from(connection.local.port()) * u32::from(connection.remote.port());
    words(connection.local.ip()) ^ words(connection.remote.ip()) ^ ports
}

/// The program that lets pass what concerns these connections.
pub(super) fn program(connections: &[FourTuple]) -> Vec<sock_filter> {
    let mut keys: Vec<u32> = connections.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    let narrow = keys.len() <= MOST;
    let (four, six) = if narrow {
        (key4(), key6())
    } else {
        (bare4(), bare6())
    };
    let mut program = vec![
        op(LD_W_ABS, 0, 0, LINK_PROTOCOL),
        op(JEQ, 0, 1, IP4),
        op(JA, 0, 0, 2),
        op(JEQ, 1, 0, IP6),
        drop_it(),
        // IPv6 lies behind IPv4; what jumps here is 0x800 or 0x86dd still.
        op(JEQ, 1, 0, IP4),
        op(JA, 0, 0, four.len() as u32 + u32::from(narrow)),
    ];
    program.extend(four);
    if narrow {
        // To the search, past what is IPv6's.
        program.push(op(JA, 0, 0, six.len() as u32));
    }
    program.extend(six);
    if narrow {
        search(&keys, &mut program);
    }
    program
}

/// What both families do first with IPv4: errors pass, other protocols, later
/// fragments and openings do not. Leaves the TCP header's offset in X.
fn head4() -> Vec<sock_filter> {
    vec![
        op(LDX_MSH, 0, 0, 0),
        op(LD_B_ABS, 0, 0, 9),
        op(JEQ, 0, 5, 1),
        // ICMP: unreachable and time exceeded.
        op(LD_B_IND, 0, 0, 0),
        op(JEQ, 1, 0, 3),
        op(JEQ, 0, 1, 11),
        take_it(),
        drop_it(),
        op(JEQ, 1, 0, 6),
        drop_it(),
        op(LD_H_ABS, 0, 0, 6),
        op(JSET, 0, 1, 0x1fff),
        drop_it(),
        op(LD_B_IND, 0, 0, 13),
        op(JSET, 0, 1, SYN),
        drop_it(),
    ]
}

const SYN: u32 = 0x02;

/// The same for IPv6. What has extension headers passes: it is rare.
fn head6() -> Vec<sock_filter> {
    vec![
        op(LD_B_ABS, 0, 0, 6),
        op(JEQ, 0, 5, 58),
        // ICMPv6: unreachable, too big, time exceeded.
        op(LD_B_ABS, 0, 0, 40),
        op(JGE, 2, 0, 4),
        op(JEQ, 1, 0, 0),
        take_it(),
        drop_it(),
        op(JEQ, 5, 0, 6),
        op(JEQ, 3, 0, 0),
        op(JEQ, 2, 0, 43),
        op(JEQ, 1, 0, 44),
        op(JEQ, 0, 2, 60),
        take_it(),
        // TCP.
        op(JA, 0, 0, 1),
        drop_it(),
        op(LD_B_ABS, 0, 0, 53),
        op(JSET, 0, 1, SYN),
        drop_it(),
    ]
}

/// Leaves the connection's number in A.
fn key4() -> Vec<sock_filter> {
    let mut program = head4();
    program.extend([
        op(LD_H_IND, 0, 0, 0),
        op(ST, 0, 0, 0),
        op(LD_H_IND, 0, 0, 2),
        op(LDX_MEM, 0, 0, 0),
        op(MUL_X, 0, 0, 0),
        op(TAX, 0, 0, 0),
        op(LD_W_ABS, 0, 0, 12),
        op(XOR_X, 0, 0, 0),
        op(TAX, 0, 0, 0),
        op(LD_W_ABS, 0, 0, 16),
        op(XOR_X, 0, 0, 0),
    ]);
    program
}

fn key6() -> Vec<sock_filter> {
    let mut program = head6();
    program.extend([
        op(LD_H_ABS, 0, 0, 40),
        op(TAX, 0, 0, 0),
        op(LD_H_ABS, 0, 0, 42),
        op(MUL_X, 0, 0, 0),
    ]);
    for word in (8..40).step_by(4) {
        program.extend([
            op(TAX, 0, 0, 0),
            op(LD_W_ABS, 0, 0, word),
            op(XOR_X, 0, 0, 0),
        ]);
    }
    program
}

/// Passes segments without data.
fn bare4() -> Vec<sock_filter> {
    let mut program = head4();
    program.extend([
        op(LD_B_IND, 0, 0, 12),
        op(AND, 0, 0, 0xf0),
        op(RSH, 0, 0, 2),
        // Both headers together against the total length.
        op(ADD_X, 0, 0, 0),
        op(TAX, 0, 0, 0),
        op(LD_H_ABS, 0, 0, 2),
        op(JEQ_X, 0, 1, 0),
        take_it(),
        drop_it(),
    ]);
    program
}

fn bare6() -> Vec<sock_filter> {
    let mut program = head6();
    program.extend([
        op(LD_B_ABS, 0, 0, 52),
        op(AND, 0, 0, 0xf0),
        op(RSH, 0, 0, 2),
        op(TAX, 0, 0, 0),
        op(LD_H_ABS, 0, 0, 4),
        op(JEQ_X, 0, 1, 0),
        take_it(),
        drop_it(),
    ]);
    program
}

/// A binary search for A among sorted keys. Conditional jumps reach 255
/// instructions far; the long ones go by `JA`.
fn search(keys: &[u32], program: &mut Vec<sock_filter>) {
    const LEAF: usize = 8;
    if keys.len() <= LEAF {
        for &key in keys {
            program.extend([op(JEQ, 0, 1, key), take_it()]);
        }
        program.push(drop_it());
        return;
    }
    let (left, right) = keys.split_at(keys.len() / 2);
    program.push(op(JGE, 0, 1, right[0]));
    let jump = program.len();
    program.push(op(JA, 0, 0, 0));
    search(left, program);
    program[jump].k = (program.len() - jump - 1) as u32;
    search(right, program);
}

#[cfg(test)]
mod tests;
