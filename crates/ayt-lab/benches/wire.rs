//! How many packets a second the wire forwards, beside two hosts that the kernel
//! alone joins by a veth pair, in the same run.
//!
//! ```text
//! cargo bench -p ayt-lab --bench wire [-- --quick] [--strict]
//! ```
//!
//! Datagrams of 64 bytes go from A to B for some seconds, in both directions or in
//! one. So many are under way at most that no queue overflows (the receiver tells the
//! sender how far it is through shared memory), so what is counted is what arrives,
//! and nothing is lost. TCP is measured by its segments in a bulk transfer.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark: reads the clock, prints, and ends at what goes wrong"
)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ayt_lab::stage::{Delay, Ways};
use ayt_lab::{Host, Place, Side, Wire, ground};
use ayt_sys::lab::{RouteSocket, offload_off};
use ayt_sys::wire::route::VethEnd;

const USAGE: &str = "usage: cargo bench -p ayt-lab --bench wire -- [--quick] [--strict]

  --quick   one short round
  --strict  exit with 1 when the wire forwards fewer than 100,000 packets/s
";

/// Packets a second that the wire must forward.
const BAR: f64 = 100_000.0;
/// Datagrams under way at most: half of what a socket's buffer of 208 KiB holds.
const WINDOW: u64 = 128;
/// With a delay there must be more of them: 1 ms at the bar is a hundred.
const DELAY: Duration = Duration::from_millis(1);

/// Two hosts, the address of the second, and what keeps them joined.
struct Joined {
    a: Host,
    b: Host,
    address: Ipv4Addr,
    wire: Option<Wire>,
}

fn by_wire(delay: Option<Duration>) -> Joined {
    let (a, b) = (Host::new("a").unwrap(), Host::new("b").unwrap());
    let wire = Wire::join(&a, &b).unwrap();
    if let Some(delay) = delay {
        wire.insert(Place::NextToA, Delay::fixed(Ways::Both, delay))
            .unwrap();
    }
    let address = wire.v4(Side::B);
    Joined {
        a,
        b,
        address,
        wire: Some(wire),
    }
}

/// The kernel alone, with the same offloads off.
fn by_veth() -> Joined {
    let (a, b) = (Host::new("a").unwrap(), Host::new("b").unwrap());
    let near = VethEnd {
        name: "bare",
        mac: [2, 0, 0, 0, 0, 1],
    };
    let far = VethEnd {
        name: "bare",
        mac: [2, 0, 0, 0, 0, 2],
    };
    let address = |last| Ipv4Addr::new(10, 78, 0, last);
    let (mut route_a, mut route_b) = (
        a.with_netns(RouteSocket::open).unwrap(),
        b.with_netns(RouteSocket::open).unwrap(),
    );
    let index = b
        .with_netns(|ns| route_a.new_veth(&near, &far, ns, 1500))
        .unwrap();
    for host in [&a, &b] {
        host.with_netns(|ns| offload_off(ns, "bare")).unwrap();
    }
    route_a.add_address(index, address(1).into(), 24).unwrap();
    route_a.set_up(index, true).unwrap();
    let index = route_b.index_of("bare").unwrap();
    route_b.add_address(index, address(2).into(), 24).unwrap();
    route_b.set_up(index, true).unwrap();
    Joined {
        a,
        b,
        address: address(2),
        wire: None,
    }
}

