//! A spare connection: silent for as long as it is told, then it speaks.

use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Bye, Frame, Reason, Welcome};
use ayt_core::session::registry::Conn;
use ayt_core::session::spare::Server;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use super::shared::Shared;
use super::stats::one_more;
use crate::session::wire::{ReadError, read_frame, write_frame};
use crate::sync::Notify;

/// The bound on writing a frame: a spare that does not read is of no use.
const WRITE: Duration = Duration::from_secs(1);

/// A spare that is registered. The book is told when it is dropped.
pub(super) struct Spare {
    shared: Arc<Shared>,
    identity: Bytes,
    conn: Conn,
    welcome: Welcome,
    replaced: Arc<Notify>,
}

impl Spare {
    pub(super) fn enter(
        shared: &Arc<Shared>,
        identity: Bytes,
        conn: Conn,
        welcome: Welcome,
    ) -> Self {
        one_more(&shared.counters.spares);
        let replaced = Arc::new(Notify::new());
        shared.book(|book, _| {
            let older = book.registry.spare(&identity, conn);
            book.spares.insert(conn, replaced.clone());
            if let Some(older) = older.and_then(|older| book.spares.get(&older)) {
                older.notify_one();
            }
        });
        Self {
            shared: shared.clone(),
            identity,
            conn,
            welcome,
            replaced,
        }
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.shared.book(|book, _| {
            book.spares.remove(&self.conn);
            book.registry.spare_ended(&self.identity, self.conn);
        });
        self.shared.closed.notify_waiters();
    }
}

/// Until it is closed, replaced, or the server is.
pub(super) async fn serve<S>(shared: &Arc<Shared>, mut io: S, mut decoder: Decoder, spare: Spare)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let welcome = Frame::Welcome(spare.welcome);
    if !matches!(
        timeout(WRITE, write_frame(&mut io, &welcome)).await,
        Ok(Ok(()))
    ) {
        return;
    }
    let mut machine = Server::new(shared.clock.now(), shared.limits.registration);
    while machine.closing().is_none() {
        let until = machine
            .next_deadline()
            .map_or(Duration::ZERO, |at| at.saturating_sub(shared.clock.now()));
        tokio::select! {
            frame = read_frame(&mut io, &mut decoder) => match frame {
                Ok(frame) => machine.handle_frame(shared.clock.now(), &frame),
                Err(ReadError::Frame(error)) => machine.handle_malformed(error.name()),
                Err(ReadError::Eof | ReadError::Io(_)) => return,
            },
            () = sleep(until) => machine.handle_timeout(shared.clock.now()),
            () = spare.replaced.notified() => return,
            () = shared.closes() => {
                let bye = Frame::Bye(Bye {
                    reason: Reason::ShuttingDown,
                    retry: shared.closing().unwrap_or(ayt_core::session::frame::Retry::After(0)),
                    last: 0,
                    text: String::new(),
                });
                let _ = timeout(WRITE, write_frame(&mut io, &bye)).await;
                break;
            }
        }
        while let Some(frame) = machine.poll_transmit() {
            if !matches!(
                timeout(WRITE, write_frame(&mut io, &frame)).await,
                Ok(Ok(()))
            ) {
                return;
            }
        }
        decoder.release();
    }
    let _ = timeout(WRITE, io.shutdown()).await;
}
