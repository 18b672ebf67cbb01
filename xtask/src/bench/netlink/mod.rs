//! `cargo xtask bench netlink`: three ways to read the kernel's socket table.
//! This is what "a thin layer of our own" was chosen by.

#[cfg(feature = "netlink-peers")]
mod nlink;
mod own;
#[cfg(feature = "netlink-peers")]
mod packets;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};

use super::Common;
use super::budget::Budget;
use super::crowd::Crowd;
use super::report::{Report, Section, count, megabytes, milliseconds, times};
use super::stats::{Samples, ratios};

pub(super) const COMMAND: &str = "bench netlink";

/// What to measure of netlink.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) common: Common,
    /// Sockets to list
    #[arg(long)]
    sockets: Option<usize>,
}

/// What a reader found: every one must find the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tally {
    /// Established sockets.
    established: usize,
    /// Of them, those with TCP's own account.
    with_info: usize,
    /// Of them, those with buffer memory.
    with_memory: usize,
    /// The sum of the inode numbers.
    inodes: u64,
}

/// A way to read the table of the namespace it is called in.
struct Reader {
    name: &'static str,
    read: fn() -> Result<Tally>,
}

const READERS: &[Reader] = &[
    Reader {
        name: "`ayt-sys`, the layer of our own",
        read: own::read,
    },
    #[cfg(feature = "netlink-peers")]
    Reader {
        name: "netlink-packet-sock-diag 0.5 with netlink-sys",
        read: packets::read,
    },
    #[cfg(feature = "netlink-peers")]
    Reader {
        name: "nlink 0.33",
        read: nlink::read,
    },
];

#[derive(Default)]
struct Line {
    wall: Samples,
    cpu: Samples,
    allocations: u64,
    peak: u64,
}

pub(super) fn run(args: &Args) -> Result<Report> {
    ensure!(
        cfg!(feature = "netlink-peers"),
        "the peers are not built in: add --features netlink-peers"
    );
    super::build(&["ayt-testbed"])?;
    let mut report = Report::begin(COMMAND);
    let common = &args.common;
    let budget = Budget::minutes(common.minutes);
    let sockets = args
        .sockets
        .unwrap_or(if common.quick { 10_000 } else { 100_000 });
    let rounds = if common.quick { 3 } else { 9 };
    let mut crowd = Crowd::new()?;
    crowd.grow_to(sockets)?;

    let mut lines: Vec<Line> = READERS.iter().map(|_| Line::default()).collect();
    let mut first = None;
    for (reader, line) in READERS.iter().zip(&mut lines) {
        // Untimed: what it finds, and what it allocates.
        let (tally, allocated) = crowd.ns().run(|| counted(reader))?;
        ensure!(
            tally.established >= crowd.sockets() && tally.with_info == tally.established,
            "{} finds {tally:?} of {} sockets",
            reader.name,
            crowd.sockets()
        );
        ensure!(
            *first.get_or_insert(tally) == tally,
            "{} finds {tally:?}, {} {first:?}",
            reader.name,
            READERS[0].name
        );
        line.allocations = allocated.count_total;
        line.peak = allocated.bytes_max;
    }
    for _ in 0..rounds {
        if !budget.allows(Duration::from_secs(10)) {
            break;
        }
        for (reader, line) in READERS.iter().zip(&mut lines) {
            let (wall, cpu) = crowd.ns().run(|| timed(reader))?;
            line.wall.push(1000.0 * wall.as_secs_f64());
            line.cpu.push(1000.0 * cpu.as_secs_f64());
        }
    }
    report.section(section(crowd.sockets(), &lines)?);
    Ok(report)
}

fn section(sockets: usize, lines: &[Line]) -> Result<Section> {
    let mut section = Section::new(
        format!("reading and parsing {} sockets", count(sockets)),
        &[
            "with",
            "wall, median",
            "min – max",
            "against ours",
            "CPU",
            "per socket",
            "allocations",
            "peak on the heap",
            "rounds",
        ],
    );
    let ours = &lines.first().context("no reader")?.wall;
    for (reader, line) in READERS.iter().zip(lines) {
        let wall = line.wall.median().context("no round")?;
        let show = |value: Option<f64>| value.map_or_else(String::new, milliseconds);
        section.row([
            reader.name.to_owned(),
            milliseconds(wall),
            format!("{} – {}", show(line.wall.min()), show(line.wall.max())),
            ratios(&line.wall, ours)
                .median()
                .map_or_else(String::new, times),
            show(line.cpu.median()),
            format!("{:.2} µs", 1000.0 * wall / sockets as f64),
            count(usize::try_from(line.allocations)?),
            megabytes(line.peak as f64),
            line.wall.len().to_string(),
        ]);
    }
    section.note(
        "Both families, all states, INET_DIAG_INFO and INET_DIAG_SKMEMINFO; each reader keeps what \
         it parsed until all of it is there, and all find the same sockets. The first two receive \
         into 64 KiB; nlink chooses for itself. An allocation counter is built into all of them.",
    );
    Ok(section)
}

fn counted(reader: &Reader) -> Result<(Tally, allocation_counter::AllocationInfo)> {
    let mut tally = Ok(Tally::default());
    let allocated = allocation_counter::measure(|| tally = (reader.read)());
    Ok((tally.with_context(|| reader.name)?, allocated))
}

fn timed(reader: &Reader) -> Result<(Duration, Duration)> {
    let (start, cpu) = (Instant::now(), thread_cpu()?);
    (reader.read)().with_context(|| reader.name)?;
    Ok((start.elapsed(), thread_cpu()?.saturating_sub(cpu)))
}

/// The CPU time of this thread.
fn thread_cpu() -> Result<Duration> {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Ok(Duration::new(
        u64::try_from(time.tv_sec)?,
        u32::try_from(time.tv_nsec)?,
    ))
}
