//! The task of one connection, from accept to the close of its socket.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::compact::Nanos;
use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Frame, Reason, Refuse, Retry, Welcome};
use ayt_core::session::link::{End, Event, Trigger};
use ayt_core::session::registry::Conn;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout, timeout_at};

use super::door::Place;
use super::held::Kept;
use super::log;
use super::register::{Outcome, Registration};
#[cfg(feature = "tls")]
use super::secure;
use super::shared::Shared;
use super::spare;
use super::stats::one_more;
use crate::session::driver::{Below, Core, Notice, Owner, Pump, Ticket, cause_of};
use crate::session::transport::tcp_below;
use crate::session::wire::{ReadError, write_frame};
use crate::sync::atomic::Ordering;

/// How long a refused client's bytes are read, so that closing does not turn into a
/// reset that overtakes the refusal.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// A session that was admitted, and how its connection begins.
pub(super) struct Admitted {
    /// Tells the book when it is dropped.
    pub(super) carried: Carried,
    pub(super) ticket: Ticket,
    pub(super) welcome: Welcome,
    pub(super) max_payload: u32,
}

/// A connection that carries a session. However its task ends, the book is told.
pub(super) struct Carried {
    shared: Arc<Shared>,
    kept: Arc<Kept>,
    conn: Conn,
    epoch: u64,
    /// When its task is woken next.
    alarm: Option<Nanos>,
}

impl Carried {
    /// The session of `kept` has this connection.
    pub(super) fn new(shared: Arc<Shared>, kept: Arc<Kept>, (conn, epoch): (Conn, u64)) -> Self {
        shared.carried.fetch_add(1, Ordering::Relaxed);
        Self {
            shared,
            kept,
            conn,
            epoch,
            alarm: None,
        }
    }
}

impl Owner for Carried {
    fn core(&self) -> &Core {
        &self.kept.core
    }

    fn notice(&mut self, notice: Notice) {
        let shared = &self.shared;
        let of = (&*self.kept, self.conn, self.epoch);
        shared.book(|book, now| book.notice(now, of, notice, &shared.counters));
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>, at: Option<Duration>) -> Poll<()> {
        let now = self.shared.clock.now();
        let alarms = &self.shared.alarms;
        alarms.poll(cx, now, (&mut self.alarm, self.conn), at)
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.shared.alarms.forget(&mut self.alarm, self.conn);
        let of = (&*self.kept, self.conn, self.epoch);
        self.shared
            .book(|book, now| book.closed(now, of, &self.shared.counters));
        self.shared.carried.fetch_sub(1, Ordering::Relaxed);
        self.shared.closed.notify_waiters();
    }
}

/// A connection as the listener has accepted it.
pub(super) fn accepted(shared: &Arc<Shared>, io: TcpStream, peer: SocketAddr) {
    if let Err(error) = shared.sockets.prepare(&io) {
        one_more(&shared.counters.accept_errors);
        log::unable(peer, "a socket's options could not be set", &error);
        crate::close::abortive(io);
        return;
    }
    #[cfg(feature = "tls")]
    if shared.tls.is_some() {
        secure::admit(shared, io, peer, Whose::Server);
        return;
    }
    admit(shared, io, peer, Whose::Server, None);
}

/// Whose socket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Accepted here.
    Server,
    /// Given by the program, which has set its options.
    Program,
}

/// Takes a connection on, or turns it away at once.
pub(super) fn admit<S>(
    shared: &Arc<Shared>,
    mut io: S,
    peer: SocketAddr,
    whose: Whose,
    certificate: Option<Vec<u8>>,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match enter(shared, peer) {
        Ok(place) => {
            let mut newcomer = Newcomer::new(shared, (peer, whose), place);
            newcomer.certificate = certificate;
            shared.spawn(serve(shared.clone(), io, newcomer));
            true
        }
        Err(refuse) => {
            turn_away(&mut io, &refuse);
            false
        }
    }
}

/// A place among those that have not registered; counts, and says why there is none.
pub(super) fn enter(shared: &Arc<Shared>, peer: SocketAddr) -> Result<Place, Refuse> {
    one_more(&shared.counters.accepted);
    let refuse = if let Some(retry) = shared.closing() {
        refusal(Reason::ShuttingDown, retry, "the server is shutting down")
    } else if let Some(place) = shared.door.enter(peer) {
        return Ok(place);
    } else {
        let retry = shared.spread(Duration::from_secs(1));
        let text = "too many connections have not registered";
        refusal(Reason::Overloaded, retry, text)
    };
    shared.counters.refused(refuse.reason);
    log::refused(peer, &refuse);
    Err(refuse)
}

/// A connection that has not registered.
pub(super) struct Newcomer {
    pub(super) peer: SocketAddr,
    pub(super) whose: Whose,
    pub(super) place: Place,
    /// The client's, verified by TLS.
    pub(super) certificate: Option<Vec<u8>>,
    /// When it is too late to register. It does not move.
    pub(super) deadline: Instant,
    pub(super) below: Below,
}

