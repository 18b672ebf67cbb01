//! What no descriptor reaches: accept queues, orphans, fixed files of an
//! io_uring, subflows of Multipath TCP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ayt_core::cause::Cause;
use ayt_core::fact::Why;
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_guard::probe::{Answer, Engine, Numbers, Probe};
use ayt_testbed::{Need, Side, eventually};
use rustix::net::{AddressFamily, Protocol, SocketType, ipproto};

use crate::bed::{Bed, Pair, is_alive, is_dead, with};
use crate::raw::raw;
use crate::socket::{self, LONG, carries};

/// The choice of an engine, with as little patience as may be.
fn auto() -> Probe {
    Probe {
        engine: None,
        ..raw()
    }
}

/// Alive by the raw engine, which was chosen because there is no descriptor.
#[track_caller]
fn is_reached(answer: &Answer) {
    assert!(is_alive(answer), "{answer:?}");
    assert_eq!((answer.engine, answer.asks), (Some(Engine::Raw), 1));
    assert_eq!(answer.numbers, Some(Numbers::Learnt));
    let passed: Vec<Engine> = answer
        .choice
        .passed_over
        .iter()
        .map(|(engine, _)| *engine)
        .collect();
    assert_eq!(passed, [Engine::Repair, Engine::Keepalive]);
}

/// Waits for the only connection with a peer to be in this state.
#[track_caller]
fn wait_for(bed: &Bed, state: TcpState, descriptor: bool) {
    eventually("the state", LONG, || {
        let facts = bed.near.look();
        let mut rows = facts.sockets.iter().filter(|row| row.state.has_peer());
        rows.any(|row| row.state == state && (row.inode != 0) == descriptor)
    });
}

/// A listener with one connection that nobody has accepted.
fn queued(bed: &Bed, six: bool) -> (TcpListener, TcpStream) {
    let listener = bed.near.listen(bed.near_address(six));
    let far = bed.far.connect(listener.local_addr().expect("its address"));
    wait_for(bed, TcpState::Established, false);
    (listener, far)
}

#[test]
fn a_connection_in_the_accept_queue_is_alive_and_is_accepted_later() {
    if !Need::tun() {
        return;
    }
    for six in [false, true] {
        let bed = Bed::new();
        let (listener, far) = queued(&bed, six);
        let answer = bed.near.ask_only(&auto());
        is_reached(&answer);
        let reasons = &answer.choice.passed_over;
        assert!(reasons.iter().all(|(_, why)| *why == Why::NoDescriptor));
        let (near, _) = listener.accept().expect("accepting");
        Pair { near, far }.carries_data();
    }
}

#[test]
fn a_ghost_in_the_accept_queue_is_dead() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let (_listener, _far) = queued(&bed, false);
    bed.wire.cut();
    let answer = bed.near.ask_only(&auto());
    is_dead(&answer, Cause::Unanswered);
}

#[test]
fn a_forgotten_connection_in_the_accept_queue_is_reset() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let (_listener, _far) = queued(&bed, false);
    let _fresh = bed.wire.reboot(Side::B).expect("a reboot");
    let answer = bed.near.ask_only(&auto());
    is_dead(&answer, Cause::PeerReset);
}

/// Where FIN_WAIT_2 lasts a minute at most the kernel keeps a small remainder of
/// the connection; for longer it keeps the whole socket.
fn orphan_in_fin_wait_2(fin_timeout: &str, six: bool) {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let sysctl = "net/ipv4/tcp_fin_timeout";
    bed.near.ns.sysctl(sysctl, fin_timeout).expect("the sysctl");
    let pair = bed.pair_of(six);
    drop(pair.near);
    wait_for(&bed, TcpState::FinWait2, false);
    // The kernel has just been acknowledged its FIN: half a second later the
    // peer answers again whatever came before.
    is_reached(&bed.near.ask_only(&auto()));
    // Unharmed: the peer still ends it in good order, and ours goes on to
    // TIME_WAIT, which only the right numbers lead to.
    let mut far = pair.far;
    assert_eq!(far.read(&mut [0]).expect("a clean end"), 0);
    drop(far);
    eventually("TIME_WAIT", LONG, || {
        let facts = bed.near.look();
        facts
            .sockets
            .iter()
            .all(|row| row.state == TcpState::TimeWait)
    });
}

#[test]
fn an_orphan_in_fin_wait_2_is_alive() {
    orphan_in_fin_wait_2("60", false);
}

#[test]
fn an_orphan_in_fin_wait_2_over_ipv6_is_alive() {
    orphan_in_fin_wait_2("60", true);
}

#[test]
fn an_orphan_that_stays_in_fin_wait_2_for_longer_is_alive() {
    orphan_in_fin_wait_2("300", false);
}

