//! A subject that speaks `ayt/1`: the library's own server or client.

use std::io::BufRead;
use std::time::Duration;

use ayt::session::Client;
use ayt::session::client::Event as ClientEvent;
use ayt::session::client::search::{Search, SearchTerms};
use ayt::session::server::{Beats, Limits, Server, SessionEvent};
use tokio::sync::mpsc;

use super::hub::{Clock, tell};
use super::{Part, Spec, What};
use crate::detectors::Setting;

/// How server and client are to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    interval: Duration,
    misses: u8,
    challenge: Duration,
    search: Option<SearchTerms>,
}

impl Terms {
    /// Of a setting that is one of sessions.
    pub(super) fn of(setting: Setting) -> Option<Self> {
        match setting {
            Setting::Session(terms) => Some(Self {
                interval: terms.interval(),
                misses: terms.misses(),
                challenge: terms.challenge(),
                search: None,
            }),
            Setting::Adaptive {
                search,
                misses,
                challenge,
            } => Some(Self {
                interval: search.floor(),
                misses,
                challenge,
                search: Some(search),
            }),
            _ => None,
        }
    }
}

/// Why it ended, for the lab.
type Failed = Box<dyn std::error::Error>;

/// Runs a server or a client; its exit status.
pub(super) fn run(spec: &Spec, terms: Terms, clock: Clock) -> i32 {
    let (orders, waiting) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if orders.send(line).is_err() {
                return;
            }
        }
        // Nobody gives orders any more.
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ran: Result<(), Failed> = runtime.map_err(Failed::from).and_then(|runtime| {
        runtime.block_on(async {
            match spec.part {
                Part::Server { listen, .. } => server(listen, terms, clock, waiting).await,
                Part::Client { connect } => client(connect, terms, clock, waiting).await,
            }
        })
    });
    match ran {
        Ok(()) => 0,
        Err(error) => {
            tell(0, clock.now(), What::Failed(error.to_string()));
            1
        }
    }
}

async fn server(
    listen: std::net::SocketAddr,
    terms: Terms,
    clock: Clock,
    mut orders: mpsc::UnboundedReceiver<String>,
) -> Result<(), Failed> {
    let limits = Limits {
        client_beat: Beats {
            floor: terms.interval,
            default: terms.interval,
            ..Beats::default()
        },
        misses: terms.misses,
        challenge: terms.challenge,
        ..Limits::default()
    };
    let server = Server::builder()
        .without_authentication()
        .limits(limits)
        .bind(listen)
        .await?;
    let here = server.local_addr().unwrap_or(listen);
    tell(0, clock.now(), What::Listening(here));
    let session = server.accept().await.ok_or("the server is over")?;
    tell(0, clock.now(), What::Connected(here, session.peer_addr()));
    let (sender, mut receiver) = session.split();
    loop {
        tokio::select! {
            event = sender.next_event() => match event {
                None => return Ok(()),
                Some(SessionEvent::Resumed { peer, .. }) => {
                    tell(0, clock.now(), What::Connected(here, peer));
                }
                Some(SessionEvent::Suspect) => {
                    let overdue = terms.interval * u32::from(terms.misses);
                    tell(0, clock.now(), What::Suspects(nanos(overdue)));
                }
                Some(SessionEvent::Late(by)) => {
                    tell(0, clock.now(), What::WasLate(nanos(by)));
                }
                Some(SessionEvent::Lost(end)) => {
                    let cause = end.cause.name().to_owned();
                    tell(0, clock.now(), What::Ended(None, cause));
                }
                Some(_) => {}
            },
            message = receiver.recv() => match message {
                None => std::future::pending().await,
                Some(message) => tell(0, clock.now(), What::Received(message.len())),
            },
            order = orders.recv() => {
                if let Some(count) = count(order.as_deref()) {
                    tell(0, clock.now(), What::Sending(count, 0));
                    sender.send(vec![b'x'; count]).await?;
                }
            }
        }
    }
}

async fn client(
    connect: std::net::SocketAddr,
    terms: Terms,
    clock: Clock,
    mut orders: mpsc::UnboundedReceiver<String>,
) -> Result<(), Failed> {
    let mut client = Client::builder("device")
        .without_authentication()
        .address(connect.to_string())
        .client_beat(terms.interval)
        // It is not to come back while the server is watched.
        .pace(Duration::from_secs(60), Duration::from_secs(60));
    if let Some(search) = terms.search {
        client = client.search(Search::new(search));
    }
    let client = client.start()?;
    loop {
        tokio::select! {
            event = client.event() => match event {
                None => return Ok(()),
                Some(ClientEvent::Registered { .. }) => {
                    tell(0, clock.now(), What::Connected(connect, connect));
                }
                Some(ClientEvent::Interval { every, survived }) => {
                    let interval_ns = nanos(every);
                    let survived_ns = survived.map(nanos);
                    let what = What::Settled { interval_ns, survived_ns };
                    tell(0, clock.now(), what);
                }
                Some(_) => {}
            },
            message = client.recv() => match message {
                None => std::future::pending().await,
                Some(message) => tell(0, clock.now(), What::Received(message.len())),
            },
            order = orders.recv() => {
                if let Some(count) = count(order.as_deref()) {
                    client.send(vec![b'x'; count]).await?;
                }
            }
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// `send N`.
fn count(order: Option<&str>) -> Option<usize> {
    order?.strip_prefix("send ")?.parse().ok()
}
