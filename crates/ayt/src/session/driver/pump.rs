//! The task of one connection: moves bytes, keeps its timers, and hands everything
//! else to the link.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ayt_core::cause::Cause;
use ayt_core::session::codec::Decoder;
use ayt_core::session::link::{End, Event};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::outgoing::{Outgoing, SLICES};
use super::rest::Rest;
use super::{Below, Link, Nanos, Notice, Owner, Place, Ticket};
use crate::session::transport::tcp_below;

/// Reads in a row before others get their turn.
const READS: usize = 8;

crate::sync::thread_local! {
    /// What a read goes into where no frame is half read: an idle connection keeps
    /// no buffer, and a busy one finds this in the cache.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; 64 * 1024].into());
}

/// See [`Core::run`].
pub(crate) struct Pump<S, O: Owner> {
    ticket: Ticket,
    io: S,
    rest: Rest,
    below: Below,
    /// What waits to be written; none while an idle connection has nothing to say.
    out: Option<Box<Outgoing>>,
    /// FIN follows what is in `out`.
    half_close: bool,
    shut: bool,
    eof: bool,
    /// Nothing was done yet.
    begins: bool,
    heard: bool,
    flush: bool,
    /// Dropped last: the socket is closed before its owner is told.
    owner: O,
}

enum Turn {
    /// The link is closed.
    Closed(End),
    /// The session has another connection by now.
    Moved,
    /// Go on.
    On,
}

impl<S, O> Pump<S, O>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    O: Owner,
{
    /// Carries the session of `owner`, to which it has been
    /// [attached](super::Core::attach).
    pub(crate) fn new(owner: O, ticket: Ticket, io: S, (decoder, below): (Decoder, Below)) -> Self {
        Self {
            ticket,
            io,
            rest: Rest::of(decoder),
            below,
            out: None,
            half_close: false,
            shut: false,
            eof: false,
            begins: true,
            heard: false,
            flush: false,
            owner,
        }
    }

