//! The loop of a trace: ask what is due, look at what comes.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ayt_core::facts::Socket;
use ayt_core::probe::{Exchange, unheard_since};
use ayt_core::trace::{Ask, End, Flow, Next, Picture, Said, Settings, Trace, What};
use ayt_sys::wire::capture::{Captured, IcmpError, IcmpKind};
use ayt_sys::wire::packet::FourTuple;
use ayt_sys::wire::segment::Ask as Packet;
use ayt_sys::{RawSockets, SysError};

use super::numbers::{self, Base, Row};
use super::{Report, TraceError};
use crate::clock::Clock;
use crate::places::Place;
use crate::probe::{UNHEARD_LOOKS, UNHEARD_PAUSE, four_tuple};

/// Between two looks at the flag that stops it, and two pictures.
const TICK: Duration = Duration::from_millis(50);

/// One connection being traced.
struct Run<'s> {
    socket: &'s Socket,
    connection: FourTuple,
    place: Place,
    sockets: RawSockets,
    exchange: Exchange,
    base: Base,
    trace: Trace,
    clock: Clock,
    unsent: Option<SysError>,
    gone: bool,
}

pub(super) fn run(
    socket: &Socket,
    mut place: Place,
    how: &Settings,
    stop: &AtomicBool,
    on_progress: &mut dyn FnMut(&Picture),
) -> Result<Report, TraceError> {
    let connection = four_tuple(socket);
    let mut sockets = RawSockets::open(&place.ns)
        .and_then(|sockets| sockets.watch(&[connection]).map(|()| sockets))
        .map_err(|error| TraceError::of(&error, "open a raw socket"))?;
    let chance = RandomState::new();
    let number = |salt: u64| u128::from(chance.hash_one((socket.cookie, salt)));
    let mut exchange = Exchange::new(number(1) << 64 | number(2));
    let base = numbers::learn(
        &mut place,
        &mut sockets,
        &mut exchange,
        socket,
        &connection,
        stop,
    )?;
    let clock = Clock::start();
    let how = Settings {
        full_size: how
            .full_size
            .map(|_| u16::try_from(base.pmtu).unwrap_or(u16::MAX)),
        ..*how
    };
    let flow = Flow {
        local: connection.local,
        remote: connection.remote,
    };
    let mut trace = Trace::new(clock.now(), flow, how, number(3) as u16);
    if base.gone {
        trace.on_gone();
    }
    let gone = base.gone;
    let run = Run {
        socket,
        connection,
        place,
        sockets,
        exchange,
        base,
        trace,
        clock,
        unsent: None,
        gone,
    };
    run.go(stop, on_progress)
}

