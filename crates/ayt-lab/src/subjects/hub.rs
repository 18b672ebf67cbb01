//! The one loop of a subject: what its connections, its timers and its orders say.

use std::io::{BufRead, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::detectors::{Accrual, Detector as Judge, Fixed, Judgement};
use ayt_core::keepalive::Policy;

use super::line::Line;
use super::{Event, Part, Spec, What};
use crate::detectors::{Detector, Setting};

/// A beat, a challenge, and its answer, among other bytes.
const BEAT: u8 = b'.';
const ASK: u8 = b'?';
const HERE: u8 = b'!';

/// The lab's time in a process of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    origin: Duration,
}

impl Clock {
    pub(super) fn now(self) -> Duration {
        ayt_sys::lab::monotonic().saturating_sub(self.origin)
    }
}

/// Something for the loop.
pub(super) enum Input {
    Connection(TcpStream),
    Read {
        number: usize,
        at: Duration,
        bytes: Vec<u8>,
    },
    Ended {
        number: usize,
        at: Duration,
        errno: Option<i32>,
        cause: Cause,
    },
    Tell {
        number: usize,
        at: Duration,
        what: What,
    },
    Order(String),
    /// Nobody gives orders any more.
    Alone,
}

/// A detector of the program's own.
enum Watcher {
    Fixed(Fixed),
    Accrual(Box<Accrual>),
}