#[test]
fn orphans_of_ghosts_are_dead_in_every_state() {
    if !Need::tun() {
        return;
    }
    // FIN_WAIT_1: our FIN was never acknowledged.
    let bed = Bed::new();
    let pair = bed.pair();
    bed.wire.cut();
    drop(pair.near);
    wait_for(&bed, TcpState::FinWait1, false);
    let answer = bed.near.ask_only(&auto());
    is_dead(&answer, Cause::Unanswered);
    // FIN_WAIT_2: it was.
    let bed = Bed::new();
    let pair = bed.pair();
    drop(pair.near);
    wait_for(&bed, TcpState::FinWait2, false);
    bed.wire.cut();
    let answer = bed.near.ask_only(&auto());
    is_dead(&answer, Cause::Unanswered);
    // LAST_ACK: the peer's came first.
    let bed = Bed::new();
    let pair = bed.pair();
    pair.far.shutdown(Shutdown::Write).expect("half-closing");
    socket::wait_state(&pair.near, TcpState::CloseWait);
    socket::wait_state(&pair.far, TcpState::FinWait2);
    bed.wire.cut();
    drop(pair.near);
    wait_for(&bed, TcpState::LastAck, false);
    let answer = bed.near.ask_only(&auto());
    is_dead(&answer, Cause::Unanswered);
}

#[test]
fn both_sides_closing_at_once_are_asked() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let pair = bed.pair();
    // Both FINs cross, and no acknowledgement of ours to theirs arrives.
    bed.wire.cut();
    drop(pair.near);
    pair.far.shutdown(Shutdown::Write).expect("half-closing");
    socket::wait_state(&pair.far, TcpState::FinWait1);
    bed.wire.heal();
    bed.wire.cut_one_way(ayt_testbed::Direction::AtoB);
    wait_for(&bed, TcpState::Closing, false);
    let answer = bed.near.ask_only(&auto());
    // Its FIN, sent again and again, is a sign of life.
    assert!(is_alive(&answer), "{answer:?}");
}

#[test]
fn a_half_closed_connection_is_alive_and_its_open_direction_carries() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let mut pair = bed.pair();
    pair.near.shutdown(Shutdown::Write).expect("half-closing");
    socket::wait_state(&pair.near, TcpState::FinWait2);
    let before = pair.near_options();
    is_reached(&bed.near.ask_only(&auto()));
    assert_eq!(pair.near_options(), before);
    carries(&mut pair.far, &mut pair.near);
}

/// An echo whose socket is a fixed file of an io_uring.
struct FixedFile(Child);

impl FixedFile {
    fn connect(bed: &Bed, to: &TcpListener) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe/fixed_file.py");
        let address = to.local_addr().expect("its address");
        let mut command = Command::new("python3");
        command
            .arg(program)
            .args([address.ip().to_string(), address.port().to_string()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = bed.near.ns.spawn(&mut command).expect("python3");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for FixedFile {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It cannot fail for a child of ours that was not waited for.
        let _ = self.0.wait();
    }
}

#[test]
fn a_fixed_file_of_an_io_uring_is_alive_and_goes_on() {
    if !Need::tun() || !Need::program("python3", "install python3") {
        return;
    }
    let bed = Bed::new();
    let listener = bed.far.listen(bed.wire.v4(Side::B));
    let _echo = FixedFile::connect(&bed, &listener);
    let (mut far, _) = listener.accept().expect("accepting");
    let facts = bed.near.look();
    let row = facts.sockets.iter().find(|row| row.state.has_peer());
    let row = row.expect("the connection");
    assert!(row.inode != 0 && facts.owners_of(row).is_empty(), "{row:?}");
    is_reached(&bed.near.ask_only(&auto()));
    far.set_read_timeout(Some(LONG)).expect("a timeout");
    for _ in 0..3 {
        far.write_all(b"echo").expect("writing");
        let mut text = [0; 4];
        far.read_exact(&mut text).expect("reading");
        assert_eq!(&text, b"echo");
    }
}

/// A socket of Multipath TCP, whose subflow, a socket of the kernel's, carries
/// the bytes.
fn multipath() -> OwnedFd {
    let protocol: Protocol = ipproto::MPTCP;
    rustix::net::socket(AddressFamily::INET, SocketType::STREAM, Some(protocol))
        .expect("a socket of Multipath TCP")
}

#[test]
fn a_subflow_of_multipath_tcp_is_alive_and_carries() {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let listener = bed.near.ns.run(|| {
        let socket = multipath();
        let address = std::net::SocketAddr::new(bed.wire.v4(Side::A), 0);
        rustix::net::bind(&socket, &address).expect("binding");
        rustix::net::listen(&socket, 8).expect("listening");
        TcpListener::from(socket)
    });
    let to = listener.local_addr().expect("its address");
    let mut far = bed.far.ns.run(|| {
        let socket = multipath();
        rustix::net::connect(&socket, &to).expect("connecting");
        TcpStream::from(socket)
    });
    let (mut near, _) = listener.accept().expect("accepting");
    carries(&mut far, &mut near);
    let answer = bed.near.ask_only(&auto());
    assert!(is_alive(&answer), "{answer:?}");
    assert_eq!(answer.engine, Some(Engine::Raw));
    carries(&mut far, &mut near);
    carries(&mut near, &mut far);
    let by_descriptor = bed.near.ask_only(&with(Engine::Repair));
    assert!(
        matches!(by_descriptor.verdict, Verdict::Unknown(_)),
        "{by_descriptor:?}"
    );
}
