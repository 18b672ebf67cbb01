//! A few ghosts, and nobody gets in any more.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ayt_core::facts::Cookie;
use ayt_core::tcp_state::TcpState;

use super::pair::Pair;
use super::scene::did;
use super::{Claim, Scene, cell, claim};
use crate::detectors::Detector;
use crate::error::LabError;
use crate::faults::Fault;
use crate::packet::Side;
use crate::sync::lock;

pub(super) const CLAIM: Claim = Claim {
    folk: Some(
        "A few ghosts use the server up: new clients show as ESTABLISHED and never reach \
         the program's code. (Left unsolved.)",
    ),
    cells: &[
        cell("the client is told nothing", Fault::NeverAccepts, Detector::Both),
        cell("its own heartbeat tells it", Fault::NeverAccepts, Detector::Heartbeat),
    ],
    show: Some(show),
    ..claim(
        "S12",
        "Nothing is used up: the program is stuck in a call on one dead connection, and \
         accepts nobody. The kernel alone greets the new and takes their data. End the \
         dead one, and all are served.",
    )
};

/// Clients that come while the server is stuck.
const NEW: usize = 5;
const HELLO: usize = 100;

/// A program that serves one after another, as examples in manuals do.
#[derive(Debug, Default)]
struct Program {
    /// What it has in its hands.
    serving: Mutex<Option<TcpStream>>,
    accepted: AtomicUsize,
    read: AtomicUsize,
    over: AtomicBool,
}

impl Program {
    fn run(&self, listener: &TcpListener) {
        let mut buffer = vec![0; 4 << 10];
        while let Ok((mut stream, _)) = listener.accept() {
            if self.over.load(Ordering::Acquire) {
                return;
            }
            *lock(&self.serving) = stream.try_clone().ok();
            self.accepted.fetch_add(1, Ordering::AcqRel);
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                self.read.fetch_add(count, Ordering::AcqRel);
            }
        }
    }
}

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let address = did("look", listener.local_addr())?;
    let program = Program::default();
    std::thread::scope(|scope| {
        scope.spawn(|| program.run(&listener));
        let seen = story(scene, &pair, address, &program);
        // Lets the program go, wherever it is.
        program.over.store(true, Ordering::Release);
        let held = lock(&program.serving).take();
        held.map(|stream| stream.shutdown(Shutdown::Both));
        let _ = pair.server.enter(|| TcpStream::connect(address));
        seen
    })
}

fn story(
    scene: &mut Scene<'_>,
    pair: &Pair,
    address: std::net::SocketAddr,
    program: &Program,
) -> Result<(), LabError> {
    let accepted = || program.accepted.load(Ordering::Acquire);
    let _ghost = pair.connect(address)?;
    let served = scene.until(Duration::from_secs(5), || Ok(accepted() == 1))?;
    pair.reboot_client()?;
    let mut clients = Vec::new();
    for _ in 0..NEW {
        let mut client = pair.connect(address)?;
        did("send", client.write_all(&[b'x'; HELLO]))?;
        clients.push(client);
    }
    let taken = scene.until(Duration::from_secs(5), || {
        let bytes = waiting(pair)?.1;
        Ok(bytes.len() == NEW && bytes.iter().all(|bytes| *bytes == HELLO))
    })?;
    let before = waiting(pair)?.0;
    scene.pause(Duration::from_secs(2))?;
    let after = waiting(pair)?.0;
    let established = pair.count(Side::B, TcpState::Established)?;
    let text = format!("1 ghost; {established} new clients are ESTABLISHED at once, both sides");
    scene.fact(served && established == NEW && before.len() == NEW, text);
    let text = format!("their {NEW}×{HELLO} bytes are acknowledged by the server's kernel");
    let unacked = clients.iter().map(|client| {
        let now = ayt_sys::own::at_end(client);
        now.map_or(1, |now| now.tcp.unacked)
    });
    scene.fact(taken && unacked.sum::<u32>() == 0, text);
    let text = format!(
        "2 s later the same {} wait in the accept queue, of no program; {} accepted, {} bytes read",
        after.len(),
        accepted(),
        program.read.load(Ordering::Acquire)
    );
    let stuck = before == after && accepted() == 1 && program.read.load(Ordering::Acquire) == 0;
    scene.fact(stuck, text);
    // What `ayt arm` does from outside.
    if let Some(ghost) = lock(&program.serving).as_ref() {
        scene.arm(ghost, "1/1/1")?;
    }
    drop(clients);
    let all = scene.until(Duration::from_secs(10), || {
        Ok(accepted() == NEW + 1 && program.read.load(Ordering::Acquire) == NEW * HELLO)
    })?;
    let text = format!(
        "keepalive on the ghost alone: it ends, and {} of {NEW} are served",
        accepted().saturating_sub(1)
    );
    scene.fact(all, text);
    Ok(())
}

/// Connections that wait to be accepted, and the bytes that each holds.
fn waiting(pair: &Pair) -> Result<(BTreeSet<Cookie>, Vec<usize>), LabError> {
    let sockets = pair.sockets(Side::A)?;
    let waiting = sockets.iter().filter(|socket| socket.never_accepted());
    let (mut cookies, mut bytes) = (BTreeSet::new(), Vec::new());
    for socket in waiting {
        cookies.insert(socket.cookie);
        bytes.push(socket.receive_queue as usize);
    }
    Ok((cookies, bytes))
}
