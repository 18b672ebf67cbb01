//! Routers that say no.

use std::io::Write;
use std::net::UdpSocket;

use ayt_lab::log::Origin;
use ayt_lab::stage::{Code, Reset, Unreachable, Ways};
use ayt_lab::{Direction, Place, Side};
use rustix::io::Errno;

use super::bed::{Bed, Done, PATIENCE, death, hear_errors};

/// What a UDP socket, which believes every ICMP error, makes of each code.
#[test]
fn every_code_reaches_a_socket_in_both_families() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let cases = [
        (Code::Network, Errno::NETUNREACH, Errno::NETUNREACH),
        (Code::Host, Errno::HOSTUNREACH, Errno::HOSTUNREACH),
        (Code::Port, Errno::CONNREFUSED, Errno::CONNREFUSED),
        (Code::Prohibited, Errno::HOSTUNREACH, Errno::ACCESS),
    ];
    for (code, four, six) in cases {
        let stage = Unreachable::new(Ways::Only(Direction::AtoB), code, bed.wire.router());
        let placed = bed.wire.insert(Place::NextToB, stage)?;
        for is_six in [false, true] {
            let socket = if is_six {
                let socket = bed
                    .a
                    .enter(|| UdpSocket::bind((bed.wire.v6(Side::A), 0)))??;
                socket.connect((bed.wire.v6(Side::B), 9))?;
                socket
            } else {
                let socket = bed
                    .a
                    .enter(|| UdpSocket::bind((bed.wire.v4(Side::A), 0)))??;
                socket.connect((bed.wire.v4(Side::B), 9))?;
                socket
            };
            hear_errors(&socket, is_six)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.send(b"x")?;
            let error = socket.recv(&mut [0; 1]).unwrap_err();
            let expected = if is_six { six } else { four };
            assert_eq!(
                error.raw_os_error(),
                Some(expected.raw_os_error()),
                "{code:?}"
            );
        }
        bed.wire.remove([placed.value])?;
    }
    Ok(())
}

#[test]
fn with_data_in_flight_and_recverr_a_sender_is_told() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    for six in [false, true] {
        let mut pair = bed.connect(six)?;
        hear_errors(&pair.client, six)?;
        let ways = Ways::Only(Direction::AtoB);
        let stage = Unreachable::new(ways, Code::Host, bed.wire.router());
        let placed = bed.wire.insert(Place::NextToB, stage)?;
        pair.client.write_all(b"lost")?;
        let (error, _) = death(&pair.client);
        assert_eq!(
            error,
            Some(Errno::HOSTUNREACH.raw_os_error()),
            "IPv6: {six}"
        );
        let made = bed.wire.log(|log| {
            let made = log
                .records()
                .filter(|r| r.origin == Origin::Stage("unreachable"));
            made.count()
        });
        assert!(made > 0);
        bed.wire.remove([placed.value])?;
        // It was told, and lives.
        std::io::Read::read_exact(&mut pair.server, &mut [0; 4])?;
    }
    Ok(())
}

#[test]
fn a_reset_in_the_name_of_the_peer_is_taken() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    for six in [false, true] {
        let mut pair = bed.connect(six)?;
        pair.talk()?;
        let reset = Reset::new(Ways::Only(Direction::BtoA));
        let placed = bed.wire.insert(Place::NextToA, reset)?;
        pair.server.write_all(b"x")?;
        let (error, _) = death(&pair.server);
        assert_eq!(error, Some(Errno::CONNRESET.raw_os_error()), "IPv6: {six}");
        bed.wire.remove([placed.value])?;
    }
    Ok(())
}
