//! `retransmitting`: data written into a cut, a SYN into a void, and when the
//! kernel really gives up.

use std::error::Error;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::process;
use std::thread;
use std::time::Instant;

use ayt_core::doctor::{Finding, Limits, Severity};
use ayt_core::facts::HostFacts;
use ayt_core::facts::TimerKind;
use ayt_core::tcp_state::TcpState;
use ayt_guard::collect::Exact;
use ayt_testbed::{Fixture, Need, Packet, Side, Wire, eventually};

use crate::support::{
    Done, Hosts, PATIENCE, assert_held_by, assert_peers, assert_silent, client, found, look,
    look_until, look_with, number, only, run, serve, without_sysctls,
};

const RULE: &str = "retransmitting";

/// A flood from here that is cut off in the middle, and what is said of it.
struct CutFlood {
    hosts: Hosts<Wire>,
    flood: Fixture,
    finding: Finding,
    /// When the look began, and when it was over.
    seen: [Instant; 2],
    _server: Fixture,
}

fn cut_flood(hosts: Hosts<Wire>, options: &[&str]) -> Result<CutFlood, Box<dyn Error>> {
    // It reads all and sends nothing back: data is always in flight.
    let server = serve(&hosts.far, "leak-close-wait", &[])?;
    let addr = hosts.at(Side::B, server.port());
    let flood = client(&hosts.here, "flood", addr, options)?;
    hosts.link.cut();
    let (finding, seen) = eventually("it is told", PATIENCE, || {
        let start = Instant::now();
        let facts = look(&hosts.here);
        let seen = [start, Instant::now()];
        let mut findings = run(RULE, &facts, &Limits::default()).findings;
        findings.pop().map(|finding| (finding, seen))
    });
    assert_eq!(finding.severity, Severity::Warning);
    assert_peers(&finding, [addr]);
    assert!(number(&finding, "retransmissions_at_most") >= 2);
    assert!(number(&finding, "undelivered_bytes") > 1_000);
    assert!(number(&finding, "heard_last_at_most_ms") > 200);
    Ok(CutFlood {
        hosts,
        flood,
        finding,
        seen,
        _server: server,
    })
}

impl CutFlood {
    /// The kernel ends the connection within the times that were told.
    #[track_caller]
    fn assert_ends_as_told(&self) {
        eventually("the kernel gives up", PATIENCE, || {
            self.hosts.here.tcp().is_ok_and(|rows| rows.is_empty())
        });
        let end = Instant::now();
        let (earliest, latest) = gives_up(&self.finding);
        let [start, over] = self.seen.map(|at| (end - at).as_millis());
        assert!(
            start + 100 >= earliest.into(),
            "said {earliest} ms, real {start} ms"
        );
        // Timers round up, and this machine may be busy elsewhere.
        assert!(
            over <= u128::from(latest) + 2_000,
            "said {latest} ms, real {over} ms"
        );
    }
}

fn gives_up(finding: &Finding) -> (u64, u64) {
    let earliest = number(finding, "gives_up_in_ms");
    (earliest, number(finding, "gives_up_latest_in_ms"))
}

#[test]
fn data_into_a_cut_is_told_with_the_15_minutes_of_the_default() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let CutFlood {
        hosts,
        flood,
        finding,
        ..
    } = &cut_flood(hosts, &[])?;
    assert_held_by(finding, &hosts.here, flood.pid());
    let (earliest, latest) = gives_up(finding);
    assert!((920_000..=924_600).contains(&earliest), "{earliest}");
    assert!(
        (earliest..=earliest + 120_000).contains(&latest),
        "{latest}"
    );
    assert!(finding.remedy.contains("--user-timeout"), "{finding:?}");
    // Settings unknown: there may be a user timeout that ends it earlier.
    let unseen = only(
        RULE,
        &look_with(&hosts.here, Exact::Never),
        &Limits::default(),
    );
    assert_ne!(unseen.summary, finding.summary);
    assert!(
        unseen.summary.contains("at the latest") || unseen.summary.contains("unless"),
        "{unseen:?}"
    );
    // Without the sysctls nobody knows when; that it happens is known.
    let masked = without_sysctls(|| look_with(&hosts.here, Exact::Never));
    let masked = only(RULE, &masked, &Limits::default());
    assert!(!masked.summary.contains("gives up"), "{masked:?}");
    assert_held_by(&masked, &hosts.here, flood.pid());
    Ok(())
}

