//! `--report DIR` and `--pcap DIR`.

use std::path::PathBuf;
use std::thread;

use ayt_lab::report::{self, Report, Run};

use crate::args::LabArgs;
use crate::failure::Failure;

/// Makes the folders, before anything is measured for them.
pub(super) fn prepare(args: &LabArgs) -> Result<(), Failure> {
    let mut wanted = args.report.iter().chain(&args.pcap);
    wanted.try_for_each(|dir| Ok(report::make_folder(dir)?))
}

/// Writes what is wanted; where it lies now.
pub(super) fn keep(
    args: &LabArgs,
    title: &str,
    runs: impl FnOnce() -> Vec<Run>,
) -> Result<Vec<PathBuf>, Failure> {
    if args.report.is_none() && args.pcap.is_none() {
        return Ok(Vec::new());
    }
    let report = Report {
        title: title.to_owned(),
        machine: machine(),
        seed: args.seed,
        pcap: args.report == args.pcap,
        runs: runs(),
    };
    let mut kept = Vec::new();
    if let Some(dir) = &args.report {
        kept.push(report::write(dir, &report)?.page);
    }
    if let Some(dir) = &args.pcap
        && !report.pcap
    {
        report::write_pcaps(dir, &report)?;
    }
    kept.extend(args.pcap.clone());
    Ok(kept)
}

fn machine() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    let kernel = release.map_or("a kernel that hides its version".to_owned(), |release| {
        format!("Linux {}", release.trim())
    });
    let processors = match thread::available_parallelism() {
        Ok(number) if number.get() == 1 => "1 processor".to_owned(),
        Ok(number) => format!("{number} processors"),
        Err(_) => "processors unknown".to_owned(),
    };
    format!("{kernel}, {processors}")
}
