//! Setting up a client.

mod check;
mod sockets;
#[cfg(feature = "tls")]
mod tls;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::codec::bounds::LEAST_BEAT_MS_DEFAULT;
use ayt_core::session::handshake::{ClientSettings, Credential};
use ayt_core::session::proof::Key;
use ayt_core::session::reconnect::Pace;
use ayt_core::session::traffic::Config;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connect::{self, Connector};
use super::random::Random;
use super::saved::Saved;
use super::search::Search;
use super::settings::{Settings, Store};
use super::shared::Shared;
use super::task::Task;
use super::{BadClient, Client};
use crate::session::sockets::Sockets;
use crate::sync::task::spawn;
#[cfg(feature = "tls")]
use crate::tls::rustls::{ClientConfig, pki_types::ServerName};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Sets up a [`Client`]. Every value has the default of docs/protocol.md, "Timers
/// and bounds", but for two that only the program knows: who proves what
/// ([`key`](Self::key), [`certificate`](Self::certificate) or
/// [`without_authentication`](Self::without_authentication)), and where to connect
/// ([`address`](Self::address) or [`connector`](Self::connector)).
#[must_use = "a client is there when it is started"]
pub struct Builder {
    hello: ClientSettings,
    client_beat: Duration,
    server_beat: Duration,
    least_beat: Duration,
    credential: Option<Credential>,
    addresses: Vec<String>,
    connector: Option<Connector>,
    sockets: Sockets,
    #[cfg(feature = "tls")]
    tls: Option<Arc<ClientConfig>>,
    #[cfg(feature = "tls")]
    server_name: Option<ServerName<'static>>,
    #[cfg(feature = "tls")]
    tls_failure_stops: bool,
    connect_within: Duration,
    config: Config,
    pace: Pace,
    drain: Duration,
    close_within: Duration,
    resend: bool,
    doubt_refusals: bool,
    saved: Option<Saved>,
    store: Option<Store>,
    search: Option<Search>,
    pub(super) random: Random,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("hello", &self.hello)
            .field("credential", &self.credential)
            .field("addresses", &self.addresses)
            .field("config", &self.config)
            .field("pace", &self.pace)
            .field("saved", &self.saved)
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn new(identity: Bytes) -> Self {
        Self {
            hello: ClientSettings::new(identity),
            client_beat: MS(30_000),
            server_beat: MS(30_000),
            least_beat: MS(LEAST_BEAT_MS_DEFAULT.into()),
            credential: None,
            addresses: Vec::new(),
            connector: None,
            sockets: Sockets::default(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            server_name: None,
            #[cfg(feature = "tls")]
            tls_failure_stops: false,
            connect_within: MS(10_000),
            config: Config::default(),
            pace: Pace::default(),
            drain: MS(5_000),
            close_within: MS(30_000),
            resend: false,
            doubt_refusals: false,
            saved: None,
            store: None,
            search: None,
            random: Random::System,
        }
    }

    /// Both sides prove that they have this key. The client does not go on with a
    /// server that does not.
    pub fn key(mut self, key: Key) -> Self {
        self.credential = Some(Credential::Key(key));
        self
    }

    /// Nobody proves anything: whoever answers is the server, and whoever says this
    /// identity is this device. For closed networks and for tests.
    pub fn without_authentication(mut self) -> Self {
        self.credential = Some(Credential::None);
        self
    }

    /// TLS proves both sides: `tls` (feature `tls`) with a configuration that has a
    /// client certificate, or a [`connector`](Self::connector) that sends it and **must
    /// itself have checked the server's**.
    pub fn certificate(mut self) -> Self {
        self.credential = Some(Credential::Certificate);
        self
    }

    /// Connects to this address over TCP, `host:port`. More than one may be given.
    /// Names are resolved anew at each attempt; every address that comes of it is
    /// tried, both families in turn, the next one 250 ms after the one before or as
    /// soon as that has failed, and the first that answers is taken (RFC 8305).
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Makes connections with this closure instead of
    /// [`address`](Self::address): for proxies, Unix sockets, another TLS, tests. It is
    /// called once for each attempt, and its future is dropped where it takes too
    /// long.
    pub fn connector<F, Fut, S>(mut self, connect: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.connector = Some(connect::connector(connect));
        self
    }

    /// How long making a connection may take, name lookup included: 100 ms to 5 min,
    /// default 10 s. The operating system's own limit is about two minutes.
    pub fn connect_within(mut self, time: Duration) -> Self {
        self.connect_within = time;
        self
    }

    /// How long the registration may take once the connection is made, the handshake
    /// of TLS included: 100 ms to 60 s, default 10 s. What [`on_secret`](Self::on_secret) does has this time
    /// again.
    pub fn registration_deadline(mut self, time: Duration) -> Self {
        self.hello.deadline = time;
        self
    }

    /// The longest this client wishes to be silent: 10 ms to 1 h, or zero for no
    /// promise; default 30 s. The server decides. Shorter finds a death sooner and
    /// keeps a NAT awake, longer saves power and traffic.
    pub fn client_beat(mut self, beat: Duration) -> Self {
        self.client_beat = beat;
        self
    }

    /// The longest silence of the server this client wishes: 10 ms to 1 h, or zero
    /// for any; default 30 s. The server decides. A dead server is noticed after
    /// this times the server's misses, and its challenge time (65 s by default); with
    /// zero, by the kernel ([`keepalive`](Self::keepalive)) after two minutes or more.
    pub fn server_beat(mut self, beat: Duration) -> Self {
        self.server_beat = beat;
        self
    }

    /// The shortest beats this client goes on with, in either direction, 10 ms to 1 h;
    /// default 1 s. A wish of its own that is shorter holds instead. The server decides
    /// the beats, and may want more of them than this client can pay for: then it does
    /// not register there ([`Loss::Registration`](super::Loss::Registration) says so),
    /// and tries again as after any failure.
    pub fn least_beat(mut self, beat: Duration) -> Self {
        self.least_beat = beat;
        self
    }

    /// The server never asks this client whether it is there, which saves the
    /// answers: it is judged by its own beat alone. Default: it may be asked.
    pub fn one_way(mut self) -> Self {
        self.hello.one_way = true;
        self
    }

    /// The largest payload this client takes, 1,024 to 16,777,215 bytes: the longest
    /// message is 8 bytes shorter. Default 65,544, a message of 64 KiB.
    pub fn max_payload(mut self, bytes: u32) -> Self {
        self.config.own.max_payload = bytes;
        self
    }

    /// Bytes of messages that may have come in and not been taken by the program, 4
    /// KiB to 1 GiB, each counted 32 longer than it is; default 1 MiB, enough for 80
    /// Mbit/s at a round trip of 100 ms.
    pub fn window(mut self, bytes: u32) -> Self {
        self.config.own.window = bytes;
        self
    }

    /// Bytes of messages that are kept until the server acknowledges them, also
    /// while there is no connection, 4 KiB to 1 GiB, counted as in
    /// [`window`](Self::window); default 1 MiB. When they are reached, or the
    /// server's window is, [`send`](Client::send) waits.
    pub fn replay_bound(mut self, bytes: u32) -> Self {
        self.config.replay_bound = bytes;
        self
    }

    /// How long an acknowledgement may wait for company, 0 to 200 ms, default 50 ms.
    pub fn ack_delay(mut self, delay: Duration) -> Self {
        self.config.ack_delay = delay;
        self
    }

    /// How fast the client comes back: before the n-th attempt in a row it waits a
    /// random time between 0 and min(cap, base · 2ⁿ), beyond what the server asked
    /// for. Both 10 ms to 1 h, the base no longer than the cap; defaults 500 ms and
    /// 60 s. A session that stood for the cap counts as success.
    pub fn pace(mut self, base: Duration, cap: Duration) -> Self {
        self.pace = Pace { base, cap };
        self
    }

    /// How long what the server had in flight is still read after the end of a
    /// connection was decided, 0 to 60 s, default 5 s.
    pub fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// How long [`close`](Client::close) waits for the server's acknowledgements,
    /// up to 1 h, default 30 s. The end of the connection takes at most the
    /// [drain time](Self::drain) more.
    pub fn close_within(mut self, time: Duration) -> Self {
        self.close_within = time;
        self
    }

    /// When a session cannot be resumed: are the messages that the server did not
    /// acknowledge sent again in the new one? Default `false`: they go to
    /// [`take_undelivered`](Client::take_undelivered), and the program decides. With
    /// `true` they go first in the new session, but for those that the server has
    /// said it handed over; where it does not know the old session any more, **some
    /// may arrive twice**.
    pub fn resend_after_loss(mut self, resend: bool) -> Self {
        self.resend = resend;
        self
    }

    /// Anyone who can answer in the server's place can refuse a client, also for
    /// ever, without any key (docs/protocol.md, "Security considerations"). Doubting,
    /// the client takes a refusal that would stop it for its longest wait instead.
    /// Default: it believes, as it should where TLS proves the server.
    pub fn doubt_refusals(mut self) -> Self {
        self.doubt_refusals = true;
        self
    }

    /// Begins with a session that an earlier process kept.
    pub fn restore(mut self, saved: Saved) -> Self {
        self.saved = Some(saved);
        self
    }

    /// Called with the session's new secret after each registration, **before**
    /// anything is sent on it: afterwards the secret from before is wrong. A program
    /// that keeps its session over a crash stores it here, durably. Nothing flows
    /// until the future is ready, not even heartbeats; after the
    /// [registration deadline](Self::registration_deadline) it is dropped. Where it
    /// fails, the connection is given up, and the next attempt comes as after any
    /// loss.
    pub fn on_secret<F, Fut>(mut self, store: F) -> Self
    where
        F: Fn(Saved) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<()>> + Send + 'static,
    {
        self.store = Some(Box::new(move |saved| Box::pin(store(saved))));
        self
    }

    /// Searches for the longest silence that the way to the server lets live, and sends
    /// heartbeats at what it finds: [`search`](super::search) says how, and what it does
    /// to the session. Default: no search, the beats as they are set.
    pub fn search(mut self, search: Search) -> Self {
        self.search = Some(search);
        self
    }

    /// Starts the client: its task makes the first connection at once.
    ///
    /// # Errors
    /// Names the setting that is missing or out of range, and the range.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time and I/O enabled.
    pub fn start(mut self) -> Result<Client, BadClient> {
        self.check()?;
        #[cfg(feature = "tls")]
        let tls = self.make_tls()?;
        let (connector, sockets) = match (self.connector, self.addresses.is_empty()) {
            (Some(connector), true) => (connector, None),
            (None, false) => {
                let connector = connect::tcp(self.addresses, self.sockets.clone());
                (connector, Some(self.sockets))
            }
            (None, true) => return Err(BadClient::NoAddress),
            (Some(_), false) => return Err(BadClient::TwoWays),
        };
        let credential = self.credential.ok_or(BadClient::NoCredential)?;
        self.hello.max_payload = self.config.own.max_payload;
        self.hello.window = self.config.own.window;
        self.hello.client_beat_ms = whole_ms(self.client_beat);
        self.hello.server_beat_ms = whole_ms(self.server_beat);
        self.hello.least_beat_ms = whole_ms(self.least_beat);
        let shared = Shared::new(self.config, self.resend, self.saved);
        let search = self.search.map(|search| search.start(shared.clock));
        let settings = Arc::new(Settings {
            hello: self.hello,
            credential,
            connector,
            sockets,
            #[cfg(feature = "tls")]
            tls,
            connect_within: self.connect_within,
            pace: self.pace,
            drain: self.drain,
            close_within: self.close_within,
            doubt_refusals: self.doubt_refusals,
            store: self.store,
            search: search.transpose()?,
            random: self.random,
        });
        spawn(Task::new(Arc::clone(&shared), Arc::clone(&settings)).run());
        Ok(Client { shared, settings })
    }
}

/// In range already.
fn whole_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
