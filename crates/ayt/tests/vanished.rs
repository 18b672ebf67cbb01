//! Clients that vanish without a word, by the hundred, and do not pile up: in a process of
//! its own, so that descriptors, tasks and memory are these tests' alone.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "these tests drive real kernels in real time; a panic in what serves them is a failure"
)]

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ayt::cause::Cause;
use ayt::detectors::{Fixed, Terms};
use ayt::listener::{Bounds, Listener};
use ayt::session::Client;
use ayt::session::server::{Beats, Limits, Server};
use ayt_testbed::{Need, Ns, Side, TcpState, Veth};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

/// Clients of one round.
const CLIENTS: usize = 300;
/// Rounds that are measured, after as many that are not.
const ROUNDS: usize = 2;

/// A death is found after 2 × 500 ms + 400 ms.
const BEAT: Duration = Duration::from_millis(500);
const CHALLENGE: Duration = Duration::from_millis(400);

const PATIENCE: Duration = Duration::from_secs(60);

/// One at a time: descriptors are counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// One thread: what is allocated on the server's side is counted, and the clients', who
/// have threads of their own, is not.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// The server's host, the clients', and the cable between them.
struct Hosts {
    near: Ns,
    far: Ns,
    cable: Veth,
}

impl Hosts {
    fn new() -> Self {
        let (near, far) = (Ns::new().unwrap(), Ns::new().unwrap());
        let cable = Veth::join(&near, &far).unwrap();
        Self { near, far, cable }
    }

    fn listen(&self) -> (TcpListener, SocketAddr) {
        let at = (self.cable.v4(Side::A), 0);
        let listener = self.near.run(|| TcpListener::bind(at)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// Clients live on the far host, are cut off when `there`, and end, unheard, when the
    /// server has `forgotten` them.
    fn vanish(
        &self,
        server: &Runtime,
        clients: impl FnOnce(&AtomicBool) + Send,
        there: impl Fn() -> bool,
        forgotten: impl Fn() -> bool,
    ) {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            // Set also where something below fails.
            let over = SetAtLast(&over);
            let flag = over.0;
            scope.spawn(move || self.far.run(|| clients(flag)));
            server.block_on(until("all are there", there));
            elsewhere(|| self.cable.cable_pulled().unwrap());
            server.block_on(until("all are forgotten", forgotten));
            // What is left in the kernel only says goodbye into nothing.
            elsewhere(|| {
                for row in self.near.tcp().unwrap() {
                    let held = matches!(row.state, TcpState::Established | TcpState::CloseWait);
                    assert!(!held, "{row:?}");
                }
            });
        });
        elsewhere(|| self.cable.heal().unwrap());
    }
}

/// On a thread of its own, whose memory is not counted.
fn elsewhere(work: impl FnOnce() + Send) {
    thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

struct SetAtLast<'f>(&'f AtomicBool);

