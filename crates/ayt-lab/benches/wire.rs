//! How many packets a second the wire forwards, beside two hosts that the kernel
//! alone joins by a veth pair, in the same run.
//!
//! ```text
//! cargo bench -p ayt-lab --bench wire [-- --quick] [--strict]
//! ```
//!
//! Datagrams of 64 bytes go from A to B for some seconds, made many a call
//! (sendmmsg(2)) and read by nobody, so that what is measured is the path and not
//! who sends and reads. So many are under way at most that the wire's rings do not
//! overflow: nothing is lost on the path, and what is counted is what the device of B
//! has received. TCP is measured by its packets both ways in a bulk transfer. The last
//! column is what the wire's own thread costs.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark: reads the clock, prints, and ends at what goes wrong"
)]

use std::io::{IoSlice, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use ayt_lab::stage::{Delay, Ways};
use ayt_lab::{Direction, Host, Place, Side, Wire, ground};
use ayt_sys::lab::{RouteSocket, offload_off};
use ayt_sys::wire::route::VethEnd;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

const USAGE: &str = "usage: cargo bench -p ayt-lab --bench wire -- [--quick] [--strict]

  --quick   one short round
  --strict  exit with 1 when the wire forwards fewer than 100,000 packets/s
";

/// Packets a second that the wire must forward.
const BAR: f64 = 100_000.0;
/// Datagrams under way at most: half of what a ring holds.
const WINDOW: u64 = 2048;
/// Datagrams made by one call, and the bytes of each: 64 with their headers.
const BURST: u64 = 64;
const PAYLOAD: usize = 36;
/// As in one building.
const DELAY: Duration = Duration::from_millis(1);

/// How two hosts are joined.
type Case = (&'static str, fn() -> Joined);

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
        index: 0,
    };
    let far = VethEnd {
        name: "bare",
        mac: [2, 0, 0, 0, 0, 2],
        index: 0,
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
fn datagrams(joined: &Joined, time: Duration) -> f64 {
    let to = joined.b.enter(|| UdpSocket::bind((joined.address, 0)));
    let to = to.unwrap().unwrap();
    let from = joined
        .a
        .enter(|| UdpSocket::bind("0.0.0.0:0"))
        .unwrap()
        .unwrap();
    from.connect(to.local_addr().unwrap()).unwrap();
    // Links come up and neighbours are found before the clock runs.
    to.set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let found = (0..50).any(|_| {
        from.send(&[0; PAYLOAD]).unwrap();
        to.recv(&mut [0; 64]).is_ok()
    });
    assert!(found, "nothing gets through");
    let payload = [0; PAYLOAD];
    let parts = [IoSlice::new(&payload)];
    let mut controls: Vec<_> = (0..BURST).map(|_| SendAncillaryBuffer::default()).collect();
    let burst = controls
        .iter_mut()
        .map(|control| MMsgHdr::new(&parts, control));
    let mut burst: Vec<MMsgHdr<'_>> = burst.collect();
    let handed_over = || {
        let wire = joined.wire.as_ref()?;
        Some(wire.counts().of(Direction::AtoB).delivered)
    };
    let before = (packets_of(&joined.b), handed_over());
    let start = Instant::now();
    let (mut sent, mut moved) = (0u64, Instant::now());
    while start.elapsed() < time {
        // The kernel alone hands over before the call returns.
        let over = handed_over().map_or(sent, |now| now - before.1.unwrap_or(0));
        if sent - over + BURST <= WINDOW {
            sent += sendmmsg(&from, &mut burst, SendFlags::empty()).unwrap() as u64;
            moved = Instant::now();
        } else {
            thread::sleep(Duration::from_micros(50));
            assert!(
                moved.elapsed() < Duration::from_secs(5),
                "something was lost"
            );
        }
    }
    let arrived = packets_of(&joined.b) - before.0;
    arrived as f64 / start.elapsed().as_secs_f64()
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
    let cases: [Case; 3] = [
        ("bare veth, the kernel alone", by_veth),
        ("wire, empty chain", || by_wire(None)),
        ("wire, 1 ms delay each way", || by_wire(Some(DELAY))),
    ];
    println!(
        "{:<30} {:>18} {:>18} {:>16}",
        "packets/s, median", "datagrams of 64 B", "packets of TCP", "µs of CPU each"
    );
    let mut rates = vec![(Vec::new(), Vec::new(), Vec::new()); cases.len()];
    let mut overruns = 0;
    // Rounds take turns, so that a busy moment meets all.
    for _ in 0..rounds {
        for ((_, join), rates) in cases.iter().zip(&mut rates) {
            let joined = join();
            rates.0.push(datagrams(&joined, time));
            rates.1.push(segments(&joined, time));
            if let Some(wire) = joined.wire {
                let counts = wire.counts();
                let packets: u64 = counts.ways.iter().map(|way| way.delivered).sum();
                rates.2.push(cpu_of_wire() * 1e6 / packets as f64);
                overruns += counts.overruns;
            }
        }
    }
    let mut met = true;
    for ((name, _), (udp, tcp, cpu)) in cases.iter().zip(rates) {
        let (udp, tcp) = (median(udp), median(tcp));
        let cpu = if cpu.is_empty() {
            "-".to_owned()
        } else {
            format!("{:.2}", median(cpu))
        };
        println!("{name:<30} {udp:>18.0} {tcp:>18.0} {cpu:>16}");
        met &= udp >= BAR;
    }
    println!("lost by the wire for want of time: {overruns}; the bar is {BAR:.0} datagrams/s");
    if has("--strict") && !(met && overruns == 0) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Seconds of CPU that the thread of the one wire there is has had.
fn cpu_of_wire() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    let wire = stats.filter(|stat| stat.contains("(wire)"));
    wire.map(|stat| {
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        ticks as f64 / ayt_sys::clock_ticks_per_second() as f64
    })
    .sum()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
