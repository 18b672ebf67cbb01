//! A device whose half of the handshake is the real one, and whose half of the session
//! is the driver that the server has too.

use std::net::SocketAddr;
use std::sync::Arc;

use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Refuse, Welcome};
use ayt_core::session::handshake::{
    Client as Handshake, ClientSettings, ClientStep, Credential, Purpose, Resumption,
};
use ayt_core::session::link::{self, End};
use ayt_core::session::proof::Secret;
use ayt_core::session::traffic::{Accepts, Config, Traffic};
use bytes::Bytes;
use shuttle::future::JoinHandle;

use super::super::Server;
use crate::explore::{Line, Scissors, spawn};
use crate::session::driver::{Clock, Core, Start};
use crate::session::wire::{read_frame, write_frame};

/// One connection that is registered.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) core: Arc<Core>,
    pub(super) welcome: Welcome,
    pub(super) task: JoinHandle<Option<End>>,
    pub(super) scissors: Scissors,
}

/// What became of an attempt.
#[derive(Debug)]
pub(super) enum Attempt {
    In(Connected),
    Refused(Refuse),
    /// The server has closed.
    Gone,
}

fn config() -> Config {
    Config {
        ack_delay: std::time::Duration::ZERO,
        ..Config::default()
    }
}

/// A device that comes for the first time.
pub(super) async fn register(server: &Server) -> Attempt {
    connect(server, Purpose::Register, None).await
}

/// It comes back, and tells what it knows of the session it had.
pub(super) async fn resume(server: &Server, before: &Connected) -> Attempt {
    before.core.part();
    before.core.hold();
    let purpose = Purpose::Resume(Resumption {
        session: before.welcome.session,
        secret: Secret::new(before.welcome.secret),
        received: before.core.announce(),
        sent: before.core.numbers().sent,
    });
    connect(server, purpose, Some(before.core.clone())).await
}

async fn connect(server: &Server, purpose: Purpose, before: Option<Arc<Core>>) -> Attempt {
    let clock = Clock::start();
    let (mut io, theirs, scissors) = Line::pair(4_096);
    let peer = SocketAddr::from(([192, 0, 2, 1], 1));
    if !server.serve_connection(theirs, peer) {
        return Attempt::Gone;
    }
    let mut decoder = Decoder::new();
    let settings = ClientSettings::new(Bytes::from_static(b"device"));
    let begun = Handshake::start(&settings, Credential::None, purpose, [7; 16], clock.now());
    let (mut handshake, hello) = begun.unwrap();
    if write_frame(&mut io, &hello).await.is_err() {
        return Attempt::Gone;
    }
    let welcome = loop {
        let Ok(frame) = read_frame(&mut io, &mut decoder).await else {
            return Attempt::Gone;
        };
        match handshake.on_frame(&frame, clock.now()).unwrap() {
            ClientStep::Send(frame) => {
                if write_frame(&mut io, &frame).await.is_err() {
                    return Attempt::Gone;
                }
            }
            ClientStep::Registered(welcome) => break welcome,
            ClientStep::Refused(refuse) => return Attempt::Refused(refuse),
        }
    };
    let accepts = Accepts {
        max_payload: welcome.max_payload,
        window: welcome.window,
    };
    let core = match before.filter(|_| welcome.resumed) {
        Some(core) => {
            core.resume(welcome.received, accepts).unwrap();
            core.release();
            core
        }
        None => Core::new(
            clock,
            Traffic::new(Config {
                peer: accepts,
                ..config()
            }),
        ),
    };
    decoder.set_limit(settings.max_payload);
    let start = Start {
        terms: link::Terms::default(),
        detector: None,
        decoder,
        below: crate::session::driver::Below::default(),
    };
    let ticket = core.part();
    let task = {
        let core = core.clone();
        spawn(async move { core.run(ticket, io, start, |_| {}).await })
    };
    Attempt::In(Connected {
        core,
        welcome,
        task,
        scissors,
    })
}

/// A message says which it is.
pub(super) fn message(n: u64) -> Bytes {
    n.to_be_bytes().to_vec().into()
}

pub(super) fn number(message: &[u8]) -> u64 {
    u64::from_be_bytes(message.try_into().unwrap())
}
