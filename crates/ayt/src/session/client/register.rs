//! One registration over a connection that was just made.

use std::time::Duration;

use ayt_core::session::codec::{Decoder, bounded_text};
use ayt_core::session::frame::{Bits128, Bye, Frame, Retry, Welcome};
use ayt_core::session::handshake::{self, ClientSettings, ClientStep, Credential, Purpose};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{timeout, timeout_at};

use super::connect::Dialed;
use super::loss::Loss;
use super::settings::Settings;
use crate::session::driver::{Below, Clock};
use crate::session::transport::BoxedIo;
use crate::session::wire::{read_frame, write_frame};

/// How long a last word may take on a connection that is given up.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A connection that is registered.
pub(super) struct Registered {
    pub(super) io: BoxedIo,
    pub(super) decoder: Decoder,
    pub(super) below: Below,
    pub(super) welcome: Welcome,
}

/// A connection over which registration may begin.
pub(super) struct Connected {
    pub(super) io: BoxedIo,
    pub(super) below: Below,
    /// When it is too late to register. It does not move.
    pub(super) until: Duration,
}

/// Does what comes before a registration, with the time of that: TLS, if it was set up.
pub(super) async fn begin(
    dialed: Dialed,
    settings: &Settings,
    clock: Clock,
) -> Result<Connected, Loss> {
    let until = clock.now().saturating_add(settings.hello.deadline);
    #[cfg(feature = "tls")]
    if let Some(tls) = &settings.tls {
        let (io, below) = tls.secure(dialed, clock.at(until)).await?;
        return Ok(Connected { io, below, until });
    }
    Ok(Connected {
        io: dialed.io,
        below: Below::default(),
        until,
    })
}

/// A registration that did not come about.
pub(super) struct Failed {
    pub(super) loss: Loss,
    /// PROOF went out, and nobody refused it: the server may have registered this
    /// client, and WELCOME may have been lost.
    pub(super) in_doubt: bool,
}

/// Registers, within the deadline of the settings. Where this side gives up, it
/// says why before it closes.
pub(super) async fn register(
    connected: Connected,
    settings: &ClientSettings,
    credential: Credential,
    purpose: Purpose,
    nonce: Bits128,
    clock: Clock,
) -> Result<Registered, Failed> {
    let Connected {
        mut io,
        below,
        until,
    } = connected;
    let mut proved = false;
    let (mut machine, hello) =
        handshake::Client::start(settings, credential, purpose, nonce, clock.now()).map_err(
            |error| Failed {
                loss: Loss::Registration(error),
                in_doubt: false,
            },
        )?;
    let mut decoder = Decoder::new();
    let talk = talk(
        &mut io,
        &mut decoder,
        (&mut machine, &mut proved),
        hello,
        clock,
    );
    let said = timeout_at(clock.at(until), talk).await;
    let loss = match said {
        Ok(Ok(welcome)) => {
            decoder.set_limit(settings.max_payload);
            return Ok(Registered {
                io,
                decoder,
                below,
                welcome,
            });
        }
        Ok(Err(loss)) => loss,
        Err(_) => Loss::Registration(
            machine
                .poll(clock.now())
                .err()
                .unwrap_or(handshake::ClientError::TooLate),
        ),
    };
    give_up(io, &loss).await;
    let in_doubt = proved && !matches!(loss, Loss::Refused(_));
    Err(Failed { loss, in_doubt })
}

async fn talk(
    io: &mut BoxedIo,
    decoder: &mut Decoder,
    (machine, proved): (&mut handshake::Client, &mut bool),
    hello: Frame,
    clock: Clock,
) -> Result<Welcome, Loss> {
    write_frame(io, &hello).await?;
    loop {
        let frame = read_frame(io, decoder).await?;
        match machine
            .on_frame(&frame, clock.now())
            .map_err(Loss::Registration)?
        {
            ClientStep::Send(frame) => {
                *proved = true;
                write_frame(io, &frame).await?;
            }
            ClientStep::Registered(welcome) => return Ok(welcome),
            ClientStep::Refused(refuse) => return Err(Loss::Refused(refuse)),
        }
    }
}

/// Says why this side closes, and closes.
pub(super) async fn give_up(mut io: BoxedIo, loss: &Loss) {
    let bye = match loss {
        Loss::Registration(error) => error.bye(),
        Loss::Malformed(error) => Some(bye(error.reason(), &error.to_string())),
        Loss::Unfit(error) => Some(bye(
            ayt_core::session::frame::Reason::ProtocolError,
            &error.to_string(),
        )),
        _ => None,
    };
    // Whether it arrives is not known, and does not matter.
    let _ = timeout(LAST_WORD, async {
        if let Some(bye) = bye {
            write_frame(&mut io, &Frame::Bye(bye)).await.ok()?;
        }
        io.shutdown().await.ok()
    })
    .await;
}

fn bye(reason: ayt_core::session::frame::Reason, text: &str) -> Bye {
    Bye {
        reason,
        retry: Retry::After(0),
        last: 0,
        text: bounded_text(text).to_owned(),
    }
}
