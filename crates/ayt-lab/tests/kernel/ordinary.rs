//! A wire that nothing is wrong with.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::thread;

use ayt_lab::log::Origin;
use ayt_lab::{Direction, Host, Side, Wire};
use ayt_testbed::Need;

use super::bed::{Bed, Done, PATIENCE, settled};

#[test]
fn two_hosts_talk_in_both_families_and_the_log_tells() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    for six in [false, true] {
        assert!(!six || bed.wire.has_v6());
        let mark = bed.wire.mark();
        let mut pair = bed.connect(six)?;
        pair.talk()?;
        bed.all_acknowledged();
        let from = pair.address()?;
        let log = bed.wire.log(|log| {
            let ours = log.since(mark).filter(|record| {
                let flow = record.summary.flow();
                flow.is_some_and(|flow| flow.source == from || flow.destination == from)
            });
            ours.cloned().collect::<Vec<_>>()
        });
        let mut flags: Vec<String> = log
            .iter()
            .map(|record| record.tcp().unwrap().flags.to_string())
            .collect();
        // On a busy machine a SYN is sent again.
        flags.dedup();
        assert_eq!(flags[..3], ["S", "S.", "."]);
        assert_eq!(
            log[0].tcp().unwrap().options.mss,
            Some(if six { 1440 } else { 1460 })
        );
        assert!(log[0].tcp().unwrap().options.timestamp.is_some());
        for record in &log {
            assert_eq!(record.origin, Origin::Host);
            let delivered = record.delivered_at().expect("nothing is lost");
            assert!(delivered >= record.at, "{record}");
        }
        assert!(log.windows(2).all(|two| two[0].at <= two[1].at));
    }
    Ok(())
}

/// A megabyte each way: segments are no longer than the MTU, and whole.
#[test]
fn bulk_arrives_whole() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let pair = bed.connect(false)?;
    let data: Vec<u8> = (0..1_000_000u32).map(|n| (n * 7 / 3) as u8).collect();
    thread::scope(|scope| {
        for (from, to) in [(&pair.client, &pair.server), (&pair.server, &pair.client)] {
            let data = &data;
            scope.spawn(move || (&mut { from }).write_all(data).unwrap());
            scope.spawn(move || {
                let mut heard = vec![0; data.len()];
                (&mut { to }).read_exact(&mut heard).unwrap();
                assert!(heard == *data);
            });
        }
    });
    let longest = bed
        .wire
        .log(|log| log.records().map(|r| r.summary.length).max());
    assert_eq!(longest, Some(1500));
    assert_eq!(bed.wire.counts().overruns, 0);
    Ok(())
}

#[test]
fn an_idle_wire_is_silent() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    // A datagram shows that the wire lives; whatever the kernels would say by
    // themselves had its chance before it.
    let socket = bed
        .a
        .enter(|| UdpSocket::bind((bed.wire.v4(Side::A), 0)))??;
    socket.send_to(b"x", (bed.wire.v4(Side::B), 9))?;
    let sent = bed
        .wire
        .wait_for(0, PATIENCE, settled)
        .expect("the datagram");
    assert_eq!(sent.direction, Direction::AtoB);
    assert_eq!(bed.wire.counts().of(Direction::AtoB).sent, 1);
    Ok(())
}

#[test]
fn several_wires_meet_in_one_host() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (hub, b, c) = (Host::new("hub")?, Host::new("b")?, Host::new("c")?);
    let wires = [Wire::join(&hub, &b)?, Wire::join(&hub, &c)?];
    wires[0].cut()?;
    let listener = c.enter(|| std::net::TcpListener::bind((wires[1].v4(Side::B), 0)))??;
    let address = listener.local_addr()?;
    let connected = hub.enter(|| std::net::TcpStream::connect_timeout(&address, PATIENCE))??;
    assert_eq!(connected.peer_addr()?, address);
    assert_eq!(wires[0].counts().of(Direction::AtoB).sent, 0);
    Ok(())
}