    /// Does something with the link, tells what came of it, and gathers what is to
    /// be written.
    fn turn(
        &mut self,
        cx: &mut Context<'_>,
        act: impl FnOnce(&mut Link, std::time::Duration),
    ) -> Turn {
        let mut notices = Vec::new();
        let (turn, readable, room) = {
            let core = self.owner.core();
            let mut state = core.lock();
            if state.generation != self.ticket.0 {
                return Turn::Moved;
            }
            let now = core.clock.now();
            let Place::Live(link) = &mut state.place else {
                return Turn::Moved;
            };
            let acknowledged = link.traffic().numbers().acknowledged;
            act(link, now);
            if link.next_deadline().is_some_and(|at| at <= now) {
                link.handle_timeout(now);
            }
            let max_payload = link.traffic().config().peer.max_payload;
            while self.out.as_ref().is_none_or(|out| !out.is_enough())
                && let Some(frame) = link.poll_transmit(now)
            {
                let out = self.out.get_or_insert_default();
                if out.push(frame, max_payload).is_err() {
                    // The session took a longer message than this peer takes:
                    // `Traffic::resume` refuses that.
                    link.handle_error(now, Cause::ProtocolError);
                }
            }
            let mut turn = Turn::On;
            while let Some(event) = link.poll_event() {
                match &event {
                    Event::HalfClose => self.half_close = true,
                    Event::Closed(end) => turn = Turn::Closed(end.clone()),
                    _ => {}
                }
                notices.push(event);
            }
            let readable = link.traffic().readable();
            let room = link.traffic().numbers().acknowledged != acknowledged;
            state.armed = match &state.place {
                Place::Live(link) => link.next_deadline().map(Nanos::new),
                _ => None,
            };
            if matches!(turn, Turn::On) {
                match &mut state.task {
                    Some(task) => task.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
            } else {
                let parked = match std::mem::replace(&mut state.place, Place::Moving) {
                    Place::Live(link) => Place::Parked(link.into_traffic()),
                    other => other,
                };
                state.place = parked;
                state.generation += 1;
                state.task = None;
            }
            (turn, readable, room)
        };
        if readable {
            self.owner.core().readable.notify_one();
        }
        if room {
            self.owner.core().tell_room();
        }
        for event in notices {
            self.owner.notice(Notice::Link(event));
        }
        turn
    }

    /// Writes what there is; `Ready` when nothing is left to do for now.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(out) = &mut self.out {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let used = out.slices(&mut slices);
            let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..used]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            out.written(written);
            self.flush = true;
            if out.is_empty() {
                // An idle connection keeps no buffer.
                self.out = None;
            }
        }
        if self.flush {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.flush = false;
        }
        if self.half_close && !self.shut {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            self.shut = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once, and gives the link what came.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Turn>> {
        SCRATCH.with(|scratch| {
            let mut scratch = scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            Poll::Ready(Ok(self.came(cx, buffer.filled())))
        })
    }

    /// These bytes came.
    fn came(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Turn {
        if bytes.is_empty() {
            self.eof = true;
            return self.turn(cx, Link::handle_eof);
        }
        self.decode(cx, bytes)
    }

    /// Nothing can be read yet; bytes that wait to be decrypted are life all the same.
    fn half_a_record(&mut self, cx: &mut Context<'_>) -> Turn {
        match self.below.news() {
            0 => Turn::On,
            bytes => self.turn(cx, |link, now| link.handle_bytes(now, bytes)),
        }
    }

    /// Gives the link the frames in what was read before and in `bytes`.
    fn decode(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Turn {
        let mut decoder = self.rest.take();
        let mut frames = 0usize;
        let turn = self.turn(cx, |link, now| {
            link.handle_bytes(now, bytes.len());
            let mut rest = bytes;
            loop {
                let taken = decoder.feed(rest);
                rest = &rest[taken..];
                match decoder.next_frame() {
                    Ok(Some(frame)) => {
                        frames += 1;
                        link.handle_frame(now, frame);
                    }
                    Ok(None) if rest.is_empty() => break,
                    Ok(None) => {}
                    Err(error) => {
                        link.handle_malformed(now, error.name());
                        break;
                    }
                }
            }
        });
        self.rest.put(decoder);
        if frames > 0 && !self.heard {
            self.heard = true;
            self.owner.notice(Notice::FirstFrame);
        }
        turn
    }

    /// Sets the timer to the link's next deadline.
    fn arm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let armed = self.owner.core().lock().armed;
        self.owner.poll_alarm(cx, armed.map(Nanos::get))
    }

    /// Reads, gathers, writes and arms until nothing is left to do for now. Reads
    /// come first: what has arrived is heard before a silence is judged.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        if std::mem::take(&mut self.begins) && self.rest.is_some() {
            // Came along with the last frame of the handshake.
            let turn = self.decode(cx, &[]);
            if !matches!(turn, Turn::On) {
                return Poll::Ready(turn);
            }
        }
        for _ in 0..READS {
            let mut came = false;
            if !self.eof {
                let turn = match self.read(cx) {
                    Poll::Pending => self.half_a_record(cx),
                    Poll::Ready(Ok(turn)) => {
                        came = true;
                        turn
                    }
                    Poll::Ready(Err(error)) => self.failed(cx, &error),
                };
                if !matches!(turn, Turn::On) {
                    return Poll::Ready(turn);
                }
            }
            let turn = self.turn(cx, |_, _| {});
            if !matches!(turn, Turn::On) {
                return Poll::Ready(turn);
            }
            let written = match self.write(cx) {
                Poll::Pending => false,
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(error)) => {
                    let turn = self.failed(cx, &error);
                    if !matches!(turn, Turn::On) {
                        return Poll::Ready(turn);
                    }
                    false
                }
            };
            let due = self.arm(cx).is_ready();
            if !(came || due || (written && self.wants())) {
                return Poll::Pending;
            }
        }
        // Others first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// There is more to gather, for which there was no room before.
    fn wants(&self) -> bool {
        let core = self.owner.core();
        let state = core.lock();
        let now = core.clock.now();
        state.generation == self.ticket.0
            && matches!(&state.place, Place::Live(link) if link.wants_to_transmit(now))
    }

    fn failed(&mut self, cx: &mut Context<'_>, error: &io::Error) -> Turn {
        let cause = super::cause_of(error, tcp_below(&self.io));
        self.eof = true;
        self.turn(cx, |link, now| link.handle_error(now, cause))
    }
}

// Only `io` is ever pinned, and that by a reference.
impl<S: Unpin, O: Owner> Unpin for Pump<S, O> {}

impl<S, O> Future for Pump<S, O>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    O: Owner,
{
    type Output = Option<End>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<End>> {
        match ready!(self.step(cx)) {
            Turn::Closed(end) => Poll::Ready(Some(end)),
            Turn::Moved | Turn::On => Poll::Ready(None),
        }
    }
}

impl<S, O: Owner> Drop for Pump<S, O> {
    /// Dropped before its time, it leaves the session parked.
    fn drop(&mut self) {
        self.owner.core().part_from(Ticket(self.ticket.0));
    }
}