#[test]
fn with_a_user_timeout_it_ends_when_it_was_said() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let cut = cut_flood(hosts, &["--user-timeout", "3000"])?;
    let (earliest, latest) = gives_up(&cut.finding);
    assert!(earliest == latest && latest < 4_000, "{earliest} {latest}");
    cut.assert_ends_as_told();
    Ok(())
}

#[test]
fn with_fewer_retries_it_ends_when_it_was_said() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    // 3.0 s by the kernel's model.
    hosts.here.sysctl("net/ipv4/tcp_retries2", "3")?;
    let cut = cut_flood(hosts, &[])?;
    let (earliest, latest) = gives_up(&cut.finding);
    assert!(earliest < 3_000 && latest < 8_000, "{earliest} {latest}");
    cut.assert_ends_as_told();
    Ok(())
}

#[test]
fn a_syn_into_a_void_is_told_and_a_refusal_is_not() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let _inhabitant = serve(&hosts.here, "serve", &[])?;
    let addr = hosts.at(Side::B, 9);
    hosts.link.cut();
    thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let call = || TcpStream::connect_timeout(&addr, PATIENCE);
            hosts.here.run(call)
        });
        let finding = found(RULE, &hosts.here, &Limits::default(), 1);
        assert_eq!(finding.connections[0].state, TcpState::SynSent);
        assert!(finding.summary.contains("still opening"), "{finding:?}");
        assert_peers(&finding, [addr]);
        assert_held_by(&finding, &hosts.here, process::id());
        assert!(number(&finding, "retransmissions_at_most") >= 2);
        let retries = hosts.here.read_sysctl("net/ipv4/tcp_syn_retries");
        assert_eq!(
            number(&finding, "tcp_syn_retries").to_string(),
            retries.expect("it")
        );

        // Somebody answers: nobody listens there.
        hosts.link.heal();
        let error = caller.join().expect("the caller").expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
    look_until(&hosts.here, "it is gone", |facts| {
        facts
            .sockets
            .iter()
            .all(|socket| socket.state == TcpState::Listen)
    });
    Ok(())
}

#[test]
fn a_reader_that_does_not_read_is_no_loss() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let server = serve(&hosts.far, "no-read", &["--rcvbuf", "4096"])?;
    let addr = hosts.at(Side::B, server.port());
    let flood = client(&hosts.here, "flood", addr, &["--sndbuf", "16384"])?;
    flood.wait_line("blocked", PATIENCE)?;
    // The kernel asks again and again, and is answered: no window.
    let asked = |facts: &HostFacts| {
        let mut sockets = facts.sockets.iter();
        sockets.any(|socket| socket.timer.kind == TimerKind::WindowProbe && socket.send_queue > 0)
            && hosts.link.count(ayt_testbed::Direction::BtoA) > 6
    };
    let facts = look_until(&hosts.here, "a zero window is probed", asked);
    assert_silent(RULE, &facts, &Limits::default());
    Ok(())
}

#[test]
fn a_living_link_that_loses_a_packet_now_and_then_is_not_told() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let server = serve(&hosts.far, "leak-close-wait", &[])?;
    let addr = hosts.at(Side::B, server.port());
    let _flood = client(&hosts.here, "flood", addr, &[])?;
    let seen = std::sync::atomic::AtomicU64::new(0);
    // Every hundredth data segment, so that no segment is lost twice in a row.
    hosts.link.drop_if(move |packet: &Packet| {
        packet.tcp().is_some_and(|tcp| tcp.payload > 0)
            && seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 100 == 99
    });
    let lossy = |facts: &HostFacts| {
        assert_silent(RULE, facts, &Limits::default());
        let mut sockets = facts.sockets.iter().filter_map(|socket| socket.tcp);
        sockets.any(|tcp| tcp.total_retrans >= 20)
    };
    let facts = look_until(&hosts.here, "twenty segments were sent again", lossy);
    assert_silent(RULE, &facts, &Limits::default());
    Ok(())
}
