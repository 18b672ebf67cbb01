use std::net::SocketAddr;

use ayt_core::probe::segment::{Flags, Segment};
use proptest::prelude::*;

use super::*;
use crate::wire::segment::{Carriage, build};

/// Runs a program as the kernel does (`bpf_prog_run`): bytes copied, 0 for none.
/// A load past the end drops the packet.
fn run(program: &[sock_filter], link: u32, packet: &[u8]) -> u32 {
    let byte = |at: u32| packet.get(at as usize).map(|&byte| u32::from(byte));
    let load = |at: u32, bytes: u32| {
        (0..bytes).try_fold(0u32, |all, nth| {
            Some(all << 8 | byte(at.checked_add(nth)?)?)
        })
    };
    let (mut a, mut x, mut memory, mut at) = (0u32, 0u32, [0u32; 16], 0usize);
    loop {
        let step = program[at];
        at += 1;
        let branch = |holds: bool| usize::from(if holds { step.jt } else { step.jf });
        let loaded = match step.code {
            LD_W_ABS if step.k == LINK_PROTOCOL => Some(link),
            LD_W_ABS => load(step.k, 4),
            LD_H_ABS => load(step.k, 2),
            LD_B_ABS => load(step.k, 1),
            LD_H_IND => load(x.wrapping_add(step.k), 2),
            LD_B_IND => load(x.wrapping_add(step.k), 1),
            _ => Some(a),
        };
        let Some(loaded) = loaded else { return 0 };
        a = loaded;
        match step.code {
            LDX_MSH => match byte(step.k) {
                Some(byte) => x = (byte & 0xf) * 4,
                None => return 0,
            },
            LDX_MEM => x = memory[step.k as usize],
            ST => memory[step.k as usize] = a,
            AND => a &= step.k,
            RSH => a >>= step.k,
            MUL_X => a = a.wrapping_mul(x),
            ADD_X => a = a.wrapping_add(x),
            XOR_X => a ^= x,
            TAX => x = a,
            JA => at += step.k as usize,
            JEQ => at += branch(a == step.k),
            JGE => at += branch(a >= step.k),
            JSET => at += branch(a & step.k != 0),
            JEQ_X => at += branch(a == x),
            RET => return step.k,
            _ => {}
        }
    }
}

fn link_of(packet: &[u8]) -> u32 {
    if packet[0] >> 4 == 4 { IP4 } else { IP6 }
}

fn packet(from: SocketAddr, to: SocketAddr, flags: Flags) -> Vec<u8> {
    let segment = Segment {
        flags,
        ..Segment::default()
    };
    let mut packet = Vec::new();
    assert!(build(from, to, &segment, Carriage::default(), &mut packet));
    packet
}

fn tuple(nth: u32, six: bool) -> FourTuple {
    let peer: IpAddr = if six {
        format!("fd00::{:x}:{:x}", nth >> 8, nth & 0xff)
            .parse()
            .unwrap()
    } else {
        IpAddr::from((0x0a01_0000 + nth).to_be_bytes())
    };
    let own: IpAddr = if six {
        "fd01::1".parse().unwrap()
    } else {
        IpAddr::from([10, 0, 0, 1])
    };
    FourTuple {
        local: SocketAddr::new(own, 7_000),
        remote: SocketAddr::new(peer, 1_024 + (nth * 7 % 60_000) as u16),
    }
}

fn passes(program: &[sock_filter], about: &FourTuple, flags: Flags) -> [bool; 2] {
    let ways = [(about.local, about.remote), (about.remote, about.local)];
    ways.map(|(from, to)| {
        let packet = packet(from, to, flags);
        run(program, link_of(&packet), &packet) > 0
    })
}

