//! Delay, loss and reordering with real TCP through them.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::time::Duration;

use ayt_lab::log::Fate;
use ayt_lab::stage::{Delay, Loss, Pick, Reorder, Segment, Ways};
use ayt_lab::{Direction, Place, Side};

use ayt_testbed::eventually;

use super::bed::{Bed, Done, PATIENCE, with_data};

#[test]
fn a_delay_is_exact_and_one_way() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let mut pair = bed.connect(false)?;
    let delay = Duration::from_millis(300);
    bed.wire.insert(
        Place::NextToA,
        Delay::fixed(Ways::Only(Direction::AtoB), delay),
    )?;
    let mark = bed.wire.mark();
    pair.talk()?;
    let slow = bed
        .wire
        .wait_for(mark, PATIENCE, with_data(Direction::AtoB));
    let slow = slow.expect("ping");
    let took = slow.delivered_at().expect("it was read") - slow.at;
    assert!(took >= delay, "never early: {took:?}");
    // Late only by what a busy machine makes it.
    assert!(took < delay + Duration::from_millis(500), "{took:?}");
    let fast = bed
        .wire
        .wait_for(mark, PATIENCE, with_data(Direction::BtoA));
    let fast = fast.expect("pong");
    assert!(fast.delivered_at().expect("it was read") - fast.at < delay);
    Ok(())
}

#[test]
fn tcp_works_through_loss_jitter_and_reordering() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let ms = Duration::from_millis;
    bed.wire.change(move |chain, _| {
        chain.insert(Place::NextToB, Loss::new(Ways::Both, 0.02, 1));
        chain.insert(Place::NextToB, Delay::jittered(Ways::Both, ms(1), ms(3), 2));
        chain.insert(Place::NextToB, Reorder::new(Ways::Both, 0.05, ms(2), 3));
    })?;
    let pair = bed.connect(false)?;
    let data: Vec<u8> = (0..300_000u32).map(|n| (n ^ (n >> 9)) as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| (&pair.client).write_all(&data).unwrap());
        let mut heard = vec![0; data.len()];
        (&pair.server).read_exact(&mut heard).unwrap();
        assert!(heard == data);
    });
    let counts = bed.wire.counts();
    assert!(counts.ways.iter().any(|way| way.dropped > 0), "{counts:?}");
    assert_eq!(counts.overruns, 0);
    Ok(())
}

/// The n-th datagram meets the n-th roll, whatever the machine does meanwhile.
#[test]
fn the_same_seed_loses_the_same_datagrams() -> Done {
    let mut heard: Vec<Vec<u8>> = Vec::new();
    for _ in 0..2 {
        let Some(bed) = Bed::new()? else {
            return Ok(());
        };
        let loss = Loss::new(Ways::Only(Direction::AtoB), 0.3, 42);
        bed.wire.insert(Place::NextToA, loss)?;
        let from = bed
            .a
            .enter(|| UdpSocket::bind((bed.wire.v4(Side::A), 0)))??;
        let to = bed
            .b
            .enter(|| UdpSocket::bind((bed.wire.v4(Side::B), 0)))??;
        to.set_read_timeout(Some(PATIENCE))?;
        for number in 0..100u8 {
            from.send_to(&[number], to.local_addr()?)?;
        }
        let port = to.local_addr()?.port();
        // Fates of these datagrams alone: a kernel also sends by itself.
        let lost = || {
            bed.wire.log(|log| {
                let mine = log.records().filter(|record| {
                    let flow = record.summary.flow();
                    flow.is_some_and(|flow| flow.destination.port() == port)
                });
                let fates = mine.map(|record| (record.fate == Fate::UnderWay, record.is_dropped()));
                fates.collect::<Vec<_>>()
            })
        };
        eventually("all have left the wire", PATIENCE, || {
            let now = lost();
            (now.len() == 100 && now.iter().all(|(under_way, _)| !under_way))
                .then_some(())
                .ok_or_else(|| format!("{now:?}, overruns {}", bed.wire.counts().overruns))
        });
        let count = lost().iter().filter(|(_, lost)| !lost).count();
        let mut numbers = Vec::new();
        for _ in 0..count {
            let mut number = [0];
            to.recv(&mut number)?;
            numbers.push(number[0]);
        }
        heard.push(numbers);
    }
    assert_eq!(heard[0], heard[1]);
    assert!((50..90).contains(&heard[0].len()), "{}", heard[0].len());
    Ok(())
}

#[test]
fn a_named_segment_is_lost_once() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    bed.wire
        .insert(Place::NextToB, Pick::segment(1, Segment::FirstFin))?;
    let mut pair = bed.connect(false)?;
    pair.talk()?;
    drop(pair.client);
    // The kernel sends it again.
    assert_eq!(pair.server.read(&mut [0; 1])?, 0);
    let fins = bed.wire.log(|log| {
        let fins = log
            .records()
            .filter(|r| r.tcp().is_some_and(|tcp| tcp.flags.fin));
        fins.map(|record| record.is_dropped()).collect::<Vec<_>>()
    });
    assert!(
        fins.len() >= 2 && fins[0] && fins[1..].iter().all(|lost| !lost),
        "{fins:?}"
    );
    Ok(())
}

#[test]
fn a_cut_takes_also_what_is_under_way() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let mut pair = bed.connect(false)?;
    let delay = Duration::from_millis(400);
    bed.wire
        .insert(Place::NextToA, Delay::fixed(Ways::Both, delay))?;
    let mark = bed.wire.mark();
    pair.client.write_all(b"lost")?;
    let seen = bed
        .wire
        .wait_for(mark, PATIENCE, with_data(Direction::AtoB));
    let cut = bed.wire.cut()?;
    let lost = bed
        .wire
        .wait_for(mark, PATIENCE, |record| record.is_dropped());
    let (seen, lost) = (seen.expect("it was sent"), lost.expect("it was lost"));
    assert_eq!(seen.number, lost.number);
    assert!(lost.at < cut.at, "it was sent before");
    Ok(())
}

/// Whatever the traffic, each packet meets the chain of its own time.
#[test]
fn a_change_is_exact_in_the_middle_of_traffic() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let from = bed
        .a
        .enter(|| UdpSocket::bind((bed.wire.v4(Side::A), 0)))??;
    let to = (bed.wire.v4(Side::B), 9);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut cuts = Vec::new();
    std::thread::scope(|scope| -> Done {
        scope.spawn(|| {
            // B's kernel answers that nobody listens: traffic both ways.
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for _ in 0..16 {
                    let _ = from.send_to(b"x", to);
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        let mut change = || -> Done {
            for _ in 0..20 {
                let mark = bed.wire.mark();
                let cut = bed.wire.cut()?;
                let seen = bed
                    .wire
                    .wait_for(mark, PATIENCE, |record| record.is_dropped());
                let healed = bed.wire.remove(cut.value)?;
                let passed = bed.wire.wait_for(mark, PATIENCE, |record| {
                    record.at > healed.at && record.delivered_at().is_some()
                });
                assert!(seen.is_some() && passed.is_some(), "there is traffic");
                cuts.push(cut.at..healed.at);
            }
            Ok(())
        };
        let done = change();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        done
    })?;
    bed.wire.log(|log| {
        assert_eq!(log.forgotten(), 0);
        for record in log.records() {
            let cut_then = cuts.iter().any(|cut| cut.contains(&record.at));
            assert_eq!(record.is_dropped(), cut_then, "{record}");
        }
    });
    Ok(())
}
