//! A load balancer that forgets idle connections.

use std::time::Duration;

use super::flows::Table;
use super::reset::reset_or_drop;
use super::{Stage, Verdict};
use crate::packet::{Direction, Flow, Packet, answer};

/// What a balancer does about a connection that has been idle too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnIdle {
    /// Nothing; the next packet is lost in silence: Azure without its TCP reset.
    Silent,
    /// Nothing; the next packet is answered with RST: AWS' network balancer.
    ResetOnPacket,
    /// Both sides get a RST at once: Azure with TCP reset.
    ResetBoth,
}

/// Follows the TCP connections that pass, and drops those that have been idle for
/// `timeout`. Only a SYN makes a connection known: put it in place before they are
/// made. What is not TCP passes.
#[derive(Debug)]
pub struct Balancer {
    timeout: Duration,
    on_idle: OnIdle,
    connections: Table<Connection>,
    /// Not later than the time at which the first may expire.
    look: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Connection {
    /// As the side names it whose packets go from A to B.
    from_a: Flow,
    /// What comes next in each direction.
    next: [Option<u32>; 2],
}

impl Balancer {
    /// With this idle timeout.
    #[must_use]
    pub fn new(timeout: Duration, on_idle: OnIdle) -> Self {
        Self {
            timeout,
            on_idle,
            connections: Table::default(),
            look: None,
        }
    }
}

impl Stage for Balancer {
    fn name(&self) -> &'static str {
        "balancer"
    }

    fn pass(&mut self, now: Duration, direction: Direction, packet: &mut Packet) -> Verdict {
        let (Some(tcp), Some(flow)) = (packet.tcp(), packet.summary().flow()) else {
            return Verdict::Pass;
        };
        let quiet = self.connections.quiet(flow, now);
        let expired = quiet.is_none_or(|quiet| quiet >= self.timeout);
        if tcp.flags.syn && !tcp.flags.ack && expired {
            let from_a = match direction {
                Direction::AtoB => flow,
                Direction::BtoA => flow.back(),
            };
            let connection = Connection {
                from_a,
                next: [None; 2],
            };
            self.connections.insert(flow, now, connection);
            if self.on_idle == OnIdle::ResetBoth && self.look.is_none() {
                self.look = Some(now + self.timeout);
            }
        } else if expired {
            self.connections.remove(flow);
            return match self.on_idle {
                OnIdle::Silent => Verdict::Drop { why: "forgotten" },
                OnIdle::ResetOnPacket | OnIdle::ResetBoth => reset_or_drop(packet, "forgotten"),
            };
        }
        if tcp.flags.rst {
            // Over for both.
            self.connections.remove(flow);
        } else if let Some(connection) = self.connections.used(flow, now) {
            let next = &mut connection.next[direction.index()];
            let end = tcp.end();
            if next.is_none_or(|next| (next.wrapping_sub(end) as i32) < 0) {
                *next = Some(end);
            }
        }
        Verdict::Pass
    }

    fn due(&self) -> Option<Duration> {
        self.look
    }

    fn tick(&mut self, now: Duration) -> Vec<(Direction, Vec<u8>)> {
        let mut resets = Vec::new();
        for connection in self.connections.take_quiet(self.timeout, now) {
            let ways = [
                (Direction::AtoB, connection.from_a),
                (Direction::BtoA, connection.from_a.back()),
            ];
            for (direction, flow) in ways {
                let Some(next) = connection.next[direction.index()] else {
                    continue;
                };
                let reset = answer::segment(flow.source, flow.destination, next, None);
                resets.extend(reset.map(|bytes| (direction, bytes)));
            }
        }
        self.look = self.connections.oldest().map(|used| used + self.timeout);
        resets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Log, Origin, Room};
    use crate::packet::sample::segment_ack;
    use crate::wire::chain::{Chain, Place};

    const IDLE: Duration = Duration::from_secs(350);
    const A: Direction = Direction::AtoB;
    const B: Direction = Direction::BtoA;

    struct Bench {
        chain: Chain,
        log: Log,
        out: Vec<Packet>,
    }

    impl Bench {
        fn new(on_idle: OnIdle) -> Self {
            let mut chain = Chain::new();
            chain.insert(Place::NextToA, Balancer::new(IDLE, on_idle));
            Self {
                chain,
                log: Log::new(Room::default()),
                out: Vec::new(),
            }
        }

        /// Sends a segment; what came out of the wire, as direction and flags.
        fn send(&mut self, at: u64, way: Direction, flags: &str, seq: u32) -> Vec<String> {
            let bytes = segment_ack(way, flags, seq, 500, b"");
            let packet = Packet::parse(bytes, way, Duration::from_secs(at)).unwrap();
            self.chain.arrive(packet, &mut self.log, &mut self.out);
            self.taken()
        }

        fn taken(&mut self) -> Vec<String> {
            let tell = |packet: Packet| {
                let tcp = packet.tcp().unwrap();
                format!("{:?} {} {}", packet.direction(), tcp.flags, tcp.seq)
            };
            self.out.drain(..).map(tell).collect()
        }
    }

    #[test]
    fn the_next_packet_is_answered_with_a_reset_or_lost() {
        for (on_idle, expected) in [
            (OnIdle::ResetOnPacket, vec!["BtoA R 500"]),
            (OnIdle::Silent, vec![]),
        ] {
            let mut bench = Bench::new(on_idle);
            assert_eq!(bench.send(0, A, "S", 100).len(), 1);
            assert_eq!(bench.send(349, B, "S.", 499).len(), 1);
            assert_eq!(bench.send(698, A, ".", 101).len(), 1);
            assert_eq!(bench.send(1048, A, ".", 101), expected, "{on_idle:?}");
            // It stays forgotten until there is a new one.
            assert_eq!(bench.send(1049, A, ".", 101), expected, "{on_idle:?}");
            assert_eq!(bench.send(1050, A, "S", 900).len(), 1);
        }
    }

    #[test]
    fn both_are_told_at_the_moment_it_expires() {
        let mut bench = Bench::new(OnIdle::ResetBoth);
        bench.send(0, A, "S", 100);
        bench.send(1, B, "S.", 499);
        bench.send(2, A, ".", 101);
        let early = Duration::from_secs(2) + IDLE - Duration::from_nanos(1);
        bench.chain.advance(early, &mut bench.log, &mut bench.out);
        assert_eq!(bench.chain.due(), Some(Duration::from_secs(352)));
        bench
            .chain
            .advance(Duration::from_secs(400), &mut bench.log, &mut bench.out);
        let told = bench.taken();
        assert_eq!(told, ["AtoB R 101", "BtoA R 500"]);
        let made = bench.log.records().filter(|r| r.origin != Origin::Host);
        assert!(made.into_iter().all(|r| r.at == Duration::from_secs(352)));
        assert_eq!(bench.chain.due(), None);
    }
}
