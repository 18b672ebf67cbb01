//! A router that cannot deliver, and says so.

use std::net::IpAddr;
use std::time::Duration;

use super::{Stage, Verdict, Ways};
use crate::packet::{Direction, Packet, answer};

/// Why a router says that it cannot deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// No route: ICMP 3/0, ICMPv6 1/0.
    Network,
    /// The host does not answer on its link: ICMP 3/1, ICMPv6 1/3.
    Host,
    /// Nothing on that port: ICMP 3/3, ICMPv6 1/4.
    Port,
    /// A firewall's reject: ICMP 3/13, ICMPv6 1/1.
    Prohibited,
}

/// Loses packets and answers each with ICMP destination unreachable. ICMP errors
/// are lost without an answer, as the standards want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable {
    ways: Ways,
    code: Code,
    router: [Option<IpAddr>; 2],
}

impl Unreachable {
    /// Answers from these addresses of the router, IPv4 and IPv6; packets of a
    /// family without one are lost in silence. A wire knows its own:
    /// [`Wire::router`](crate::Wire::router).
    #[must_use]
    pub const fn new(ways: Ways, code: Code, router: [Option<IpAddr>; 2]) -> Self {
        Self { ways, code, router }
    }
}

impl Stage for Unreachable {
    fn name(&self) -> &'static str {
        "unreachable"
    }

    fn pass(&mut self, _now: Duration, direction: Direction, packet: &mut Packet) -> Verdict {
        if !self.ways.has(direction) {
            return Verdict::Pass;
        }
        let why = match self.code {
            Code::Network => "network unreachable",
            Code::Host => "host unreachable",
            Code::Port => "port unreachable",
            Code::Prohibited => "administratively prohibited",
        };
        let is_six = packet.summary().source.is_ipv6();
        let answer = self.router[usize::from(is_six)]
            .and_then(|router| answer::unreachable(packet, router, self.code));
        match answer {
            Some(answer) => Verdict::Answer { why, answer },
            None => Verdict::Drop { why },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::sample::packet;

    #[test]
    fn it_answers_the_sender_or_is_silent_without_an_address() {
        let router = Some(IpAddr::from([10, 77, 0, 254]));
        let mut sent = packet(Direction::AtoB, ".", 1, b"x");
        let mut stage = Unreachable::new(Ways::Both, Code::Host, [router, None]);
        let verdict = stage.pass(Duration::ZERO, Direction::AtoB, &mut sent);
        let Verdict::Answer { answer, .. } = verdict else {
            panic!("{verdict:?}");
        };
        let answer = Packet::parse(answer, Direction::BtoA, Duration::ZERO).unwrap();
        assert_eq!(answer.summary().destination, sent.summary().source);
        let mut silent = Unreachable::new(Ways::Both, Code::Host, [None, None]);
        let verdict = silent.pass(Duration::ZERO, Direction::AtoB, &mut sent);
        let why = "host unreachable";
        assert_eq!(verdict, Verdict::Drop { why });
    }
}
