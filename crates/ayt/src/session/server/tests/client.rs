//! A device of the tests.

use std::sync::Arc;

use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Frame, Refuse, Welcome};
use ayt_core::session::handshake::{
    Client as Handshake, ClientSettings, ClientStep, Credential, Purpose, Resumption,
};
use ayt_core::session::link;
use ayt_core::session::link::End;
use ayt_core::session::proof::Secret;
use ayt_core::session::traffic::{Accepts, Config, Traffic};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use super::*;
use crate::session::driver::{Clock, Core, Start};
use crate::session::wire::{ReadError, read_frame, write_frame};

/// Who it is, and from where it comes.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) settings: ClientSettings,
    pub(super) credential: Credential,
    pub(super) peer: SocketAddr,
}

/// A registered connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) core: Arc<Core>,
    pub(super) welcome: Welcome,
    pub(super) task: JoinHandle<Option<End>>,
}

/// Why it is not registered.
#[derive(Debug)]
pub(super) enum NotIn {
    Refused(Refuse),
    Broken(ReadError),
}

impl NotIn {
    pub(super) fn refused(self) -> Refuse {
        match self {
            Self::Refused(refuse) => refuse,
            Self::Broken(error) => panic!("not refused, but {error}"),
        }
    }
}

impl Device {
    pub(super) fn new(identity: &'static str, seed: u8) -> Self {
        Self {
            settings: ClientSettings {
                // The server's own deadline is what is tested.
                deadline: 60 * S,
                ..ClientSettings::new(Bytes::from(identity))
            },
            credential: Credential::Key(key(seed)),
            peer: at(seed.into()),
        }
    }

    pub(super) fn a() -> Self {
        Self::new("a", 1)
    }

    /// The handshake over this stream.
    pub(super) async fn shake(
        &self,
        io: &mut DuplexStream,
        purpose: Purpose,
    ) -> Result<(Welcome, Decoder), NotIn> {
        let clock = Clock::start();
        let mut decoder = Decoder::new();
        let (mut handshake, hello) = Handshake::start(
            &self.settings,
            self.credential.clone(),
            purpose,
            shared::random().unwrap(),
            clock.now(),
        )
        .unwrap();
        write_frame(io, &hello).await.map_err(NotIn::Broken)?;
        loop {
            let frame = read_frame(io, &mut decoder).await.map_err(NotIn::Broken)?;
            match handshake.on_frame(&frame, clock.now()).unwrap() {
                ClientStep::Send(frame) => write_frame(io, &frame).await.map_err(NotIn::Broken)?,
                ClientStep::Registered(welcome) => return Ok((welcome, decoder)),
                ClientStep::Refused(refuse) => return Err(NotIn::Refused(refuse)),
            }
        }
    }

    /// A stream whose other end the server has.
    pub(super) fn dial(&self, server: &Server) -> DuplexStream {
        let (own, theirs) = tokio::io::duplex(64 * 1024);
        server.serve_connection(theirs, self.peer);
        own
    }

    pub(super) async fn register(&self, server: &Server) -> Result<Client, NotIn> {
        self.register_over(self.dial(server)).await
    }

    pub(super) async fn register_over(&self, mut io: DuplexStream) -> Result<Client, NotIn> {
        let (welcome, decoder) = self.shake(&mut io, Purpose::Register).await?;
        let core = Core::new(
            Clock::start(),
            Traffic::new(Config {
                peer: Accepts {
                    max_payload: welcome.max_payload,
                    window: welcome.window,
                },
                ..Config::default()
            }),
        );
        Ok(self.go_on(core, welcome, io, decoder))
    }

    /// Registers, and takes the session where the server's program gets it.
    pub(super) async fn enter(&self, server: &Server) -> (Client, Session) {
        let client = self.register(server).await.unwrap();
        (client, server.accept().await.unwrap())
    }

    pub(super) fn resumption(old: &Client) -> Purpose {
        Purpose::Resume(Resumption {
            session: old.welcome.session,
            secret: Secret::new(old.welcome.secret),
            received: old.core.announce(),
            sent: old.core.numbers().sent,
        })
    }

    /// Goes on with the session of an old connection, which is cut without a word.
    pub(super) async fn resume(&self, server: &Server, old: &Client) -> Result<Client, NotIn> {
        self.resume_over(self.dial(server), old).await
    }

    pub(super) async fn resume_over(
        &self,
        mut io: DuplexStream,
        old: &Client,
    ) -> Result<Client, NotIn> {
        old.core.part();
        let (welcome, decoder) = self.shake(&mut io, Self::resumption(old)).await?;
        if !welcome.resumed {
            let core = Core::new(Clock::start(), Traffic::new(Config::default()));
            return Ok(self.go_on(core, welcome, io, decoder));
        }
        let accepts = Accepts {
            max_payload: welcome.max_payload,
            window: welcome.window,
        };
        old.core.resume(welcome.received, accepts).unwrap();
        Ok(self.go_on(old.core.clone(), welcome, io, decoder))
    }

    fn go_on(
        &self,
        core: Arc<Core>,
        welcome: Welcome,
        io: DuplexStream,
        mut decoder: Decoder,
    ) -> Client {
        decoder.set_limit(self.settings.max_payload);
        let beat = u64::from(welcome.client_beat_ms);
        let start = Start {
            terms: link::Terms {
                own_beat: (beat > 0).then(|| Duration::from_millis(beat)),
                ..link::Terms::default()
            },
            detector: None,
            decoder,
            below: crate::session::driver::Below::default(),
        };
        let ticket = core.part();
        let task = {
            let core = core.clone();
            tokio::spawn(async move { core.run(ticket, io, start, |_| {}).await })
        };
        Client {
            core,
            welcome,
            task,
        }
    }
}

impl Client {
    pub(super) async fn send(&self, text: &'static str) {
        self.core.send(Bytes::from(text)).await.unwrap();
    }

    pub(super) async fn recv(&self) -> Bytes {
        self.core.recv().await.unwrap()
    }

    /// Its connection vanishes without a word.
    pub(super) fn vanish(&self) {
        self.task.abort();
    }
}

/// Reads the refusal from a stream.
pub(super) async fn refusal(io: &mut DuplexStream) -> Refuse {
    match read_frame(io, &mut Decoder::new()).await {
        Ok(Frame::Refuse(refuse)) => refuse,
        other => panic!("{other:?}"),
    }
}
