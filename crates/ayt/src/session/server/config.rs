//! What a server is set up with, and what it says of settings that cannot be.

use std::ops::RangeInclusive;
use std::time::Duration;

use ayt_core::session::codec::bounds::{
    ACK_DELAY, CHALLENGE_MS, DRAIN, FINISH, MAX_PAYLOAD, MISSES, REGISTRATION,
    REGISTRATION_DEFAULT, RESUME_MS, WINDOW,
};
use ayt_core::session::handshake::{BadBeat, BeatPolicy, TermsPolicy};
use ayt_core::session::registry::{Config as RegistryConfig, FlapLimit, Policy};

/// Beats of one direction: the bounds within which a client's wish is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beats {
    /// The shortest, default 1 s: a shorter wish is raised to it. At least 10 ms.
    pub floor: Duration,
    /// For a client without a wish, default 30 s; well below the 60 s to 350 s after
    /// which common NATs and load balancers forget an idle connection.
    pub default: Duration,
    /// The longest, default 1 h: a longer wish is lowered to it. At most 1 h.
    pub ceiling: Duration,
    /// A client without a wish has the default all the same (default `true`). Without,
    /// it has no beat, and its death stays unnoticed.
    pub needed: bool,
}

impl Default for Beats {
    fn default() -> Self {
        Self {
            floor: Duration::from_secs(1),
            default: Duration::from_secs(30),
            ceiling: Duration::from_secs(3_600),
            needed: true,
        }
    }
}

/// Everything that bounds a server: docs/protocol.md, "Timers and bounds". Every value
/// is checked when the server is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a client has from accept to its whole PROOF, and the server from there
    /// to its decision: 100 ms to 60 s, default 10 s. It does not move.
    pub registration: Duration,
    /// Connections that have not registered, in all: 1 or more, default 1,000. One more
    /// is refused as `overloaded` and closed at once.
    pub unregistered: usize,
    /// The same of one address (of one /64 for IPv6): 1 or more, default 20.
    pub unregistered_per_address: usize,
    /// Sessions with a connection: 1 or more, default 1,000,000.
    pub connected: usize,
    /// New sessions that wait for `accept`: 1 or more, default 1,024. Beyond,
    /// registrations are refused as `overloaded`: a program that does not accept is
    /// not given more to hold.
    pub backlog: usize,
    /// The longest silence a client may keep.
    pub client_beat: Beats,
    /// The longest silence this server will keep. By default it is not `needed`: a client
    /// that wishes for no heartbeats of the server, such as a one-way one that pays for
    /// its traffic, gets none.
    pub server_beat: Beats,
    /// Silences in a row before suspicion: 1 to 10, default 2. One is right only where
    /// the beat is far above any delay of the network.
    pub misses: u8,
    /// How long a suspected client has to answer: 100 ms to 60 s, default 5 s. It also
    /// bounds the question of [`Policy::Verify`].
    pub challenge: Duration,
    /// The largest payload taken: 1,024 to 16,777,215 bytes, default 65,544. A message
    /// is at most 8 bytes shorter.
    pub max_payload: u32,
    /// Unacknowledged bytes taken of each client: 4 KiB to 1 GiB, default 1 MiB.
    pub window: u32,
    /// Bytes kept for each client until it acknowledges them: 4 KiB to 1 GiB, default
    /// 1 MiB. When it is full, `send` waits.
    pub replay_bound: u32,
    /// How long an acknowledgement may wait for company: 0 to 200 ms, default 50 ms.
    pub ack_delay: Duration,
    /// How long a session is kept without a connection: 0 (not at all) to 24 h, default
    /// 5 min. Whole milliseconds count.
    pub resume_for: Duration,
    /// How long a connection that is over is still read: 0 to 60 s, default 5 s.
    pub drain: Duration,
    /// How long `close` and `shutdown` wait for acknowledgements: 0 to 1 h, default
    /// 30 s.
    pub finish: Duration,
    /// Sessions without a connection: default 100,000. Beyond, the oldest is over.
    pub most_parked: usize,
    /// Bytes those keep together, default 256 MiB. Beyond, the oldest is over.
    pub most_parked_bytes: u64,
    /// Of how many identities the end of the last session is remembered, default
    /// 100,000: what a client that comes back too late is told.
    pub most_remembered: usize,
    /// Takeovers of one identity within `flap_window` before more of them are refused:
    /// 1 or more, default 5.
    pub takeovers: u32,
    /// The time in which `takeovers` are counted, default 1 min, not 0. It is the retry hint too.
    pub flap_window: Duration,
    /// The retry hint where an identity is in use, default 10 s.
    pub in_use_retry: Duration,
    /// A hint to come back after a shutdown or an overload has a random time up to this
    /// added, so that not all clients come at once: 0 to 1 h, default 10 s.
    pub retry_spread: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let registry = RegistryConfig::default();
        let terms = TermsPolicy::default();
        Self {
            registration: REGISTRATION_DEFAULT,
            unregistered: 1_000,
            unregistered_per_address: 20,
            connected: 1_000_000,
            backlog: 1_024,
            client_beat: Beats::default(),
            server_beat: Beats {
                needed: false,
                ..Beats::default()
            },
            misses: terms.misses,
            challenge: Duration::from_secs(5),
            max_payload: terms.max_payload,
            window: terms.window,
            replay_bound: 1 << 20,
            ack_delay: Duration::from_millis(50),
            resume_for: Duration::from_secs(300),
            drain: Duration::from_secs(5),
            finish: Duration::from_secs(30),
            most_parked: registry.most_parked,
            most_parked_bytes: registry.most_parked_cost,
            most_remembered: registry.most_remembered,
            takeovers: registry.flap.takeovers,
            flap_window: registry.flap.window,
            in_use_retry: Duration::from_secs(10),
            retry_spread: Duration::from_secs(10),
        }
    }
}