impl Run<'_> {
    fn go(
        mut self,
        stop: &AtomicBool,
        on_progress: &mut dyn FnMut(&Picture),
    ) -> Result<Report, TraceError> {
        let (mut fresh, mut first_ask, mut first_picture) = (false, None, None);
        let mut shown = Duration::ZERO;
        let interrupted = loop {
            if stop.load(Ordering::Relaxed) {
                break true;
            }
            let now = self.clock.now();
            match self.trace.next(now) {
                Next::Ask(ask) => {
                    if !fresh {
                        fresh = true;
                        self.renew()?;
                        // What it has seen may have changed what is to be done.
                        continue;
                    }
                    first_ask.get_or_insert(now);
                    self.ask(ask);
                }
                Next::Wait(until) => {
                    fresh = false;
                    self.sockets.wait(until.saturating_sub(now).min(TICK));
                    let changed = self.take();
                    let now = self.clock.now();
                    if changed || now >= shown + TICK {
                        shown = now;
                        let picture = self.trace.picture(now, false);
                        if first_picture.is_none() && picture.end != End::Open {
                            first_picture = first_ask.map(|asked| now.saturating_sub(asked));
                        }
                        on_progress(&picture);
                    }
                }
                Next::Done => break false,
            }
        };
        if let Some(error) = self.unsent.as_ref().filter(|_| first_ask.is_some()) {
            let nothing = self.trace.picture(self.clock.now(), true);
            if error.is_no_way() && nothing.hops.is_empty() {
                return Err(TraceError::NoWay(error.to_string()));
            }
        }
        let mut picture = self.trace.picture(self.clock.now(), !interrupted);
        picture.last = true;
        let unheard = !interrupted
            && picture.end.is_answered()
            && first_ask.is_some_and(|asked| self.is_unheard(asked));
        Ok(Report {
            picture,
            interrupted,
            gone: self.gone,
            first_picture,
            missed: self.sockets.has_lost(),
            unheard,
            unsent: self.unsent.map(|error| {
                if error.is_refused() {
                    "a firewall rule of this host drops them".to_owned()
                } else {
                    error.to_string()
                }
            }),
        })
    }

    /// Brings the numbers up to date: first what was seen, then the socket.
    fn renew(&mut self) -> Result<(), TraceError> {
        self.take();
        if self.gone {
            return Ok(());
        }
        match numbers::look(&mut self.place, self.socket)? {
            Row::There { in_flight, .. } => self.base.renew(&mut self.exchange, in_flight),
            Row::Gone => {
                self.gone = true;
                self.trace.on_gone();
            }
        }
        Ok(())
    }

    /// Whether TCP itself has got nothing from the peer since the first ask, also
    /// after a while. What cannot be told is not said.
    fn is_unheard(&mut self, asked: Duration) -> bool {
        (0..UNHEARD_LOOKS).all(|nth| {
            if nth > 0 {
                std::thread::sleep(UNHEARD_PAUSE);
            }
            let look = || numbers::look(&mut self.place, self.socket);
            let (read, row) = self.clock.around(look);
            matches!(row, Ok(Row::There { heard_ms: Some(heard_ms), .. })
                if unheard_since(asked, read, heard_ms))
        })
    }

    fn ask(&mut self, ask: Ask) {
        let segment = self.base.segment(&ask, self.connection.remote.is_ipv6());
        let packet = Packet {
            connection: self.connection,
            interface: self.socket.interface,
            segment,
            ttl: Some(ask.ttl),
            id: ask.id,
        };
        // Told first: it may be seen and answered before the call returns.
        self.trace.on_asked(self.clock.now(), ask, segment.seq);
        if let Err(error) = self.sockets.ask(&packet) {
            self.unsent = Some(error);
            self.trace.on_unsent();
        }
    }

    /// Takes what has passed; returns whether any of it matters.
    fn take(&mut self) -> bool {
        let now = self.clock.now();
        let (trace, exchange, base) = (&mut self.trace, &mut self.exchange, &mut self.base);
        let FourTuple { local, remote } = self.connection;
        let mut changed = false;
        self.sockets.drain(|sight| match sight.packet {
            Captured::Segment {
                from,
                to,
                segment,
                hops_left,
            } => {
                if (from, to) == (local, remote) {
                    if !trace.on_seen(sight.at, segment.seq) {
                        exchange.on_sent(sight.at, &segment);
                        base.peer.on_sent(&segment);
                    }
                } else if (from, to) == (remote, local) && !exchange.is_knock(&segment) {
                    let heard = base.peer.on_received(&segment);
                    trace.on_heard(now, sight.at, heard, hops_left);
                    changed = true;
                }
            }
            Captured::Error(error) => changed |= trace.on_said(sight.at, &said(&error)),
        });
        changed
    }
}

fn said(error: &IcmpError) -> Said {
    Said {
        from: error.from,
        what: match error.kind {
            IcmpKind::TimeExceeded => What::TimeExceeded,
            IcmpKind::Unreachable { code } => What::Unreachable(code),
            IcmpKind::TooBig { mtu } => What::TooBig(mtu),
        },
        flow: Flow {
            local: error.connection.local,
            remote: error.connection.remote,
        },
        seq: error.seq,
        id: error.id,
        hops_left: error.hops_left,
        labels: error.labels.as_slice().to_vec(),
    }
}
