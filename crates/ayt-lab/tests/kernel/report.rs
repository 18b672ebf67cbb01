//! Three real deaths on one page: what it shows is what the kernels did. The page stays
//! in `target/tmp/lab-report`, to be looked at.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_lab::packet::Flags;
use ayt_lab::report::{Outcome, Report, Run, write};
use ayt_lab::stage::{Reset, Ways};
use ayt_lab::{Place, Side, clock};
use ayt_testbed::Need;
use rustix::io::Errno;

use super::bed::{Bed, Done, PATIENCE, Pair, death, settled};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The program may know of an end before the wire has logged its segment.
fn settle(bed: &Bed, is_last: impl Fn(&Flags) -> bool) {
    let seen = bed.wire.wait_for(0, PATIENCE, |record| {
        settled(record) && record.tcp().is_some_and(|tcp| is_last(&tcp.flags))
    });
    assert!(seen.is_some(), "the last segment is not in the log");
}

fn run(bed: &Bed, fault: &str, zero: Duration, found: Duration) -> Run {
    let (records, forgotten) = bed
        .wire
        .log(|log| (log.records().cloned().collect(), log.forgotten()));
    Run {
        name: format!("{fault}, keepalive"),
        fault: fault.to_owned(),
        detector: "keepalive".to_owned(),
        settings: "1/1/2".to_owned(),
        detected: true,
        measured: Some(found - zero),
        zero,
        hosts: ["client".to_owned(), "server".to_owned()],
        records,
        forgotten,
        ..Run::default()
    }
}

fn cable() -> Result<Option<Run>> {
    let Some(bed) = Bed::new()? else {
        return Ok(None);
    };
    let mut pair = bed.connect(false)?;
    Pair::keepalive(&pair.server, 1, 1, 2)?;
    pair.talk()?;
    bed.all_acknowledged();
    let last = clock::now();
    let cut = bed.wire.cut()?;
    let (error, found) = death(&pair.server);
    assert_eq!(error, Some(Errno::TIMEDOUT.raw_os_error()));
    settle(&bed, |flags| flags.rst);
    Ok(Some(Run {
        cause: Some(Cause::KeepaliveTimeout.into()),
        measured: Some(found - last),
        counted_from: Some(last),
        // Keepalive's own arithmetic, and what a busy machine may add.
        planned: Some([Duration::from_millis(2_900), Duration::from_millis(5_500)]),
        events: vec![
            (cut.at, "the cable is pulled".to_owned()).into(),
            (found, Side::B, "read: ETIMEDOUT".to_owned()).into(),
        ],
        ..run(&bed, "cable-pulled", cut.at, found)
    }))
}

fn router() -> Result<Option<Run>> {
    let Some(bed) = Bed::new()? else {
        return Ok(None);
    };
    let mut pair = bed.connect(false)?;
    Pair::keepalive(&pair.server, 1, 1, 2)?;
    pair.talk()?;
    bed.all_acknowledged();
    let reset = bed.wire.insert(Place::NextToB, Reset::new(Ways::Both))?;
    let (error, found) = death(&pair.server);
    assert_eq!(error, Some(Errno::CONNRESET.raw_os_error()));
    settle(&bed, |flags| flags.rst);
    Ok(Some(Run {
        cause: Some(Cause::PeerReset.into()),
        events: vec![(found, Side::B, "read: ECONNRESET".to_owned()).into()],
        ..run(&bed, "router-resets", reset.at, found)
    }))
}

/// A program on the client's host that connects, says a line, and waits.
const PEER: &str = r#"exec 3<>"/dev/tcp/$1/$2"; echo ping >&3; exec sleep 1000"#;

fn killed() -> Result<Option<Run>> {
    let Some(bed) = Bed::new()? else {
        return Ok(None);
    };
    if !Need::program("bash", "install bash") {
        return Ok(None);
    }
    let listener = bed.listen(false)?;
    let address = listener.local_addr()?;
    let mut command = Command::new("bash");
    command.args(["-c", PEER, "peer", &address.ip().to_string()]);
    command.arg(address.port().to_string()).stdin(Stdio::null());
    let process = bed.a.spawn(command)?;
    let (server, _) = listener.accept()?;
    server.set_read_timeout(Some(PATIENCE))?;
    Pair::keepalive(&server, 1, 1, 2)?;
    let mut reader = BufReader::new(&server);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    assert_eq!(line, "ping\n");
    let zero = clock::now();
    process.signal(9)?;
    // Nothing was unread: its kernel says FIN for it.
    assert_eq!(reader.read_line(&mut line)?, 0);
    let found = clock::now();
    settle(&bed, |flags| flags.fin);
    Ok(Some(Run {
        cause: Some(Cause::PeerClosed.into()),
        events: vec![
            (zero, Side::A, "kill -9".to_owned()).into(),
            (found, Side::B, "read: end".to_owned()).into(),
        ],
        ..run(&bed, "peer-killed", zero, found)
    }))
}

#[test]
fn three_deaths_are_one_page() -> Done {
    let runs = [cable()?, router()?, killed()?];
    let runs: Vec<Run> = runs.into_iter().flatten().collect();
    if runs.len() < 3 {
        // Said by what was needed.
        return Ok(());
    }
    let outcomes: Vec<Outcome> = runs.iter().map(Outcome::of).collect();
    assert_eq!(outcomes, [Outcome::InTime, Outcome::Found, Outcome::Found]);
    let report = Report {
        title: "Three deaths".to_owned(),
        machine: format!(
            "Linux {}",
            fs::read_to_string("/proc/sys/kernel/osrelease")?.trim()
        ),
        seed: Some(1),
        pcap: true,
        runs,
    };
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lab-report");
    let written = write(&dir, &report)?;
    let page = fs::read_to_string(&written.page)?;
    let ladders: Vec<&str> = page.split("class=\"ladder\"").skip(1).collect();
    let [cable, router, killed] = ladders[..] else {
        panic!("{} ladders", ladders.len());
    };
    // What a reader must be able to see in each.
    assert_eq!(cable.matches(">keepalive probe<").count(), 2, "{cable}");
    assert!(cable.contains("✕ cut") && cable.contains("of silence"));
    assert!(cable.contains(">RST ACK<") && cable.contains("read: ETIMEDOUT"));
    assert!(router.contains("made by reset") && router.contains("read: ECONNRESET"));
    assert!(killed.contains(">FIN ACK<") && killed.contains("kill -9"));
    assert!(!killed.contains("✕"), "nothing was lost");
    for (pcap, run) in written.pcaps.iter().zip(&report.runs) {
        let bytes = fs::read(pcap)?;
        assert!(bytes.len() > run.records.len() * 40, "{}", pcap.display());
    }
    Ok(())
}
