//! `ayt plan`.

use std::time::Duration;

use ayt_core::keepalive::{Kernel, Os, Policy};
use ayt_core::plan::{Behind, Family, Ground, Loss, Target, Wish};
use clap::{ArgGroup, Args};

use super::{Json, values};

pub(super) const HELP: &str = "\
Says which keepalive, user timeout and heartbeat find a vanished peer in time, \
when exactly, and what they cost; or, with --check, what given settings do. It \
looks at nothing and changes nothing.

The settings are written as for `ayt arm`: 60/5/3 is 60 s idle, then 3 probes 5 s \
apart; U is the user timeout. Times are given as [earliest, latest], because the \
kernel's timers round up. A wish that nothing fulfils is refused (exit status 2), \
and what binds is named with the shortest time that can be had. With --check and \
--detect-within or --outage, settings that do less are exit status 1.

--emit prints the settings as text to paste for: sysctl, c, cpp, csharp, java, go, \
rust, python, node, nginx, haproxy, envoy, postgresql, mysql, redis, sshd, systemd, \
kubernetes, windows-registry, powershell.";

const EXAMPLES: &str = "\
Examples:
  ayt plan --detect-within 30s
  ayt plan --detect-within 30s --loss 2% --outage 10s --rtt 80ms
  ayt plan --detect-within 5m --behind aws-nlb --devices 100000
  ayt plan --check 60/5/3 --user-timeout 20s
  ayt plan --check 60/5/3 --emit postgresql
  ayt plan --list-middleboxes";

/// Options of `ayt plan`.
#[derive(Debug, Args)]
#[command(
    override_usage = "ayt plan --detect-within <TIME> [OPTIONS]\n       \
                      ayt plan --check <I/V/N> [--user-timeout <TIME>] [OPTIONS]\n       \
                      ayt plan --list-middleboxes [--json]",
    after_long_help = EXAMPLES,
    group(ArgGroup::new("what").required(true).multiple(true))
)]
pub(crate) struct PlanArgs {
    /// Find a vanished peer within this time
    #[arg(
        long,
        value_name = "TIME",
        group = "what",
        value_parser = values::positive_duration,
        help_heading = "Wish"
    )]
    detect_within: Option<Duration>,
    /// Explain IDLE/INTERVAL/COUNT (s, s, probes): 60/5/3
    #[arg(long, value_name = "I/V/N", group = "what", help_heading = "Wish")]
    check: Option<Policy>,
    /// TCP_USER_TIMEOUT beside --check; 0 is off
    #[arg(
        long,
        value_name = "TIME",
        value_parser = values::user_timeout,
        requires = "check",
        help_heading = "Wish"
    )]
    user_timeout: Option<Duration>,
    /// Survive any outage shorter than this
    #[arg(
        long,
        value_name = "TIME",
        value_parser = values::positive_duration,
        help_heading = "Wish"
    )]
    outage: Option<Duration>,
    /// No false death at this loss of segments: 2%
    #[arg(
        long,
        value_name = "PERCENT",
        value_parser = values::loss,
        help_heading = "Wish"
    )]
    loss: Option<Loss>,
    /// A box to keep awake: aws-nlb, azure-lb, …, 350s
    #[arg(long, value_name = "BOX", value_delimiter = ',', help_heading = "Wish")]
    behind: Vec<Behind>,
    /// At most so many bytes a month and connection: 5MB
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = values::bytes,
        help_heading = "Wish"
    )]
    bytes_budget: Option<u64>,
    /// How many connections: says the probes a second
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000),
        help_heading = "Wish"
    )]
    devices: Option<u64>,
    /// A server that looks for overdue heartbeats so often
    #[arg(
        long,
        value_name = "TIME",
        value_parser = values::positive_duration,
        help_heading = "Wish"
    )]
    poll: Option<Duration>,
    /// linux, android, macos, windows, … [default: linux]
    #[arg(
        long,
        value_name = "OS",
        value_parser = values::os,
        help_heading = "Where"
    )]
    os: Option<Os>,
    /// Round trip to the peer [default: a few milliseconds]
    #[arg(
        long,
        value_name = "TIME",
        value_parser = values::round_trip,
        help_heading = "Where"
    )]
    rtt: Option<Duration>,
    /// Timer ticks a second of Linux [default: any of 100 to 1000]
    #[arg(
        long,
        value_name = "HZ",
        value_parser = clap::value_parser!(u32).range(24..=1200),
        help_heading = "Where"
    )]
    hz: Option<u32>,
    /// Count bytes with IPv6 headers
    #[arg(long, help_heading = "Where")]
    ipv6: bool,
    /// Print text to paste for this target: sysctl, c, …
    #[arg(long, value_name = "TARGET", help_heading = "Output")]
    pub(crate) emit: Option<Target>,
    /// Show the boxes that --behind knows
    #[arg(
        long,
        group = "what",
        conflicts_with_all = ["detect_within", "check", "emit"],
        help_heading = "Output"
    )]
    pub(crate) list_middleboxes: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl PlanArgs {
    /// What is wished; a time of zero where none is.
    pub(crate) fn wish(&self) -> Wish {
        let kernel = Kernel {
            hz: self.hz,
            ..Kernel::default()
        };
        let ground = Ground::new(self.os.unwrap_or(Os::Linux), kernel, self.rtt);
        Wish {
            behind: self.behind.clone(),
            loss: self.loss,
            outage: self.outage,
            poll: self.poll,
            family: match self.ipv6 {
                true => Family::V6,
                false => Family::V4,
            },
            devices: self.devices,
            bytes_budget: self.bytes_budget,
            ..Wish::new(self.detect_within.unwrap_or_default(), ground)
        }
    }

    /// The settings to explain, where some are given.
    pub(crate) fn given(&self) -> Result<Option<Policy>, String> {
        let Some(policy) = self.check else {
            return Ok(None);
        };
        match self.user_timeout {
            None => Ok(Some(policy)),
            Some(Duration::ZERO) => Ok(Some(policy.without_user_timeout())),
            Some(time) => policy
                .with_user_timeout(time)
                .map(Some)
                .map_err(|error| error.to_string()),
        }
    }
}