impl Drop for SetAtLast<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let waiting = async {
        while !is() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

/// Descriptors of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Nothing of the clients of these rounds is left.
fn leaves_nothing(server: &Runtime, mut round: impl FnMut()) {
    let tasks = || server.metrics().num_alive_tasks();
    // And the one of a listener that waits for the age of whoever came last.
    let most = tasks() + 1;
    let mut round = || {
        round();
        // Also of the program's, which are told last.
        server.block_on(until("no task is left", || tasks() <= most));
    };
    // What is made once is made: tables, the reactor's own, what is remembered of an
    // identity and of its last session.
    (0..ROUNDS).for_each(|_| round());
    let before = descriptors();
    let counted = allocation_counter::measure(|| (0..ROUNDS).for_each(|_| round()));
    assert_eq!(descriptors(), before, "descriptors");
    // A few of each round, of its threads; nothing of a client. Tables may grow by a step.
    assert!(counted.count_current < CLIENTS as i64 / 2, "{counted:?}");
    assert!(counted.bytes_current < 48 * 1024, "{counted:?}");
}

/// Takes everybody and reads; counts whose heartbeat stayed out.
async fn serve(mut listener: Listener<Fixed>, missed: Arc<AtomicUsize>) {
    while let Ok(mut stream) = listener.accept().await {
        let missed = Arc::clone(&missed);
        tokio::spawn(async move {
            let mut bytes = [0; 64];
            while let Ok(1..) = stream.read(&mut bytes).await {}
            if stream.cause() == Some(Cause::HeartbeatMissed) {
                missed.fetch_add(1, Relaxed);
            }
        });
    }
}

#[test]
fn watched_connections_whose_clients_have_vanished_leave_nothing() {
    if !Need::root() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = Hosts::new();
    let (listener, address) = hosts.listen();
    let server = runtime();
    let _inside = server.enter();
    let bounds = Bounds {
        per_address: CLIENTS,
        ..Bounds::default()
    };
    let terms = Terms::new(BEAT, 2, CHALLENGE).unwrap();
    let listener = Listener::new(tokio::net::TcpListener::from_std(listener).unwrap())
        .bounds(bounds)
        .detector(move |_| Fixed::new(terms, Duration::ZERO));
    let stopper = listener.stopper();
    let missed = Arc::new(AtomicUsize::new(0));
    server.spawn(serve(listener, Arc::clone(&missed)));

    // Each says something now and then, also while the others are still coming.
    let clients = |over: &AtomicBool| {
        let mut streams: Vec<TcpStream> = Vec::new();
        while !over.load(Relaxed) {
            for mut stream in &streams {
                stream.write_all(b"x").unwrap();
            }
            if streams.len() < CLIENTS {
                let more = (0..50).map(|_| TcpStream::connect(address).unwrap());
                streams.extend(more);
            } else {
                thread::sleep(BEAT / 5);
            }
        }
    };
    let mut rounds = 0;
    leaves_nothing(&server, || {
        let there = || {
            let stats = stopper.stats();
            (stats.live, stats.unregistered) == (CLIENTS, 0)
        };
        let forgotten = || stopper.stats().live == 0;
        hosts.vanish(&server, clients, there, forgotten);
        rounds += 1;
        assert_eq!(missed.load(Relaxed), rounds * CLIENTS, "by their cause");
    });
    assert_eq!(stopper.stats().accepted, (rounds * CLIENTS) as u64);
}

#[test]
fn sessions_whose_clients_have_vanished_leave_nothing() {
    if !Need::root() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = Hosts::new();
    let (listener, address) = hosts.listen();
    let runtime = runtime();
    let _inside = runtime.enter();
    let beats = Beats {
        floor: BEAT,
        default: BEAT,
        ceiling: BEAT,
        needed: true,
    };
    let limits = Limits {
        client_beat: beats,
        challenge: CHALLENGE,
        drain: Duration::from_millis(200),
        resume_for: Duration::from_millis(300),
        unregistered_per_address: CLIENTS,
        ..Limits::default()
    };
    let server = Server::builder()
        .without_authentication()
        .limits(limits)
        .serve(tokio::net::TcpListener::from_std(listener).unwrap());
    let server = Arc::new(server.unwrap());
    let heard = Arc::new(AtomicUsize::new(0));
    let (accepting, hearing) = (Arc::clone(&server), Arc::clone(&heard));
    runtime.spawn(async move {
        while let Some(mut session) = accepting.accept().await {
            let heard = Arc::clone(&hearing);
            tokio::spawn(async move {
                while session.recv().await.is_some() {
                    heard.fetch_add(1, Relaxed);
                }
            });
        }
    });
    let baseline = server.stats().now;

    // They have said something, and keep their heartbeat.
    let clients = |over: &AtomicBool| {
        self::runtime().block_on(async {
            let mut clients = Vec::new();
            for n in 0..CLIENTS {
                let client = Client::builder(format!("meter-{n}"))
                    .without_authentication()
                    .least_beat(BEAT)
                    .address(address.to_string())
                    .start()
                    .unwrap();
                client.send("here").await.unwrap();
                clients.push(client);
            }
            while !over.load(Relaxed) {
                sleep(Duration::from_millis(20)).await;
            }
        });
    };
    let mut rounds = 0;
    leaves_nothing(&runtime, || {
        rounds += 1;
        let all = rounds * CLIENTS;
        let there = || {
            let now = server.stats().now;
            now.connections == CLIENTS && heard.load(Relaxed) == all
        };
        let forgotten = || server.stats().now == baseline;
        hosts.vanish(&runtime, clients, there, forgotten);
        assert_eq!(
            server.stats().ended(Cause::HeartbeatMissed),
            all as u64,
            "by their cause"
        );
    });
    assert_eq!(server.stats().registered, (rounds * CLIENTS) as u64);
}
