//! Which engine may ask a connection without ever harming it.

use std::time::Duration;

use super::ASKS;
use crate::fact::Why;
use crate::facts::TcpInfo;
use crate::keepalive::Keepalive;
use crate::tcp_state::TcpState;

/// How a connection is asked. (A third engine, `raw`, for sockets that no
/// descriptor reaches, has its room here.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `TCP_REPAIR` off without ever on: the kernel sends one segment with the
    /// sequence number before the first unacknowledged. Needs CAP_NET_ADMIN.
    Repair,
    /// `TCP_KEEPIDLE` of one second on a connection that was idle for longer:
    /// the kernel sends its keepalive probe at the next tick.
    Keepalive,
}

impl Engine {
    /// Every engine, in the order of preference.
    pub const ALL: [Self; 2] = [Self::Repair, Self::Keepalive];

    /// The word for people and machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Repair => "repair",
            Self::Keepalive => "keepalive",
        }
    }
}

/// What is known of a connection when an engine is chosen.
#[derive(Debug, Clone, Copy)]
pub struct Askable {
    /// Its state.
    pub state: TcpState,
    /// TCP's account of it.
    pub tcp: TcpInfo,
    /// Its settings.
    pub keepalive: Keepalive,
    /// Bytes sent and not acknowledged, or waiting to be sent.
    pub send_queue: u32,
    /// It is being checkpointed (`TCP_REPAIR` is on).
    pub in_repair: bool,
    /// It is plain TCP, not Multipath TCP.
    pub plain_tcp: bool,
    /// CAP_NET_ADMIN is in effect.
    pub net_admin: bool,
}

/// An engine may not ask, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Only ESTABLISHED and CLOSE_WAIT can be asked.
    State,
    /// Somebody checkpoints the socket.
    InRepair,
    /// Multipath TCP: the option is not there.
    Multipath,
    /// `repair` needs CAP_NET_ADMIN.
    NoRight,
    /// `repair` asks in ESTABLISHED only.
    RepairState,
    /// `keepalive` cannot ask while data is in flight: the kernel's own
    /// retransmissions ask already.
    InFlight,
    /// A user timeout is set: unanswered probes could end the connection.
    UserTimeout,
    /// The asks would use up the probes after which the kernel gives up.
    FewProbes,
}

impl Refusal {
    /// The reason as an [`Why`], with what would help.
    #[must_use]
    pub const fn why(self) -> Why {
        Why::Unsupported(match self {
            Self::State => "only ESTABLISHED and CLOSE_WAIT connections can be asked",
            Self::InRepair => "it is being checkpointed (TCP_REPAIR is on)",
            Self::Multipath => "Multipath TCP has no such option",
            Self::NoRight => "the repair engine needs CAP_NET_ADMIN: run as root",
            Self::RepairState => "the repair engine asks ESTABLISHED connections only",
            Self::InFlight => {
                "data is in flight, and only the repair engine can ask then: run as root"
            }
            Self::UserTimeout => {
                "it has a user timeout, so unanswered keepalive probes could end it; \
                 the repair engine can ask: run as root"
            }
            Self::FewProbes => {
                "three asks would use up its keepalive probes (TCP_KEEPCNT) and could end it; \
                 the repair engine can ask: run as root"
            }
        })
    }
}

/// Chooses the engine, or says why none may ask. `forced` allows only that one.
///
/// # Errors
/// The reason of the engine that came nearest.
pub fn choose(connection: &Askable, forced: Option<Engine>) -> Result<Engine, Refusal> {
    if !connection.state.can_be_asked() {
        return Err(Refusal::State);
    }
    if !connection.plain_tcp {
        return Err(Refusal::Multipath);
    }
    if connection.in_repair {
        return Err(Refusal::InRepair);
    }
    match forced {
        Some(Engine::Repair) => repair(connection),
        Some(Engine::Keepalive) => keepalive(connection),
        None => repair(connection).or_else(|_| keepalive(connection)),
    }
}

fn repair(connection: &Askable) -> Result<Engine, Refusal> {
    if !connection.net_admin {
        Err(Refusal::NoRight)
    } else if connection.state != TcpState::Established {
        Err(Refusal::RepairState)
    } else {
        Ok(Engine::Repair)
    }
}

fn keepalive(connection: &Askable) -> Result<Engine, Refusal> {
    if connection.send_queue > 0 || connection.tcp.unacked > 0 {
        Err(Refusal::InFlight)
    } else if connection.keepalive.user_timeout_ms > 0 {
        Err(Refusal::UserTimeout)
    } else if u32::from(connection.tcp.probes) + ASKS >= connection.keepalive.count {
        Err(Refusal::FewProbes)
    } else {
        Ok(Engine::Keepalive)
    }
}