#[test]
fn both_directions_of_the_connections_asked_pass_and_nearly_nothing_else() {
    for number in [0, 1, 2, 9, 100, MOST as u32] {
        for six in [false, true] {
            let asked: Vec<FourTuple> = (0..number).map(|nth| tuple(nth, six)).collect();
            let program = program(&asked);
            assert!(program.len() <= 4_096, "{number}: {}", program.len());
            for about in &asked {
                for flags in [Flags::ACK, Flags::RST, Flags::FIN.and(Flags::ACK)] {
                    assert_eq!(passes(&program, about, flags), [true; 2]);
                }
                assert_eq!(passes(&program, about, Flags::SYN), [false; 2]);
            }
            let others = (number..number + 1_000).map(|nth| tuple(nth + 5_000, six));
            let stray = others.filter(|about| passes(&program, about, Flags::ACK) != [false; 2]);
            assert!(stray.count() < 5);
        }
    }
}

#[test]
fn for_more_than_fit_only_segments_without_data_pass() {
    for six in [false, true] {
        let asked: Vec<FourTuple> = (0..=MOST as u32).map(|nth| tuple(nth, six)).collect();
        let program = program(&asked);
        let mut bare = packet(asked[7].remote, asked[7].local, Flags::ACK);
        assert_eq!(run(&program, link_of(&bare), &bare), PART);
        // One byte of data, in the header's own account.
        let length_at = if six { 5 } else { 3 };
        bare[length_at] += 1;
        assert_eq!(run(&program, link_of(&bare), &bare), 0);
    }
}

#[test]
fn errors_pass_and_echoes_and_other_protocols_do_not() {
    for program in [program(&[]), program(&[tuple(1, false)])] {
        let icmp4 = |kind: u8| {
            let mut bytes = packet(tuple(1, false).remote, tuple(1, false).local, Flags::ACK);
            (bytes[9], bytes[20]) = (1, kind);
            run(&program, IP4, &bytes) > 0
        };
        let icmp6 = |kind: u8| {
            let mut bytes = packet(tuple(1, true).remote, tuple(1, true).local, Flags::ACK);
            (bytes[6], bytes[40]) = (58, kind);
            run(&program, IP6, &bytes) > 0
        };
        let passed =
            |of: &dyn Fn(u8) -> bool| (0..=255).filter(|&kind| of(kind)).collect::<Vec<_>>();
        assert_eq!(passed(&icmp4), [3, 11]);
        assert_eq!(passed(&icmp6), [1, 2, 3]);
        let mut udp = packet(tuple(1, false).remote, tuple(1, false).local, Flags::ACK);
        udp[9] = 17;
        assert_eq!(run(&program, IP4, &udp), 0);
        // ARP has no such header.
        assert_eq!(run(&program, 0x0806, &udp), 0);
    }
}

#[test]
fn extension_headers_pass_and_later_fragments_do_not() {
    let program = program(&[tuple(1, true), tuple(1, false)]);
    for (next, expected) in [
        (0, PART),
        (43, PART),
        (44, PART),
        (60, PART),
        (17, 0),
        (59, 0),
    ] {
        let mut bytes = packet(tuple(9, true).remote, tuple(9, true).local, Flags::ACK);
        bytes[6] = next;
        assert_eq!(run(&program, IP6, &bytes), expected, "{next}");
    }
    let mut fragment = packet(tuple(1, false).remote, tuple(1, false).local, Flags::ACK);
    assert_eq!(run(&program, IP4, &fragment), PART);
    fragment[7] = 8;
    assert_eq!(run(&program, IP4, &fragment), 0);
}

proptest! {
    #[test]
    fn every_program_ends_on_every_packet(
        numbers in proptest::collection::vec(any::<u32>(), 0..40),
        bytes in proptest::collection::vec(any::<u8>(), 1..120),
        link in prop_oneof![Just(IP4), Just(IP6), any::<u32>()],
    ) {
        let asked: Vec<FourTuple> = numbers
            .iter()
            .map(|&nth| tuple(nth >> 12, nth & 1 == 0))
            .collect();
        let program = program(&asked);
        let copied = run(&program, link, &bytes);
        prop_assert!(copied == 0 || copied == PART);
    }
}
