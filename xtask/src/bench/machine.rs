//! The machine a table was made on.

use std::fs;
use std::thread;
use std::time::Duration;

/// One line: processor, cores, memory, kernel.
pub(super) fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| field(&text, "model name"))
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| field(&text, "MemTotal"))
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map_or_else(String::new, |kib| {
            format!(", {:.0} GiB", kib / f64::from(1 << 20))
        });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cpu}, {cores} cores{memory}, Linux {}", kernel.trim())
}

/// How long the machine is watched before a benchmark.
const WATCHED: Duration = Duration::from_secs(2);

/// Of the time of all cores, the share that others may use without disturbing.
const DISTURBED: f64 = 0.1;

/// Whether others are at work: the cores' use while this process sleeps. (The
/// load average would count the build that comes before.)
pub(super) fn is_busy() -> bool {
    let times = || cpu_times(&fs::read_to_string("/proc/stat").ok()?);
    let before = times();
    thread::sleep(WATCHED);
    match (before, times()) {
        (Some(before), Some(after)) => share(before, after) > DISTURBED,
        _ => false,
    }
}

/// Clock ticks of all cores since boot: at work (for us, for the kernel or for
/// another guest of the same host), and in all.
fn cpu_times(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user nice system idle iowait irq softirq steal; what follows is in user.
    let fields = line.split_whitespace().take(8).map(str::parse);
    let fields: Vec<u64> = fields.collect::<Result<_, _>>().ok()?;
    let all: u64 = fields.iter().sum();
    let idle = fields.get(3)? + fields.get(4)?;
    Some((all - idle, all))
}

fn share(before: (u64, u64), after: (u64, u64)) -> f64 {
    let (work, all) = (
        after.0.saturating_sub(before.0),
        after.1.saturating_sub(before.1),
    );
    work as f64 / all.max(1) as f64
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_what_follows_its_colon() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n";
        assert_eq!(field(text, "model name").unwrap(), "Some CPU @ 2 GHz");
        assert_eq!(field(text, "MemTotal"), None);
    }

    #[test]
    fn waiting_is_no_work_and_what_another_guest_takes_is() {
        let text = "cpu  100 10 50 800 30 1 2 7 40 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(cpu_times(text), Some((170, 1000)));
        assert_eq!(cpu_times("cpu  1 2 3\n"), None);
        assert!((share((170, 1000), (220, 1200)) - 0.25).abs() < 1e-9);
        assert!(share((1, 1), (1, 1)) < 1e-9);
    }
}
