//! The wire carries packets both ways, late or not at all, and says what it saw.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use ayt_testbed::{Direction, Fate, Lost, Need, Ns, Origin, Packet, Side, Wire, eventually};

type Done = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(10);

struct Pair {
    a: Ns,
    b: Ns,
    wire: Wire,
}

fn pair() -> Result<Pair, Box<dyn Error>> {
    let (a, b) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&a, &b)?;
    Ok(Pair { a, b, wire })
}

impl Pair {
    /// A connection from B to A, as a client and a server have it.
    fn connect(&self, server: IpAddr) -> std::io::Result<(TcpStream, TcpStream)> {
        let listener = self.a.run(|| TcpListener::bind((server, 0)))?;
        let addr = listener.local_addr()?;
        let client = self.b.run(|| TcpStream::connect(addr))?;
        let (accepted, _) = listener.accept()?;
        for stream in [&client, &accepted] {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
        }
        Ok((client, accepted))
    }
}

fn with_data(direction: Direction) -> impl Fn(&Packet) -> bool {
    move |packet| packet.direction == direction && packet.tcp().is_some_and(|tcp| tcp.payload > 0)
}

#[test]
fn two_hosts_talk_in_both_families() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let pair = pair()?;
    for server in [pair.wire.v4(Side::A), pair.wire.v6(Side::A)] {
        let mark = pair.wire.mark();
        let (mut client, mut accepted) = pair.connect(server)?;
        client.write_all(b"are you there?")?;
        let mut heard = [0; 14];
        accepted.read_exact(&mut heard)?;
        accepted.write_all(b"yes")?;
        client.read_exact(&mut heard[..3])?;
        assert_eq!(&heard[..3], b"yes");

        // Of this connection only: the end of the one before may still be heard.
        let both = [client.local_addr()?, accepted.local_addr()?];
        let ours = |packet: &Packet| {
            packet
                .endpoints()
                .is_some_and(|(from, to)| both.contains(&from) && both.contains(&to))
        };
        let packets = pair.wire.packets_since(mark);
        let packets: Vec<Packet> = packets.into_iter().filter(ours).collect();
        let syn = packets[0];
        assert_eq!(syn.direction, Direction::BtoA);
        assert_eq!(syn.endpoints(), Some((both[0], both[1])));
        assert!(syn.has(|flags| flags.syn && !flags.ack));
        assert!(packets[1].has(|flags| flags.syn && flags.ack));
        let next = syn.tcp().map(|tcp| tcp.seq.wrapping_add(1));
        assert_eq!(packets[1].tcp().map(|tcp| tcp.ack), next);
        let asked = packets
            .iter()
            .find(|packet| with_data(Direction::BtoA)(packet));
        assert_eq!(asked.and_then(Packet::tcp).map(|tcp| tcp.payload), Some(14));
    }
    Ok(())
}

#[test]
fn nothing_is_on_an_idle_wire() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let pair = pair()?;
    // A datagram to see that the wire lives, then whatever the kernels would
    // say by themselves (neighbours, routers, groups) had its chance before.
    let socket = pair.a.run(|| UdpSocket::bind((pair.wire.v4(Side::A), 0)))?;
    let mark = pair.wire.mark();
    socket.send_to(b"x", (pair.wire.v4(Side::B), 9))?;
    let _ = pair.wire.wait_for("the datagram", mark, PATIENCE, |p| {
        p.direction == Direction::AtoB
    });
    assert_eq!(pair.wire.count(Direction::AtoB), 1);
    Ok(())
}

#[test]
fn a_delay_is_one_way_and_exact() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let pair = pair()?;
    let (mut client, mut accepted) = pair.connect(pair.wire.v4(Side::A))?;
    let delay = Duration::from_secs(1);
    pair.wire.delay(Duration::ZERO, delay);
    let mark = pair.wire.mark();
    client.write_all(b"slow")?;
    accepted.read_exact(&mut [0; 4])?;
    accepted.write_all(b"fast")?;
    client.read_exact(&mut [0; 4])?;
    for (direction, expected) in [(Direction::BtoA, delay), (Direction::AtoB, Duration::ZERO)] {
        let packet = pair
            .wire
            .wait_for("the data", mark, PATIENCE, with_data(direction));
        let took = packet.delivered().expect("it was read") - packet.seen;
        let late = took.checked_sub(expected).expect("never early");
        assert!(
            late < Duration::from_millis(200),
            "{direction:?} took {took:?}"
        );
    }
    Ok(())
}

#[test]
fn packets_do_not_overtake_when_a_delay_shrinks() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let pair = pair()?;
    let from = pair.a.run(|| UdpSocket::bind((pair.wire.v4(Side::A), 0)))?;
    let to = pair.b.run(|| UdpSocket::bind((pair.wire.v4(Side::B), 0)))?;
    to.set_read_timeout(Some(PATIENCE))?;
    for (number, delay) in [(0_u8, 300), (1, 100), (2, 0), (3, 0)] {
        let mark = pair.wire.mark();
        pair.wire
            .delay(Duration::from_millis(delay), Duration::ZERO);
        from.send_to(&[number], to.local_addr()?)?;
        let _ = pair
            .wire
            .wait_for("it is on its way", mark, PATIENCE, |_| true);
    }
    let mut heard = [0; 1];
    for number in 0..4 {
        to.recv(&mut heard)?;
        assert_eq!(heard[0], number);
    }
    Ok(())
}

