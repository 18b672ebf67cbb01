//! The last ACK of a connection is lost: what TIME_WAIT is for.

use ayt_core::cause::Cause;
use ayt_core::tcp_state::TcpState;

use super::{Effect, Spec, fault};
use crate::clock;
use crate::packet::{Direction, Side};
use crate::stage::{Pick, Segment};
use crate::wire::Place;

pub(super) const SPEC: Spec = Spec {
    ready: |ready| {
        // A client that was held up answers two FINs at once, the second answer draws a
        // RST, and that would end TIME_WAIT (RFC 1337).
        ready.hosts[1].set_sysctl("net.ipv4.tcp_rfc1337", "1")?;
        let pick = Pick::segment(1, Segment::LastAck);
        ready.wire.insert(Place::NextToB, pick).map(drop)
    },
    verify: |bed| {
        let gone = bed.eventually(|server, client| {
            server.iter().all(|state| *state == TcpState::Listen)
                && client.contains(&TcpState::TimeWait)
        })?;
        let fins = bed.wire.log(|log| {
            let sent = log.records().filter(|record| {
                record.direction == Direction::from(Side::A)
                    && record.tcp().is_some_and(|tcp| tcp.flags.fin)
            });
            sent.count()
        });
        Ok(vec![
            ("the FIN came again".to_owned(), fins >= 2),
            ("TIME_WAIT answered it, and the server is rid of it".to_owned(), gone),
        ])
    },
    ..fault(
        "last-ack",
        "the peer closes first, and the last ACK is lost",
        Effect::Told(Cause::PeerClosed),
        |bed| {
            let at = clock::now();
            bed.agent(bed.peer()).order("shutdown")?;
            Ok(at)
        },
    )
};