impl Watcher {
    fn judge(&mut self) -> &mut dyn Judge {
        match self {
            Self::Fixed(fixed) => fixed,
            Self::Accrual(accrual) => &mut **accrual,
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        match self {
            Self::Fixed(fixed) => fixed.next_deadline(),
            Self::Accrual(accrual) => accrual.next_deadline(),
        }
    }

    /// The silence at which the peer is suspected, as known now.
    const fn overdue(&self) -> Duration {
        match self {
            Self::Fixed(fixed) => fixed.terms().overdue(),
            Self::Accrual(accrual) => accrual.overdue(),
        }
    }
}

struct Connection {
    line: Option<Line>,
    watcher: Option<Watcher>,
    next_beat: Option<Duration>,
}

struct Hub {
    spec: Spec,
    setting: Option<Setting>,
    clock: Clock,
    inputs: Sender<Input>,
    connections: Vec<Connection>,
    beat: Option<Duration>,
}

/// Runs a subject; its exit status.
pub(super) fn run(spec: Spec) -> i32 {
    let clock = Clock {
        origin: Duration::from_nanos(spec.origin_ns),
    };
    let (inputs, waiting) = channel();
    let setting = match &spec.watch {
        None => None,
        Some((name, settings)) => match Detector::named(name).map(|one| one.parse(settings)) {
            Some(Ok(setting)) => Some(setting),
            _ => return 2,
        },
    };
    // Before any thread is started: those that read are to be as prompt.
    ayt_sys::lab::be_prompt();
    if let Some(terms) = setting.and_then(super::session::Terms::of) {
        return super::session::run(&spec, terms, clock);
    }
    let mut hub = Hub {
        beat: spec.beat_ms.map(Duration::from_millis),
        spec,
        setting,
        clock,
        inputs,
        connections: Vec::new(),
    };
    if let Err(error) = hub.begin() {
        hub.tell(0, clock.now(), What::Failed(error.to_string()));
        return 1;
    }
    loop {
        let wait = hub.deadline().map(|at| at.saturating_sub(clock.now()));
        let input = match wait {
            None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => waiting.recv_timeout(wait),
        };
        match input {
            Ok(Input::Alone) | Err(RecvTimeoutError::Disconnected) => return 0,
            Ok(input) => hub.take(input),
            Err(RecvTimeoutError::Timeout) => {}
        }
        hub.timers();
    }
}

impl Hub {
    fn begin(&mut self) -> std::io::Result<()> {
        let orders = self.inputs.clone();
        thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if orders.send(Input::Order(line)).is_err() {
                    return;
                }
            }
            let _ = orders.send(Input::Alone);
        });
        match self.spec.part {
            Part::Client { connect } => {
                let stream = TcpStream::connect_timeout(&connect, Duration::from_secs(10))?;
                self.connected(stream);
            }
            Part::Server { listen, accepts } => {
                let listener = TcpListener::bind(listen)?;
                let here = listener.local_addr()?;
                self.tell(0, self.clock.now(), What::Listening(here));
                let inputs = self.inputs.clone();
                thread::spawn(move || {
                    // Holds the listener either way.
                    if !accepts {
                        loop {
                            thread::park();
                        }
                    }
                    while let Ok((stream, _)) = listener.accept() {
                        if inputs.send(Input::Connection(stream)).is_err() {
                            return;
                        }
                    }
                });
            }
        }
        Ok(())
    }

    fn connected(&mut self, stream: TcpStream) {
        let number = self.connections.len();
        let now = self.clock.now();
        let what = match (stream.local_addr(), stream.peer_addr()) {
            (Ok(here), Ok(there)) => What::Connected(here, there),
            (Err(error), _) | (_, Err(error)) => What::Failed(error.to_string()),
        };
        let _ = stream.set_nodelay(true);
        if let Err(error) = self.arm(&stream) {
            self.tell(number, now, What::Failed(error));
        }
        let watcher = match self.setting {
            Some(Setting::Heartbeat(terms)) => Some(Watcher::Fixed(Fixed::new(terms, now))),
            Some(Setting::Accrual(_, terms)) => {
                Some(Watcher::Accrual(Box::new(Accrual::new(terms, now))))
            }
            _ => None,
        };
        let line = Line::start(stream, number, self.spec.reads, self.clock, &self.inputs);
        self.connections.push(Connection {
            line: Some(line),
            watcher,
            next_beat: self.beat.map(|beat| now + beat),
        });
        self.tell(number, now, what);
    }

    /// Kernel settings, where the detector has some.
    fn arm(&self, stream: &TcpStream) -> Result<(), String> {
        let Some(kernel) = self.setting.as_ref().and_then(Setting::kernel) else {
            return Ok(());
        };
        if kernel.enabled {
            let policy = Policy::new(kernel.idle, kernel.interval, kernel.count)
                .and_then(|policy| match kernel.user_timeout {
                    Some(time) => policy.with_user_timeout(time),
                    None => Ok(policy),
                })
                .map_err(|error| error.to_string())?;
            let applied =
                ayt_sys::keepalive::apply(stream, &policy).map_err(|error| error.to_string())?;
            if let Some(downgrade) = applied.downgrades.first() {
                return Err(downgrade.to_string());
            }
        } else if let Some(time) = kernel.user_timeout {
            ayt_sys::with_user_timeout!({
                socket2::SockRef::from(stream)
                    .set_tcp_user_timeout(Some(time))
                    .map_err(|error| error.to_string())?;
            } else {
                return Err(format!("no user timeout of {time:?} here"));
            });
        }
        Ok(())
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Connection(stream) => self.connected(stream),
            Input::Read { number, at, bytes } => {
                let connection = &mut self.connections[number];
                if let Some(watcher) = &mut connection.watcher {
                    watcher.judge().on_received(at);
                }
                if let Some(line) = &connection.line
                    && bytes.contains(&ASK)
                {
                    line.send(&[HERE]);
                }
                self.tell(number, at, What::Received(bytes.len()));
            }
            Input::Ended {
                number,
                at,
                errno,
                cause,
            } => self.ended(number, at, errno, cause),
            Input::Tell { number, at, what } => self.tell(number, at, what),
            Input::Order(order) => self.obey(&order),
            Input::Alone => {}
        }
    }

    fn ended(&mut self, number: usize, at: Duration, errno: Option<i32>, cause: Cause) {
        let connection = &mut self.connections[number];
        if connection.line.is_none() {
            // The echo of an end that was told already.
            return;
        }
        connection.watcher = None;
        connection.next_beat = None;
        if self.spec.closes {
            // The threads hold it until they notice.
            if let Some(line) = connection.line.take() {
                let _ = line.stream.shutdown(std::net::Shutdown::Both);
            }
        }
        self.tell(number, at, What::Ended(errno, cause.name().to_owned()));
    }

    /// `send N`, `shutdown`, `reset`, `quiet`, `beat`.
    fn obey(&mut self, order: &str) {
        let now = self.clock.now();
        let mut words = order.split_whitespace();
        let (verb, number) = (words.next().unwrap_or_default(), words.next());
        let number: usize = number.and_then(|text| text.parse().ok()).unwrap_or(1);
        let Some(connection) = self.connections.last_mut() else {
            return;
        };
        match (verb, &connection.line) {
            ("send", Some(line)) => line.send(&vec![b'x'; number]),
            ("shutdown", Some(line)) => line.shutdown(),
            ("reset", Some(line)) => {
                let socket = socket2::SockRef::from(&*line.stream);
                let _ = socket.set_linger(Some(Duration::ZERO));
                std::process::exit(0);
            }
            ("quiet", _) => connection.next_beat = None,
            ("beat", _) => connection.next_beat = Some(now),
            _ => {
                let why = format!("no such order: {order}");
                self.tell(0, now, What::Failed(why));
            }
        }
    }

    fn deadline(&self) -> Option<Duration> {
        let beats = self.connections.iter().filter_map(|one| one.next_beat);
        let judges = self.connections.iter().filter_map(|one| {
            let watcher = one.watcher.as_ref()?;
            watcher.next_deadline()
        });
        beats.chain(judges).min()
    }

    fn timers(&mut self) {
        for number in 0..self.connections.len() {
            let now = self.clock.now();
            let connection = &mut self.connections[number];
            if let (Some(due), Some(beat)) = (connection.next_beat, self.beat)
                && due <= now
            {
                connection.next_beat = Some((due + beat).max(now));
                if let Some(line) = &connection.line {
                    line.send(&[BEAT]);
                }
            }
            let Some(watcher) = &mut connection.watcher else {
                continue;
            };
            if watcher.next_deadline().is_none_or(|due| due > now) {
                continue;
            }
            let overdue = watcher.overdue();
            match watcher.judge().poll(now) {
                Judgement::Alive => {}
                Judgement::Late(by) => {
                    let ns = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
                    self.tell(number, now, What::WasLate(ns));
                }
                Judgement::Suspect => {
                    if let Some(line) = &connection.line {
                        line.send(&[ASK]);
                    }
                    let ns = u64::try_from(overdue.as_nanos()).unwrap_or(u64::MAX);
                    self.tell(number, now, What::Suspects(ns));
                }
                Judgement::Silent => self.ended(number, now, None, Cause::HeartbeatMissed),
            }
        }
    }

    fn tell(&self, connection: usize, at: Duration, what: What) {
        tell(connection, at, what);
    }
}

/// Tells the lab, a JSON object a line.
pub(super) fn tell(connection: usize, at: Duration, what: What) {
    let event = Event {
        at_ns: u64::try_from(at.as_nanos()).unwrap_or(u64::MAX),
        connection,
        what,
    };
    let Ok(mut line) = serde_json::to_vec(&event) else {
        return;
    };
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&line).and_then(|()| out.flush());
}
