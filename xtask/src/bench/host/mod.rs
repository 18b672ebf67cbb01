//! `cargo xtask bench host`: the commands that look at a host, at scale.

mod answer;
mod doctor;
mod list;
mod probe;
mod single;
mod why;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use ayt_testbed::Ns;

use super::budget::Budget;
use super::crowd::Crowd;
use super::report::{Bar, Report, Section, count};
use super::watch::Run;
use super::{Common, build};

pub(super) const COMMAND: &str = "bench host";

/// What to measure of the `ayt` command.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) common: Common,
    /// Measure this binary instead of building one
    #[arg(long, value_name = "PATH")]
    ayt: Option<PathBuf>,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Sockets to list, in ascending order
    #[arg(long, value_delimiter = ',')]
    sizes: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    List,
    Doctor,
    Why,
    Probe,
    Single,
}

/// What every part needs.
struct Tools {
    ayt: PathBuf,
    fixture: PathBuf,
    budget: Budget,
    quick: bool,
}

impl Tools {
    fn ayt(&self, arguments: &[&str]) -> Run {
        // 1: something was found; 3: something was hidden. Both are results.
        Run::new(&self.ayt, arguments).accept("0,1,3")
    }

    fn rounds(&self, full: usize) -> usize {
        if self.quick { 3 } else { full }
    }
}

pub(super) fn run(args: &Args) -> Result<Report> {
    let mut packages = vec!["ayt-testbed"];
    if args.ayt.is_none() {
        packages.push("ayt-cli");
    }
    let built = build(&packages)?;
    let tools = Tools {
        ayt: match &args.ayt {
            Some(path) => path
                .canonicalize()
                .with_context(|| path.display().to_string())?,
            None => built.join("ayt"),
        },
        fixture: built.join("ayt-fixture"),
        budget: Budget::minutes(args.common.minutes),
        quick: args.common.quick,
    };
    Ns::new().context("making a network namespace; run as root, with iproute2 installed")?;
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    let mut report = Report::begin(COMMAND);
    if wanted(Part::Single) {
        step("one connection, 20 ms away");
        report.part("one connection", single::run(&tools));
    }
    if wanted(Part::Probe) {
        step("probe many connections");
        report.part("probe", probe::run(&tools));
    }
    if wanted(Part::List) || wanted(Part::Doctor) || wanted(Part::Why) {
        let sizes = match (&args.sizes[..], tools.quick) {
            ([], true) => vec![1_000, 10_000],
            ([], false) => vec![1_000, 10_000, 100_000, 400_000],
            (sizes, _) => sizes.to_vec(),
        };
        crowds(&tools, &sizes, &wanted, &mut report);
    }
    Ok(report)
}

/// One crowd that grows: what was measured at one size is not built again.
fn crowds(tools: &Tools, sizes: &[usize], wanted: &dyn Fn(Part) -> bool, report: &mut Report) {
    let mut crowd = match Crowd::new() {
        Ok(crowd) => crowd,
        Err(error) => return report.unmeasured(format!("list: {error:#}")),
    };
    // The doctor's bar is for this many, or for all there are.
    let doctors = sizes
        .iter()
        .copied()
        .filter(|&size| size <= doctor::SOCKETS)
        .max();
    let whys = sizes.iter().copied().filter(|&size| size <= why::SOCKETS);
    let whys = whys.max();
    let mut listed = list::Listed::default();
    for &size in sizes {
        step(&format!("{} sockets", count(size)));
        if let Err(error) = crowd.grow_to(size) {
            report.unmeasured(format!("{} sockets: {error:#}", count(size)));
            break;
        }
        if wanted(Part::List)
            && let Err(error) = listed.measure(tools, &crowd)
        {
            report.unmeasured(format!("list at {}: {error:#}", count(size)));
        }
        if wanted(Part::Doctor) && doctors == Some(size) {
            report.part("doctor", doctor::run(tools, &crowd));
        }
        if wanted(Part::Why) && whys == Some(size) {
            report.part("why", why::run(tools, &crowd));
        }
    }
    let (sections, bars) = listed.report();
    sections
        .into_iter()
        .for_each(|section| report.section(section));
    bars.into_iter().for_each(|bar| report.bar(bar));
    step("closing the crowd");
}

/// A kernel answers segments outside of the window at most twice a second
/// (`tcp_invalid_ratelimit`): a probe right after another finds silence.
fn let_peers_answer_again() {
    std::thread::sleep(Duration::from_millis(600));
}

/// A section and its verdicts.
type Found = Result<(Section, Vec<Bar>)>;

fn step(what: &str) {
    eprintln!("== {what}");
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