impl Newcomer {
    pub(super) fn new(shared: &Shared, (peer, whose): (SocketAddr, Whose), place: Place) -> Self {
        Self {
            peer,
            whose,
            place,
            certificate: None,
            deadline: Instant::now() + shared.limits.registration,
            below: Below::default(),
        }
    }
}

pub(super) fn refusal(reason: Reason, retry: Retry, text: &str) -> Refuse {
    Refuse {
        reason,
        retry,
        text: text.to_owned(),
    }
}

/// Says no without waiting: what the socket takes at once, it gets. A connection that
/// is one too many must not cost a task.
fn turn_away(io: &mut (impl AsyncRead + AsyncWrite + Unpin), refuse: &Refuse) {
    let mut bytes = Vec::new();
    if Frame::Refuse(refuse.clone()).encode(&mut bytes).is_err() {
        return;
    }
    let at_once = poll_fn(|cx| {
        let _ = Pin::new(&mut *io).poll_write(cx, &bytes);
        let _ = Pin::new(&mut *io).poll_flush(cx);
        let _ = Pin::new(&mut *io).poll_shutdown(cx);
        // HELLO may be there already: unread, it would turn the close into a reset.
        let mut scratch = [0; 2_048];
        let _ = Pin::new(&mut *io).poll_read(cx, &mut ReadBuf::new(&mut scratch));
        Poll::Ready(())
    });
    // Unconstrained: a task that has accepted many in a row may have no turn left, and
    // then nothing would be written.
    let at_once = pin!(unconstrained(at_once));
    let _ = at_once.poll(&mut Context::from_waker(Waker::noop()));
}

pub(super) async fn serve<S>(shared: Arc<Shared>, mut io: S, newcomer: Newcomer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Newcomer {
        peer,
        whose,
        place,
        certificate,
        deadline,
        below,
    } = newcomer;
    let mut decoder = Decoder::new();
    // Boxed: what a registration needs is given back before the session begins.
    let outcome = Box::pin(async {
        let certificate = certificate.as_deref();
        let registration = Registration::new(&shared, peer, certificate, deadline);
        registration.run(&mut io, &mut decoder).await
    })
    .await;
    drop(certificate);
    match outcome {
        Outcome::Session(admitted) => {
            drop(place);
            if whose == Whose::Server
                && let Some(tcp) = tcp_below(&io)
            {
                shared.sockets.watch(tcp, &admitted.welcome);
            }
            Box::pin(begin(&shared, io, (decoder, below), admitted)).await;
        }
        Outcome::Spare(spare) => {
            drop(place);
            Box::pin(spare::serve(&shared, io, decoder, *spare)).await;
        }
        Outcome::Refused(refuse) => {
            shared.counters.refused(refuse.reason);
            log::refused(peer, &refuse);
            // The place is held until it is gone.
            let _ = timeout(LINGER, Box::pin(say_no(&mut io, &refuse))).await;
        }
        Outcome::Gone => {
            one_more(&shared.counters.gone);
            log::gone(peer);
        }
    }
}

async fn say_no(io: &mut (impl AsyncRead + AsyncWrite + Unpin), refuse: &Refuse) {
    if write_frame(io, &Frame::Refuse(refuse.clone()))
        .await
        .is_err()
    {
        return;
    }
    let _ = io.shutdown().await;
    let mut scratch = [0; 1_024];
    while let Ok(1..) = io.read(&mut scratch).await {}
}

/// The task of a connection, with nothing beside: there are as many as sessions.
struct Carrying<P>(P);

impl<P: Future<Output = Option<End>> + Unpin> Future for Carrying<P> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

/// The connection of a session begins. A task of its own, which is much smaller than
/// that of a registration, carries it until it is closed.
async fn begin<S>(
    shared: &Arc<Shared>,
    mut io: S,
    (mut decoder, below): (Decoder, Below),
    admitted: Box<Admitted>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Admitted {
        mut carried,
        ticket,
        welcome,
        max_payload,
    } = *admitted;
    let by = Instant::now() + LINGER;
    let written = timeout_at(by, write_frame(&mut io, &Frame::Welcome(welcome))).await;
    decoder.set_limit(max_payload);
    let never_began = match written {
        Ok(Ok(())) => None,
        Ok(Err(ReadError::Io(error))) => Some(cause_of(&error, tcp_below(&io))),
        // It takes no bytes, and is closed here.
        Ok(Err(ReadError::Eof | ReadError::Frame(_))) | Err(_) => Some(Cause::LocalClose),
    };
    if let Some(cause) = never_began {
        // It is the session's connection all the same, and its end is told as any other.
        let end = End::of(Trigger::Transport(cause));
        carried.notice(Notice::Link(Event::Ending(end)));
    }
    // The socket is closed in there, after the link has said so; then the book is told.
    let pump = Pump::new(carried, ticket, io, (decoder, below));
    if never_began.is_none() {
        shared.carry(Carrying(pump));
    }
}
