//! kill −9 in the midst of an ask: what it leaves, the next run undoes.

use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ayt_guard::probe::Engine;
use ayt_testbed::{Need, Side, Veth};
use rustix::net::sockopt;

use crate::bed::{Host, Pair, pairs};
use crate::child::{Ayt, Folder};
use crate::socket::Options;

const CONNECTIONS: usize = 500;

/// How often an ayt may be killed without leaving anything.
const TRIES: u32 = 200;

/// A host with connections whose accepted ends, with SO_REUSEADDR, are its own.
struct Field {
    host: Host,
    pairs: Vec<Pair>,
    _veth: Veth,
    _far: Host,
}

impl Field {
    fn new() -> Self {
        let (host, far) = (Host::new(), Host::new());
        let veth = Veth::join(&host.ns, &far.ns).expect("a veth pair");
        let pairs = pairs(&host, &far, veth.v4(Side::A), CONNECTIONS);
        Self {
            host,
            pairs,
            _veth: veth,
            _far: far,
        }
    }

    fn options(&self) -> Vec<Options> {
        self.pairs.iter().map(Pair::near_options).collect()
    }

    /// Starts ayts and kills them at random moments after they were seen at
    /// work, until one leaves sockets changed, and a journal that knows of them.
    fn kill_until_marked(
        &self,
        engine: Engine,
        folder: &Folder,
        is_marked: impl Fn(&TcpStream) -> bool,
    ) {
        let marked = || self.pairs.iter().any(|pair| is_marked(&pair.near));
        let mut random = Random(0x5eed);
        for _ in 0..TRIES {
            let ayt = Ayt::start(&self.host, engine, folder);
            let start = Instant::now();
            while !marked() && start.elapsed() < Duration::from_secs(20) {
                std::hint::spin_loop();
            }
            std::thread::sleep(Duration::from_micros(random.below(1_500)));
            ayt.kill();
            if marked() {
                let knows = |path: &PathBuf| {
                    let text = std::fs::read_to_string(path).expect("a journal");
                    text.contains("\"intent\"")
                };
                assert!(
                    folder.journals().iter().any(knows),
                    "no journal knows of it"
                );
                return;
            }
        }
        panic!("{TRIES} kills, and none in the midst of an ask");
    }
}

fn is_idle_1(stream: &TcpStream) -> bool {
    sockopt::tcp_keepidle(stream).expect("TCP_KEEPIDLE") == Duration::from_secs(1)
}

fn has_lost_reuse_address(stream: &TcpStream) -> bool {
    !sockopt::socket_reuseaddr(stream).expect("SO_REUSEADDR")
}

/// A small generator (xorshift): seeded, unlike the kernel's timing.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn the_next_run_undoes_what_a_killed_one_left_of_the_keepalive_engine() {
    if !Need::root() {
        return;
    }
    let mut field = Field::new();
    let before = field.options();
    let folder = Folder::new();
    field.kill_until_marked(Engine::Keepalive, &folder, is_idle_1);
    let report = Ayt::once(&field.host, Engine::Repair, &folder);
    assert!(report["undone"] > 0, "{report:?}");
    assert_eq!(report["alive"], CONNECTIONS);
    assert_eq!(field.options(), before);
    assert!(folder.journals().is_empty());
    field.pairs[0].carries_data();
}

#[test]
fn the_next_run_undoes_what_a_killed_one_left_of_the_repair_engine() {
    if !Need::root() {
        return;
    }
    let field = Field::new();
    let before = field.options();
    assert!(before.iter().all(|options| options.reuse_address));
    let folder = Folder::new();
    field.kill_until_marked(Engine::Repair, &folder, has_lost_reuse_address);
    let report = Ayt::once(&field.host, Engine::Keepalive, &folder);
    assert!(report["undone"] > 0, "{report:?}");
    assert_eq!(field.options(), before);
    assert!(folder.journals().is_empty());
}

/// The descriptor that the journal names may be closed by then, while another
/// one still holds the connection.
#[test]
fn the_next_run_finds_a_socket_whose_descriptor_has_moved() {
    if !Need::root() {
        return;
    }
    let mut field = Field::new();
    let before = field.options();
    let folder = Folder::new();
    field.kill_until_marked(Engine::Keepalive, &folder, is_idle_1);
    let again = |pair: &Pair| pair.near.try_clone().expect("a second descriptor");
    let moved: Vec<TcpStream> = field.pairs.iter().map(again).collect();
    for (pair, moved) in field.pairs.iter_mut().zip(moved) {
        pair.near = moved;
    }
    let report = Ayt::once(&field.host, Engine::Repair, &folder);
    assert!(report["undone"] > 0, "{report:?}");
    assert_eq!(field.options(), before);
    assert!(folder.journals().is_empty());
}
