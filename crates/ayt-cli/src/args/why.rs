//! `ayt why`.

use std::time::Duration;

use ayt_core::doctor::Limits;
use ayt_core::why::{Wanted, limits};
use ayt_guard::collect::as_seen;
use ayt_guard::why::Question;
use clap::Args;

use super::{AskArgs, Json, values};

pub(super) const HELP: &str = "\
Says in one paragraph why a port, a process, a command or a connection does not \
answer, the most important cause first: which thread sits in which call on which \
descriptor, whose peer is gone, who waits behind it. The evidence stands below, \
then what to do. Where nothing is wrong it says what was looked at.

It looks at listeners, connections, threads (their calls, and what these wait \
for), children, limits and counters, and changes nothing. Peers are asked as \
`ayt probe` asks, 64 at most, and only where the answer matters: those that a \
thread sits on, those asked about, and those long silent. --no-probe asks nobody.";

const SUBJECT: &str = "\
What to explain:
  :7000              whoever listens there; else whoever uses the port
  7000               the same, or the process with this number
  nginx              processes of this command that belong together
  10.0.3.7:51144     connections with this at either end, a listener
  LOCAL,REMOTE       one connection, by both ends (also LOCAL-REMOTE)
port:, pid:, command: and cookie: say which it is. What could be several things \
is an error that lists them.";

const EXAMPLES: &str = "\
Exit status:
  0  nothing is wrong
  1  a cause was found
  2  usage; there is no such thing, or there are several
  3  could not look; or only in part, and found nothing
  With --watch, that of the last answer; 130 or 143 when stopped.

Examples:
  ayt why :7000
  ayt why nginx --no-probe
  ayt why 10.0.0.1:41800,10.0.3.7:5432 --json | jq .sentence
  ayt why :7000 --watch --interval 10s";

/// Options of `ayt why`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct WhyArgs {
    /// A port (:7000), a pid, a command or a connection
    #[arg(value_name = "SUBJECT", long_help = SUBJECT)]
    wanted: Wanted,
    /// "Here" is this network namespace: name, inode or `host`
    #[arg(long, value_name = "NAME", help_heading = "Filter")]
    netns: Vec<String>,
    /// Ask nobody, only look
    #[arg(
        long,
        help_heading = "Asking",
        conflicts_with_all = ["engine", "rate", "patience"]
    )]
    no_probe: bool,
    #[command(flatten)]
    ask: AskArgs,
    /// Silence, or a stop, that counts (2s)
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Limits")]
    idle_after: Option<Duration>,
    /// Between two looks at an accept queue (150ms)
    #[arg(
        long,
        value_name = "TIME",
        value_parser = values::positive_duration,
        help_heading = "Limits"
    )]
    look_apart: Option<Duration>,
    /// Answer again until the answer is another
    #[arg(long, help_heading = "Output")]
    pub(crate) watch: bool,
    /// Between two answers of --watch (2s)
    #[arg(
        long,
        value_name = "TIME",
        default_value = "2s",
        hide_default_value = true,
        requires = "watch",
        value_parser = values::positive_duration,
        help_heading = "Output"
    )]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl WhyArgs {
    /// The question they ask.
    pub(crate) fn question(&self) -> Question {
        let usual = limits();
        Question {
            wanted: self.wanted.clone(),
            namespaces: as_seen(&self.netns),
            limits: Limits {
                idle_after: self.idle_after.unwrap_or(usual.idle_after),
                ..usual
            },
            apart: self.look_apart.unwrap_or(Question::APART),
            probe: (!self.no_probe).then(|| self.ask.probe()),
        }
    }
}
