//! Descriptors: numbers used again, and several owners of one connection.

use std::fs::File;
use std::net::{TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use ayt_core::fact::Why;
use ayt_core::facts::{HostFacts, Owner, Owners};
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_guard::probe::Engine;
use ayt_testbed::{Need, eventually};

use crate::bed::{Bed, Pair, ask, is_alive, with};
use crate::socket::{self, LONG, carries, cookie};

const ENGINES: [Option<Engine>; 3] = [None, Some(Engine::Repair), Some(Engine::Keepalive)];

/// Those that ask through a descriptor, and only through one.
const BY_DESCRIPTOR: [Option<Engine>; 2] = [Some(Engine::Repair), Some(Engine::Keepalive)];

/// A look that knows only one connection, and only these owners of it.
fn look_at(bed: &Bed, pair: &Pair, owners: &[Owner]) -> HostFacts {
    let mut parts = bed.near.look().into_parts();
    parts.sockets.retain(|row| row.cookie == cookie(&pair.near));
    let inode = parts.sockets[0].inode;
    let owners = owners.iter().map(|&owner| Owner { inode, ..owner });
    parts.owners = Owners::new(owners.collect());
    HostFacts::new(parts)
}

/// Asks with every engine that needs a descriptor; nothing may be sent, and the
/// connection is gone as far as this look goes.
#[track_caller]
fn is_never_touched(bed: &Bed, facts: &HostFacts) {
    for engine in BY_DESCRIPTOR {
        let mark = bed.wire.mark();
        let answer = ask(facts, &with(engine)).answers.remove(0);
        assert_eq!(
            answer.verdict,
            Verdict::Unknown(Why::Vanished),
            "{engine:?}"
        );
        assert_eq!((answer.engine, answer.asks), (None, 0));
        assert_eq!(bed.sent_since(mark), [], "{engine:?}");
    }
}

#[test]
fn another_connection_under_the_same_number_is_never_touched() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let first = bed.pair();
    let mut second = bed.pair();
    socket::set(&second.near, "33/22/11", 0);
    let before = second.near_options();
    let facts = look_at(&bed, &first, &[socket::owner(&first.near)]);
    let gone = cookie(&first.near);
    let mut number = OwnedFd::from(first.near);
    // dup2 closes the first connection; its FIN is acknowledged before the
    // silence is measured.
    rustix::io::dup2(&second.near, &mut number).expect("dup2");
    eventually("the end of the first connection", LONG, || {
        let facts = bed.near.look();
        let mut rows = facts.sockets.iter();
        rows.any(|row| row.cookie == gone && row.state == TcpState::FinWait2)
    });
    is_never_touched(&bed, &facts);
    assert_eq!(second.near_options(), before);
    let mut through_the_number = TcpStream::from(number);
    carries(&mut second.far, &mut through_the_number);
    second.carries_data();
}

#[test]
fn a_number_that_leads_to_no_tcp_socket_any_more_is_gone_and_not_multipath() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let file = File::open("/dev/null").expect("a file");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    for other in [file.as_fd(), udp.as_fd()] {
        let mut pair = bed.pair();
        let facts = leads_elsewhere(&bed, &pair, other).0;
        is_never_touched(&bed, &facts);
        pair.carries_data();
    }
}

/// A look that knows a descriptor which now leads to `other`; the connection
/// itself stays open.
fn leads_elsewhere(bed: &Bed, pair: &Pair, other: BorrowedFd<'_>) -> (HostFacts, OwnedFd) {
    let mut number = OwnedFd::from(pair.near.try_clone().expect("a second descriptor"));
    let facts = look_at(bed, pair, &[socket::owner(&number)]);
    rustix::io::dup2(other, &mut number).expect("dup2");
    (facts, number)
}

#[test]
fn a_connection_whose_first_owner_is_gone_is_asked_through_the_next() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    let before = pair.near_options();
    let nobody = Owner {
        inode: 0,
        pid: 1 << 30,
        fd: 3,
    };
    let facts = look_at(&bed, &pair, &[nobody, socket::owner(&pair.near)]);
    for engine in ENGINES {
        let answer = ask(&facts, &with(engine)).answers.remove(0);
        assert!(is_alive(&answer), "{engine:?}: {answer:?}");
        assert_eq!(pair.near_options(), before, "{engine:?}");
    }
    pair.carries_data();
}

/// Every connection has two descriptors; the one through which it is asked
/// closes while the engine waits for the kernel's tick. What was set is put back
/// through the other.
#[test]
fn an_owner_who_leaves_in_the_midst_of_an_ask_leaves_nothing_behind() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let (near, _far): (Vec<_>, Vec<_>) = bed.pairs(40).into_iter().map(|p| (p.near, p.far)).unzip();
    socket::wait_quiet(&near[39], 1_050);
    // Of one process, the lower number is tried first.
    let (leaving, staying): (Vec<TcpStream>, Vec<TcpStream>) = near
        .into_iter()
        .map(|stream| {
            let second = stream.try_clone().expect("a second descriptor");
            if stream.as_raw_fd() < second.as_raw_fd() {
                (stream, second)
            } else {
                (second, stream)
            }
        })
        .unzip();
    let options = || staying.iter().map(socket::Options::of).collect::<Vec<_>>();
    let before = options();
    let facts = bed.near.look();
    let report = std::thread::scope(|scope| {
        let run = scope.spawn(|| ask(&facts, &with(Engine::Keepalive)));
        let touched = || {
            staying
                .iter()
                .any(|one| socket::Options::of(one).idle_s == 1)
        };
        while !touched() && !run.is_finished() {
            std::hint::spin_loop();
        }
        drop(leaving);
        run.join().expect("the probe")
    });
    assert!(report.answers.iter().all(is_alive), "{:?}", report.answers);
    assert_eq!(before, options());
}