/// Datagrams a second that arrive.
fn datagrams(joined: &Joined, time: Duration, window: u64) -> f64 {
    let to = joined.b.enter(|| UdpSocket::bind((joined.address, 0)));
    let to = to.unwrap().unwrap();
    let from = joined
        .a
        .enter(|| UdpSocket::bind("0.0.0.0:0"))
        .unwrap()
        .unwrap();
    from.connect(to.local_addr().unwrap()).unwrap();
    to.set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let (heard, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    // Neighbours are found before the clock runs.
    from.send(&[0; 36]).unwrap();
    to.recv(&mut [0; 64]).unwrap();
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let mut buffer = [0; 64];
            while !stop.load(Ordering::Relaxed) {
                if to.recv(&mut buffer).is_ok() {
                    heard.fetch_add(1, Ordering::Release);
                }
            }
        });
        let start = Instant::now();
        let (mut sent, mut stuck) = (0u64, Instant::now());
        while start.elapsed() < time {
            let under_way = sent - heard.load(Ordering::Acquire).min(sent);
            if under_way < window {
                // 64 bytes with their headers.
                for _ in 0..(window - under_way).min(32) {
                    from.send(&[0; 36]).unwrap();
                    sent += 1;
                }
                stuck = Instant::now();
            } else {
                thread::yield_now();
                assert!(
                    stuck.elapsed() < Duration::from_secs(2),
                    "a datagram was lost"
                );
            }
        }
        let rate = heard.load(Ordering::Acquire) as f64 / start.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        receiver.join().unwrap();
        rate
    })
}

/// Segments a second, data and acknowledgements, of one bulk transfer.
fn segments(joined: &Joined, time: Duration) -> f64 {
    let listener = joined.b.enter(|| TcpListener::bind((joined.address, 0)));
    let listener = listener.unwrap().unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = joined
        .a
        .enter(|| TcpStream::connect(address))
        .unwrap()
        .unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let before = packets_of(&joined.b);
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while server.read(&mut buffer).unwrap() > 0 {}
        });
        let data = vec![0; 1 << 16];
        while start.elapsed() < time {
            client.write_all(&data).unwrap();
        }
        let rate = (packets_of(&joined.b) - before) as f64 / start.elapsed().as_secs_f64();
        drop(client);
        rate
    })
}

/// Packets in and out of a host's devices.
fn packets_of(host: &Host) -> u64 {
    let read = || std::fs::read_to_string("/proc/thread-self/net/dev");
    let text = host.enter(read).unwrap().unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(name, _)| name.trim() != "lo")
        .map(|(_, numbers)| {
            let numbers: Vec<u64> = numbers
                .split_whitespace()
                .filter_map(|number| number.parse().ok())
                .collect();
            numbers[1] + numbers[9]
        })
        .sum()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let known = ["--quick", "--strict", "--bench"];
    if arguments
        .iter()
        .any(|argument| !known.contains(&argument.as_str()))
    {
        println!("{USAGE}");
        return ExitCode::from(2);
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if let Err(error) = ground::take() {
        println!("{error}");
        return ExitCode::from(3);
    }
    let (rounds, time) = if has("--quick") {
        (1, Duration::from_secs(1))
    } else {
        (5, Duration::from_secs(3))
    };
    let cases: [(&str, fn() -> Joined); 3] = [
        ("bare veth, the kernel alone", by_veth),
        ("wire, empty chain", || by_wire(None)),
        ("wire, 1 ms delay each way", || by_wire(Some(DELAY))),
    ];
    println!(
        "{:<30} {:>18} {:>20}",
        "packets/s, median", "datagrams of 64 B", "segments of TCP"
    );
    let mut rates = vec![(Vec::new(), Vec::new()); cases.len()];
    let mut overruns = 0;
    // Rounds take turns, so that a busy moment meets all.
    for _ in 0..rounds {
        for ((_, join), rates) in cases.iter().zip(&mut rates) {
            let joined = join();
            rates.0.push(datagrams(&joined, time, WINDOW));
            rates.1.push(segments(&joined, time));
            overruns += joined.wire.map_or(0, |wire| wire.counts().overruns);
        }
    }
    let mut met = true;
    for ((name, _), (udp, tcp)) in cases.iter().zip(rates) {
        let (udp, tcp) = (median(udp), median(tcp));
        println!("{name:<30} {udp:>18.0} {tcp:>20.0}");
        met &= udp >= BAR || tcp >= BAR;
    }
    println!("lost by the wire for want of time: {overruns}; the bar is {BAR:.0}");
    if has("--strict") && !(met && overruns == 0) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
