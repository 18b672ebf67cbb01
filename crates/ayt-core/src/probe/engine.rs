//! Which engine may ask a connection without ever harming it.

use std::time::Duration;

use super::ASKS;
use crate::fact::Why;
use crate::facts::TcpInfo;
use crate::keepalive::{Keepalive, MAX_SECONDS};
use crate::tcp_state::TcpState;

/// How a connection is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `TCP_REPAIR` off without ever on: the kernel sends one segment with the
    /// sequence number before the first unacknowledged. Needs CAP_NET_ADMIN.
    Repair,
    /// `TCP_KEEPIDLE` of one second on a connection that was idle for longer:
    /// the kernel sends its keepalive probe at the next tick.
    Keepalive,
    /// A segment made by hand, in the connection's name, from a raw socket: needs
    /// no descriptor and touches nothing of the socket. Needs CAP_NET_RAW.
    Raw,
}

impl Engine {
    /// Every engine, in the order of preference.
    pub const ALL: [Self; 3] = [Self::Repair, Self::Keepalive, Self::Raw];

    /// The word for people and machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Repair => "repair",
            Self::Keepalive => "keepalive",
            Self::Raw => "raw",
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
    /// CAP_NET_RAW is in effect.
    pub net_raw: bool,
}

/// An engine may not ask, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no peer to ask in this state.
    NoPeer,
    /// Through a descriptor only ESTABLISHED and CLOSE_WAIT can be asked.
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
    /// `raw` needs CAP_NET_RAW.
    NoRawRight,
}

impl Refusal {
    /// The reason as an [`Why`], with what would help.
    #[must_use]
    pub const fn why(self) -> Why {
        Why::Unsupported(match self {
            Self::NoPeer => "in this state there is no peer to ask",
            Self::State => {
                "through a descriptor only ESTABLISHED and CLOSE_WAIT connections can be asked"
            }
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
            Self::NoRawRight => {
                "the raw engine needs CAP_NET_RAW: run as root or grant CAP_NET_RAW"
            }
        })
    }
}

/// The engines considered for a connection, in the order of preference, up to the
/// one that may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The one that asks; `None` where none may.
    pub engine: Option<Engine>,
    /// Those before it, or all, each with what keeps it from asking.
    pub passed_over: Vec<(Engine, Why)>,
}

impl Choice {
    /// Considers engines one after the other; with `forced` only that one.
    pub fn consider(
        forced: Option<Engine>,
        mut obstacle: impl FnMut(Engine) -> Option<Why>,
    ) -> Self {
        let mut choice = Self::default();
        let wanted = |engine: &Engine| forced.is_none_or(|forced| forced == *engine);
        for engine in Engine::ALL.into_iter().filter(wanted) {
            match obstacle(engine) {
                None => {
                    choice.engine = Some(engine);
                    break;
                }
                Some(why) => choice.passed_over.push((engine, why)),
            }
        }
        choice
    }

    /// Why none may ask: the obstacle of the engine that came nearest. That is
    /// `raw` where the others can never ask such a connection, else the last of
    /// those before it: what would let them ask is the better advice.
    #[must_use]
    pub fn why_none(&self) -> Option<&Why> {
        if self.engine.is_some() {
            return None;
        }
        let never = |why: &Why| *why == Why::NoDescriptor || *why == Refusal::State.why();
        match &self.passed_over[..] {
            [.., (_, before), (Engine::Raw, _)] if !never(before) => Some(before),
            all => all.last().map(|(_, why)| why),
        }
    }
}

/// Chooses the engine for a connection that a descriptor leads to. `forced`
/// allows only that one.
#[must_use]
pub fn choose(connection: &Askable, forced: Option<Engine>) -> Choice {
    Choice::consider(forced, |engine| {
        let by_name = forced == Some(Engine::Keepalive);
        let may_ask = match engine {
            Engine::Repair => repair_may_ask(connection),
            Engine::Keepalive => keepalive_may_ask(connection, ASKS, by_name),
            Engine::Raw if connection.in_repair => Err(Refusal::InRepair),
            Engine::Raw => raw_may_ask(connection.state, connection.net_raw),
        };
        may_ask.err().map(Refusal::why)
    })
}

/// Chooses the engine for a connection that no descriptor leads to, for the
/// reason given: only `raw` can ask it.
#[must_use]
pub fn choose_without_descriptor(
    state: TcpState,
    net_raw: bool,
    unreached: &Why,
    forced: Option<Engine>,
) -> Choice {
    Choice::consider(forced, |engine| match engine {
        Engine::Repair | Engine::Keepalive if state.has_peer() => Some(unreached.clone()),
        _ => raw_may_ask(state, net_raw).err().map(Refusal::why),
    })
}

/// Whether the `raw` engine may ask a connection in this state.
fn raw_may_ask(state: TcpState, net_raw: bool) -> Result<(), Refusal> {
    if !state.has_peer() {
        Err(Refusal::NoPeer)
    } else if !net_raw {
        Err(Refusal::NoRawRight)
    } else {
        Ok(())
    }
}

/// What every engine that asks through a descriptor needs.
fn descriptor_may_ask(connection: &Askable) -> Result<(), Refusal> {
    if !connection.state.has_peer() {
        Err(Refusal::NoPeer)
    } else if !connection.state.can_be_asked() {
        Err(Refusal::State)
    } else if !connection.plain_tcp {
        Err(Refusal::Multipath)
    } else if connection.in_repair {
        Err(Refusal::InRepair)
    } else {
        Ok(())
    }
}

fn repair_may_ask(connection: &Askable) -> Result<(), Refusal> {
    descriptor_may_ask(connection)?;
    if !connection.net_admin {
        Err(Refusal::NoRight)
    } else if connection.state != TcpState::Established {
        Err(Refusal::RepairState)
    } else {
        Ok(())
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
    descriptor_may_ask(connection)?;
    let own = &connection.keepalive;
    if connection.send_queue > 0 || connection.tcp.unacked > 0 {
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
mod tests;
