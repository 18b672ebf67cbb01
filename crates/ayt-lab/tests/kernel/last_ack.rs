//! The last ACK is lost: what TIME_WAIT is for (RFC 9293 3.10.7.8).

use std::io::Read;

use ayt_lab::log::Fate;
use ayt_lab::stage::{Pick, Segment};
use ayt_lab::{Direction, Place};

use super::bed::{Bed, Done, PATIENCE};

#[test]
fn a_lost_last_ack_brings_the_fin_again_and_time_wait_answers() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    // There from the start: which ACK is the last depends on the past.
    bed.wire
        .insert(Place::NextToB, Pick::segment(1, Segment::LastAck))?;
    let pair = bed.connect(false)?;
    // A closes first and gets into TIME_WAIT; B closes second.
    drop(pair.client);
    let mut server = pair.server;
    assert_eq!(server.read(&mut [0; 1])?, 0);
    drop(server);

    let lost = bed.wire.wait_for(0, PATIENCE, |record| {
        matches!(
            record.fate,
            Fate::Dropped {
                why: "last-ack",
                ..
            }
        )
    });
    let lost = lost.expect("the last ACK");
    assert_eq!(lost.direction, Direction::AtoB);
    let again = bed.wire.wait_for(lost.number + 1, PATIENCE, |record| {
        record.tcp().is_some_and(|tcp| tcp.flags.fin) && record.direction == Direction::BtoA
    });
    let again = again.expect("the FIN again");
    let answer = bed.wire.wait_for(again.number + 1, PATIENCE, |record| {
        record.delivered_at().is_some() && record.direction == Direction::AtoB
    });
    let answer = answer.expect("the answer of TIME_WAIT");
    assert_eq!(answer.tcp().unwrap().ack, lost.tcp().unwrap().ack);
    assert!(answer.tcp().unwrap().is_pure_ack());
    // Exactly one segment was lost.
    assert_eq!(bed.wire.counts().of(Direction::AtoB).dropped, 1);
    Ok(())
}