/// A setting that cannot be: which, and what it may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLimit {
    /// A number or a time outside of its range.
    #[error("{field} is {value}, and may be {range}")]
    Range {
        /// The field of [`Limits`].
        field: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        range: String,
    },
    /// Beats of which none could be agreed.
    #[error("{field}: {source}")]
    Beat {
        /// The field of [`Limits`].
        field: &'static str,
        /// What is wrong.
        #[source]
        source: BadBeat,
    },
}

fn within<T: PartialOrd + std::fmt::Debug>(
    field: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), BadLimit> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(BadLimit::Range {
        field,
        value: format!("{value:?}"),
        range: format!("{:?} to {:?}", range.start(), range.end()),
    })
}

/// Whole milliseconds, at most those of `u32`, rounded up: a time that is not 0 does
/// not become 0.
pub(super) fn ms(time: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

fn beats(field: &'static str, beats: &Beats) -> Result<BeatPolicy, BadLimit> {
    BeatPolicy::new(
        ms(beats.floor),
        ms(beats.default),
        ms(beats.ceiling),
        beats.needed,
    )
    .map_err(|source| BadLimit::Beat { field, source })
}

impl Limits {
    /// What is offered to every client, after a check of everything.
    pub(super) fn check(&self) -> Result<TermsPolicy, BadLimit> {
        let of_ms = |range: &RangeInclusive<u32>| {
            let [least, most] = [*range.start(), *range.end()];
            Duration::from_millis(least.into())..=Duration::from_millis(most.into())
        };
        within("registration", self.registration, REGISTRATION)?;
        within("unregistered", self.unregistered, 1..=usize::MAX)?;
        let per_address = self.unregistered_per_address;
        within("unregistered_per_address", per_address, 1..=usize::MAX)?;
        within("connected", self.connected, 1..=usize::MAX)?;
        within("backlog", self.backlog, 1..=usize::MAX >> 4)?;
        within("misses", self.misses, MISSES)?;
        within("challenge", self.challenge, of_ms(&CHALLENGE_MS))?;
        within("max_payload", self.max_payload, MAX_PAYLOAD)?;
        within("window", self.window, WINDOW)?;
        within("replay_bound", self.replay_bound, WINDOW)?;
        within("ack_delay", self.ack_delay, ACK_DELAY)?;
        within("resume_for", self.resume_for, of_ms(&RESUME_MS))?;
        within("drain", self.drain, DRAIN)?;
        within("finish", self.finish, FINISH)?;
        within("takeovers", self.takeovers, 1..=u32::MAX)?;
        let hint = Duration::from_millis(1)..=Duration::from_secs(24 * 3_600);
        within("flap_window", self.flap_window, hint.clone())?;
        within("in_use_retry", self.in_use_retry, hint)?;
        let spread = Duration::ZERO..=Duration::from_secs(3_600);
        within("retry_spread", self.retry_spread, spread)?;
        Ok(TermsPolicy {
            client_beat: beats("client_beat", &self.client_beat)?,
            server_beat: beats("server_beat", &self.server_beat)?,
            misses: self.misses,
            challenge_ms: ms(self.challenge),
            resume_ms: ms(self.resume_for),
            max_payload: self.max_payload,
            window: self.window,
        })
    }

    pub(super) fn registry(&self, policy: Policy) -> RegistryConfig {
        RegistryConfig {
            policy,
            resume_for: self.resume_for,
            drain: self.drain,
            challenge: self.challenge,
            in_use_retry_ms: ms(self.in_use_retry),
            flap: FlapLimit {
                window: self.flap_window,
                takeovers: self.takeovers,
                retry_ms: ms(self.flap_window),
            },
            most_parked: self.most_parked,
            most_parked_cost: self.most_parked_bytes,
            most_remembered: self.most_remembered,
        }
    }
}
