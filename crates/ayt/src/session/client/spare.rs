//! A spare connection, on which a silence is tried that may kill it:
//! docs/protocol.md, "A spare connection".

use std::time::Duration;

use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::Frame;
use ayt_core::session::handshake::Purpose;
use ayt_core::session::spare::{self, Outcome, SILENCE_MS, Step};

use super::loss::Loss;
use super::register::register;
use super::settings::Settings;
use super::task::connect;
use crate::session::driver::Clock;
use crate::session::transport::BoxedIo;
use crate::session::wire::{read_frame, write_frame};

/// What a silence on a spare connection has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Silence {
    /// The server spoke after it: a silence of this length is survived, and the
    /// spare can be used for the next.
    Spoken,
    /// The server was not heard within the challenge time. Ask on the real
    /// connection ([`Client::answers`](super::Client::answers)): only when that one
    /// answers was it the silence that killed the spare. The spare is used up.
    NotSpoken,
    /// The spare was closed, or the server did what has no place on it: nothing is
    /// shown. The spare is used up.
    Lost,
}

/// A silence that cannot be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSilence {
    /// Its length is out of range.
    #[error("a silence of {0:?}: it must be 10 ms to 2 h")]
    Length(Duration),
    /// The spare connection has ended, or an earlier trial was dropped.
    #[error("this spare connection is used up: open another")]
    UsedUp,
}

/// A registered spare connection, on which nothing but silence is tried; see
/// [`Client::spare`](super::Client::spare). Dropped, it is closed.
pub struct Spare {
    io: BoxedIo,
    decoder: Decoder,
    machine: spare::Client,
    clock: Clock,
}

impl std::fmt::Debug for Spare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spare")
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}

impl Spare {
    pub(super) async fn open(settings: &Settings, clock: Clock) -> Result<Self, Loss> {
        let connected = connect(settings, clock).await?;
        let nonce = settings.random.nonce();
        let registered = register(
            connected,
            &settings.hello,
            settings.credential.clone(),
            Purpose::Spare,
            nonce.map_err(|error| Loss::Random(std::sync::Arc::new(error)))?,
            clock,
        )
        .await
        .map_err(|failed| failed.loss)?;
        let challenge = Duration::from_millis(registered.welcome.challenge_ms.into());
        Ok(Self {
            io: registered.io,
            decoder: registered.decoder,
            machine: spare::Client::new(challenge),
            clock,
        })
    }

    /// Tries one silence of 10 ms to 2 h (whole milliseconds): the server is asked
    /// to be silent for so long and then to speak, and this side is silent
    /// meanwhile. Takes that long, and at most the server's challenge time more (5 s
    /// by default). Between two silences the server waits for its registration
    /// deadline (10 s by default), then it closes the spare.
    ///
    /// Not cancel safe: where the future is dropped, the spare is used up.
    ///
    /// # Errors
    /// The length is out of range, or the spare is used up.
    pub async fn silence(&mut self, length: Duration) -> Result<Silence, BadSilence> {
        let ms = u32::try_from(length.as_millis())
            .ok()
            .filter(|ms| SILENCE_MS.contains(ms))
            .ok_or(BadSilence::Length(length))?;
        if !self.machine.start(self.clock.now(), ms) {
            return Err(BadSilence::UsedUp);
        }
        loop {
            match self.machine.poll() {
                Some(Step::Silence(ms)) => {
                    let frame = Frame::Silence(ms);
                    match write_frame(&mut self.io, &frame).await {
                        Ok(()) => {}
                        Err(_) => {
                            self.machine.handle_closed();
                            continue;
                        }
                    }
                }
                Some(Step::AskReal) => return Ok(Silence::NotSpoken),
                Some(Step::Done(Outcome::Survived(_))) => return Ok(Silence::Spoken),
                Some(Step::Done(_)) => return Ok(Silence::Lost),
                None => {}
            }
            self.listen().await;
        }
    }

    /// Waits for whatever comes next.
    async fn listen(&mut self) {
        let until = self.machine.next_deadline().unwrap_or_default();
        tokio::select! {
            biased;
            frame = read_frame(&mut self.io, &mut self.decoder) => match frame {
                // What the server did wrong has closed the machine.
                Ok(frame) => drop(self.machine.handle_frame(self.clock.now(), &frame)),
                Err(_) => self.machine.handle_closed(),
            },
            () = tokio::time::sleep_until(self.clock.at(until)) => {
                self.machine.handle_timeout(self.clock.now());
            }
        }
    }
}
