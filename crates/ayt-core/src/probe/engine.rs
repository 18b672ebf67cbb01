//! Which engine may ask a connection without ever harming it.

use std::time::Duration;

use super::ASKS;
use crate::fact::Why;
use crate::facts::TcpInfo;
use crate::keepalive::{Keepalive, MAX_SECONDS};
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
    /// The idle time in effect, that of the sysctl, is more than the option
    /// takes: it could not be put back.
    NoWayBack,
    /// The owner's own keepalive is on: asks that stay unanswered would count
    /// against it and bring its end nearer.
    OwnKeepalive,
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
            Self::NoWayBack => {
                "its keepalive idle time (sysctl tcp_keepalive_time) is more than an option can \
                 hold, so it could not be put back; the repair engine can ask: run as root"
            }
            Self::OwnKeepalive => {
                "its own keepalive asks the peer already, and unanswered asks would count against \
                 it; the repair engine can ask: run as root"
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
    let by_keepalive =
        |by_name| keepalive_may_ask(connection, ASKS, by_name).map(|()| Engine::Keepalive);
    match forced {
        Some(Engine::Repair) => repair(connection),
        Some(Engine::Keepalive) => by_keepalive(true),
        None => repair(connection).or_else(|_| by_keepalive(false)),
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

/// Whether the `keepalive` engine may ask now, with so many asks still to make.
/// To be judged again before each ask, on fresh facts and with other ayts kept
/// out: all of them raise the same count.
///
/// `by_name` says that this engine, and no other, was asked for: only then may
/// it ask a connection whose own keepalive is on, which unanswered asks bring
/// nearer to its end by an interval each. Even so, not once that keepalive's
/// idle time is nearly over: putting it back would make its timer due at once,
/// so that one ask would count twice.
///
/// # Errors
/// How it could hurt.
pub fn keepalive_may_ask(
    connection: &Askable,
    asks_left: u32,
    by_name: bool,
) -> Result<(), Refusal> {
    let own = &connection.keepalive;
    if !connection.state.can_be_asked() {
        Err(Refusal::State)
    } else if connection.in_repair {
        Err(Refusal::InRepair)
    } else if connection.send_queue > 0 || connection.tcp.unacked > 0 {
        Err(Refusal::InFlight)
    } else if own.user_timeout_ms > 0 {
        Err(Refusal::UserTimeout)
    } else if u32::from(connection.tcp.probes) + asks_left >= own.count {
        Err(Refusal::FewProbes)
    } else if !(1..=MAX_SECONDS).contains(&own.idle_s) {
        Err(Refusal::NoWayBack)
    } else if own.enabled && !(by_name && idle_time_left(connection)) {
        Err(Refusal::OwnKeepalive)
    } else {
        Ok(())
    }
}

/// The owner's keepalive will not be due while an ask is made and put back.
fn idle_time_left(connection: &Askable) -> bool {
    const ROOM_MS: u64 = 500;
    let heard = u64::from(connection.tcp.heard_ms());
    heard + ROOM_MS < u64::from(connection.keepalive.idle_s) * 1000
}

/// A Linux kernel answers segments without data outside its window, which is
/// what every engine asks by, once in this time per connection
/// (`net.ipv4.tcp_invalid_ratelimit` of the peer, `tcp_oow_rate_limited` in
/// net/ipv4/tcp_input.c). An ask sooner after the last one stays unanswered.
pub const ANSWERS_APART: Duration = Duration::from_millis(500);

/// How long the `repair` engine has to wait before its first ask, for an answer
/// not to be swallowed by [`ANSWERS_APART`]: where the last thing heard was an
/// acknowledgement of no data, somebody has just asked (another ayt, an earlier
/// run, keepalive).
#[must_use]
pub fn repair_ready_in(tcp: &TcpInfo) -> Duration {
    // An acknowledgement of data follows it within a delayed-ACK time or a
    // round trip.
    const ACK_OF_DATA_MS: u32 = 250;
    if tcp.idle_ms() <= tcp.last_ack_recv_ms.saturating_add(ACK_OF_DATA_MS) {
        return Duration::ZERO;
    }
    let since = Duration::from_millis(u64::from(tcp.last_ack_recv_ms));
    (ANSWERS_APART + Duration::from_millis(10)).saturating_sub(since)
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
    fn keepalive_that_the_owner_has_on_is_left_alone_unless_the_engine_was_named() {
        let mut own = with_keepalive(9, 0, 0);
        own.keepalive.enabled = true;
        own.keepalive.idle_s = 60;
        assert_eq!(choose(&own, None), Err(Refusal::OwnKeepalive));
        let by_name = |own: &Askable| choose(own, Some(Engine::Keepalive));
        assert_eq!(by_name(&own), Ok(Engine::Keepalive));
        // Nearly due, or asking already: putting back would make it ask again.
        for heard in [59_600, 60_000, 200_000] {
            own.tcp.last_ack_recv_ms = heard;
            own.tcp.last_data_recv_ms = heard;
            assert_eq!(by_name(&own), Err(Refusal::OwnKeepalive), "{heard}");
        }
    }

    #[test]
    fn the_asks_that_are_left_must_fit_before_each_of_them() {
        // Another ayt has raised the count since the engine was chosen.
        let after_one_ask = with_keepalive(5, 0, 1);
        assert_eq!(keepalive_may_ask(&after_one_ask, 2, false), Ok(()));
        let another_asked_too = with_keepalive(5, 0, 3);
        assert_eq!(
            keepalive_may_ask(&another_asked_too, 2, false),
            Err(Refusal::FewProbes)
        );
    }

    #[test]
    fn keepalive_does_not_set_what_it_could_not_put_back() {
        for (idle_s, expected) in [
            (0, Err(Refusal::NoWayBack)),
            (1, Ok(())),
            (32_767, Ok(())),
            (32_768, Err(Refusal::NoWayBack)),
        ] {
            let mut connection = with_keepalive(9, 0, 0);
            connection.keepalive.idle_s = idle_s;
            assert_eq!(keepalive_may_ask(&connection, 3, false), expected);
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
    fn repair_waits_while_the_peer_would_swallow_the_ask() {
        let tcp = |idle, ack| TcpInfo {
            last_data_sent_ms: idle,
            last_data_recv_ms: idle + 70,
            last_ack_recv_ms: ack,
            ..QUIET.tcp
        };
        // Just opened, data just acknowledged, and idle for long.
        for (idle, ack) in [(0, 0), (40, 0), (90_000, 90_000), (90_000, 600)] {
            assert_eq!(repair_ready_in(&tcp(idle, ack)), Duration::ZERO);
        }
        let wait = repair_ready_in(&tcp(90_000, 100));
        assert_eq!(wait, Duration::from_millis(410));
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