#[test]
fn a_cut_makes_silence_also_for_what_is_under_way() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let pair = pair()?;
    let (mut client, accepted) = pair.connect(pair.wire.v6(Side::A))?;
    accepted.set_read_timeout(Some(Duration::from_millis(100)))?;
    pair.wire.delay(Duration::ZERO, Duration::from_millis(100));
    let mark = pair.wire.mark();
    client.write_all(b"lost")?;
    let _ = pair
        .wire
        .wait_for("under way", mark, PATIENCE, with_data(Direction::BtoA));
    pair.wire.cut();
    let after = pair.wire.mark();
    let again = with_data(Direction::BtoA);
    let _ = pair
        .wire
        .wait_for("it is sent again", after, PATIENCE, again);
    let read = (&accepted).read(&mut [0; 4]);
    assert_eq!(
        read.expect_err("silence").kind(),
        std::io::ErrorKind::WouldBlock
    );
    let packets = pair.wire.packets_since(mark);
    assert!(
        packets.iter().all(|p| p.fate == Fate::Lost(Lost::Cut)),
        "{packets:?}"
    );
    // TCP mends it by itself after the cut.
    pair.wire.heal();
    accepted.set_read_timeout(Some(PATIENCE))?;
    let mut heard = [0; 4];
    (&accepted).read_exact(&mut heard)?;
    assert_eq!(&heard, b"lost");
    Ok(())
}

#[test]
fn one_way_cut_loses_only_that_way() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let pair = pair()?;
    let (client, mut accepted) = pair.connect(pair.wire.v4(Side::A))?;
    pair.wire.cut_one_way(Direction::BtoA);
    let mark = pair.wire.mark();
    accepted.write_all(b"to B")?;
    let mut heard = [0; 4];
    (&client).read_exact(&mut heard)?;
    let ack = |packet: &Packet| packet.direction == Direction::BtoA;
    let ack = pair.wire.wait_for("the ACK", mark, PATIENCE, ack);
    assert_eq!(ack.fate, Fate::Lost(Lost::Cut));
    Ok(())
}

#[test]
fn an_outage_ends_by_itself() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let pair = pair()?;
    let (mut client, mut accepted) = pair.connect(pair.wire.v4(Side::A))?;
    let (start, length) = (Instant::now(), Duration::from_millis(500));
    pair.wire.outage(length);
    client.write_all(b"late")?;
    accepted.read_exact(&mut [0; 4])?;
    assert!(start.elapsed() >= length, "{:?}", start.elapsed());
    Ok(())
}

#[test]
fn a_predicate_picks_what_is_lost() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let pair = pair()?;
    let (mut client, mut accepted) = pair.connect(pair.wire.v4(Side::A))?;
    pair.wire.drop_if(Packet::is_fin);
    let mark = pair.wire.mark();
    client.write_all(b"data")?;
    accepted.read_exact(&mut [0; 4])?;
    drop(client);
    let fin = pair
        .wire
        .wait_for("the FIN", mark, PATIENCE, Packet::is_fin);
    assert_eq!(
        (fin.fate, fin.origin),
        (Fate::Lost(Lost::Picked), Origin::Host)
    );
    pair.wire.heal();
    // Sent again by the kernel.
    assert_eq!(accepted.read(&mut [0; 4])?, 0);
    Ok(())
}

#[test]
fn exactly_one_fin_goes_out_at_a_close() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let pair = pair()?;
    let (client, mut accepted) = pair.connect(pair.wire.v4(Side::A))?;
    let mark = pair.wire.mark();
    let closed = Instant::now();
    drop(client);
    assert_eq!(accepted.read(&mut [0; 4])?, 0);
    let fins = pair
        .wire
        .packets_since(mark)
        .into_iter()
        .filter(Packet::is_fin);
    let fins: Vec<Packet> = fins.collect();
    assert_eq!(fins.len(), 1, "{fins:?}");
    assert!(fins[0].seen - closed < Duration::from_millis(100));
    Ok(())
}

#[test]
fn several_wires_meet_in_one_namespace() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let (hub, b, c) = (Ns::new()?, Ns::new()?, Ns::new()?);
    let wires = [Wire::join(&hub, &b)?, Wire::join(&hub, &c)?];
    wires[0].cut();
    let listener = c.run(|| TcpListener::bind((wires[1].v4(Side::B), 0)))?;
    let addr: SocketAddr = listener.local_addr()?;
    let connected = hub.run(|| TcpStream::connect_timeout(&addr, PATIENCE))?;
    assert_eq!(connected.peer_addr()?, addr);
    assert_eq!(wires[0].count(Direction::AtoB), 0);
    Ok(())
}

#[test]
fn a_dropped_wire_leaves_no_device() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let Pair { a, b, wire } = pair()?;
    let device = wire.device();
    assert!(a.ip("link show")?.contains(&device));
    drop(wire);
    for ns in [a, b] {
        eventually("the device is gone", PATIENCE, || {
            ns.ip("link show")
                .is_ok_and(|links| !links.contains(&device))
        });
    }
    Ok(())
}
