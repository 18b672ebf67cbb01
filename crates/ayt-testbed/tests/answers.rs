//! What the wire answers in the name of others, and a host that comes back.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use ayt_testbed::{Direction, Need, Ns, Origin, Packet, Side, Transport, Unreachable, Wire};

type Done = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_tcp_connect_meets_icmp_unreachable() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let (a, b) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&a, &b)?;
    let cases = [
        (
            Unreachable::Network,
            ErrorKind::NetworkUnreachable,
            ErrorKind::NetworkUnreachable,
        ),
        (
            Unreachable::Host,
            ErrorKind::HostUnreachable,
            ErrorKind::HostUnreachable,
        ),
        (
            Unreachable::Port,
            ErrorKind::ConnectionRefused,
            ErrorKind::ConnectionRefused,
        ),
        (
            Unreachable::Prohibited,
            ErrorKind::HostUnreachable,
            ErrorKind::PermissionDenied,
        ),
    ];
    for (code, v4, v6) in cases {
        wire.icmp_unreachable(Direction::AtoB, code);
        for (to, expected) in [(wire.v4(Side::B), v4), (wire.v6(Side::B), v6)] {
            let mark = wire.mark();
            let refused = a.run(|| TcpStream::connect_timeout(&(to, 7).into(), PATIENCE));
            assert_eq!(
                refused.expect_err("unreachable").kind(),
                expected,
                "{code:?} {to}"
            );
            let answer = |packet: &Packet| packet.origin == Origin::Wire;
            let answer = wire.wait_for("the ICMP", mark, PATIENCE, answer);
            assert!(
                matches!(answer.transport, Transport::Icmp { .. }),
                "{answer:?}"
            );
            assert_eq!(answer.direction, Direction::BtoA);
        }
    }
    Ok(())
}

#[test]
fn udp_meets_icmp_unreachable_too() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let (a, b) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&a, &b)?;
    wire.icmp_unreachable(Direction::AtoB, Unreachable::Port);
    for side in [wire.v4(Side::A), wire.v6(Side::A)] {
        let to = if side.is_ipv4() {
            wire.v4(Side::B)
        } else {
            wire.v6(Side::B)
        };
        let socket = a.run(|| UdpSocket::bind((side, 0)))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect((to, 9))?;
        socket.send(&[b'x'; 1400])?;
        let refused = socket.recv(&mut [0; 1]).expect_err("unreachable");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{to}");
    }
    Ok(())
}

#[test]
fn a_middlebox_resets() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let (a, b) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&a, &b)?;
    for server in [wire.v4(Side::B), wire.v6(Side::B)] {
        wire.heal();
        let listener = b.run(|| TcpListener::bind((server, 0)))?;
        let addr = listener.local_addr()?;
        let mut client = a.run(|| TcpStream::connect_timeout(&addr, PATIENCE))?;
        client.set_read_timeout(Some(PATIENCE))?;
        // Accepted first: the last step of the handshake may be under way still.
        let (accepted, _) = listener.accept()?;
        wire.reset(Direction::AtoB);
        client.write_all(b"x")?;
        let error = client.read(&mut [0; 1]).expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        // The other end knows nothing: half-open.
        accepted.set_nonblocking(true)?;
        let quiet = (&accepted).read(&mut [0; 1]).expect_err("nothing came");
        assert_eq!(quiet.kind(), ErrorKind::WouldBlock);
        // A SYN is answered too.
        let refused = a.run(|| TcpStream::connect_timeout(&addr, PATIENCE));
        assert_eq!(
            refused.expect_err("reset").kind(),
            ErrorKind::ConnectionRefused
        );
    }
    Ok(())
}

#[test]
fn a_rebooted_host_keeps_its_address_and_forgets_its_connections() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let (a, b) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&a, &b)?;
    let listener = b.run(|| TcpListener::bind((wire.v4(Side::B), 0)))?;
    let addr = listener.local_addr()?;
    let mut client = a.run(|| TcpStream::connect_timeout(&addr, PATIENCE))?;
    client.set_read_timeout(Some(PATIENCE))?;
    let (_held_by_the_old_host, _) = listener.accept()?;

    let fresh = wire.reboot(Side::B)?;
    assert_ne!(fresh.ino(), b.ino());
    let mark = wire.mark();
    client.write_all(b"are you there?")?;
    let error = client.read(&mut [0; 1]).expect_err("reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let reset = wire.wait_for("the RST", mark, PATIENCE, Packet::is_rst);
    assert_eq!(
        (reset.direction, reset.origin),
        (Direction::BtoA, Origin::Host)
    );
    // It takes new ones.
    let _listener = fresh.run(|| TcpListener::bind(addr))?;
    a.run(|| TcpStream::connect_timeout(&addr, PATIENCE))?;
    Ok(())
}