/// How long the `keepalive` engine has to wait before its first ask: a
/// connection must have been idle for a second, or the kernel only starts a
/// period.
#[must_use]
pub fn keepalive_ready_in(tcp: &TcpInfo) -> Duration {
    let idle = u64::from(tcp.heard_ms());
    Duration::from_millis(1_010u64.saturating_sub(idle))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Askable = Askable {
        state: TcpState::Established,
        tcp: TcpInfo {
            retransmits: 0,
            probes: 0,
            backoff: 0,
            rto_us: 204_000,
            rtt_us: 0,
            rttvar_us: 0,
            unacked: 0,
            total_retrans: 0,
            last_data_sent_ms: 0,
            last_data_recv_ms: 0,
            last_ack_recv_ms: 0,
            pmtu: 0,
            notsent_bytes: None,
            segs_in: None,
            bytes_received: None,
            bytes_acked: None,
            snd_wnd: None,
            rcv_wnd: None,
        },
        keepalive: Keepalive {
            enabled: false,
            idle_s: 7200,
            interval_s: 75,
            count: 9,
            user_timeout_ms: 0,
        },
        send_queue: 0,
        in_repair: false,
        plain_tcp: true,
        net_admin: true,
    };

    fn with_keepalive(count: u32, user_timeout_ms: u32, probes: u8) -> Askable {
        let mut connection = Askable {
            net_admin: false,
            ..QUIET
        };
        connection.keepalive.enabled = true;
        connection.keepalive.count = count;
        connection.keepalive.user_timeout_ms = user_timeout_ms;
        connection.tcp.probes = probes;
        connection
    }

    #[test]
    fn repair_first_and_keepalive_where_it_cannot() {
        assert_eq!(choose(&QUIET, None), Ok(Engine::Repair));
        let plain_user = Askable {
            net_admin: false,
            ..QUIET
        };
        assert_eq!(choose(&plain_user, None), Ok(Engine::Keepalive));
        assert_eq!(
            choose(&plain_user, Some(Engine::Repair)),
            Err(Refusal::NoRight)
        );
        let closing = Askable {
            state: TcpState::CloseWait,
            ..QUIET
        };
        assert_eq!(choose(&closing, None), Ok(Engine::Keepalive));
        let in_flight = Askable {
            send_queue: 10,
            ..QUIET
        };
        assert_eq!(choose(&in_flight, None), Ok(Engine::Repair));
    }

    #[test]
    fn keepalive_is_refused_wherever_it_could_hurt() {
        // The two measured cases: 3/60/3, and 4/4/3 with U = 3 s.
        assert_eq!(
            choose(&with_keepalive(3, 0, 0), None),
            Err(Refusal::FewProbes)
        );
        assert_eq!(
            choose(&with_keepalive(3, 3_000, 0), None),
            Err(Refusal::UserTimeout)
        );
        assert_eq!(
            choose(&with_keepalive(9, 0, 6), None),
            Err(Refusal::FewProbes)
        );
        assert_eq!(
            choose(&with_keepalive(9, 0, 5), None),
            Ok(Engine::Keepalive)
        );
        for count in 1..=127 {
            for probes in 0..=127 {
                let allowed = choose(&with_keepalive(count, 0, probes), None).is_ok();
                assert_eq!(allowed, u32::from(probes) + ASKS < count);
            }
        }
    }

    #[test]
    fn what_nobody_may_ask() {
        let refused = |connection: Askable| choose(&connection, None).unwrap_err();
        assert_eq!(
            refused(Askable {
                state: TcpState::FinWait2,
                ..QUIET
            }),
            Refusal::State
        );
        assert_eq!(
            refused(Askable {
                in_repair: true,
                ..QUIET
            }),
            Refusal::InRepair
        );
        assert_eq!(
            refused(Askable {
                plain_tcp: false,
                ..QUIET
            }),
            Refusal::Multipath
        );
    }

    #[test]
    fn keepalive_waits_until_the_connection_was_idle_for_a_second() {
        let mut tcp = QUIET.tcp;
        assert_eq!(keepalive_ready_in(&tcp), Duration::from_millis(1_010));
        tcp.last_ack_recv_ms = 400;
        tcp.last_data_recv_ms = 90_000;
        assert_eq!(keepalive_ready_in(&tcp), Duration::from_millis(610));
        tcp.last_ack_recv_ms = 2_000;
        assert_eq!(keepalive_ready_in(&tcp), Duration::ZERO);
    }
}
