//! `ayt arm`.

use std::time::Duration;

use ayt_core::keepalive::KeepaliveWish;
use ayt_guard::arm::Arm;
use clap::Args;

use super::{FilterArgs, Json, values};

pub(super) const HELP: &str = "\
Sets keepalive on live sockets of running processes, without a restart, and \
shows the settings before and after as read back from the kernel. A journal of \
the old values (AYT_RUNTIME_DIR in `ayt --help`) lets `ayt arm --disarm` take it \
back.

60/5/3 means: after 60 s without a byte ask every 5 s, and give up after 3 \
unanswered asks: an idle dead peer is found after 60 + 5 × 3 = 75 s. With a user \
timeout U the count no longer matters, and data in flight is given up after U. \
U also ends a living peer that takes no data for so long.

With --state LISTEN a listener is armed: connections it accepts from then on \
inherit the settings. A setting that followed the sysctl is pinned from then on, \
also after --disarm.";

const EXAMPLES: &str = "\
Examples:
  ayt arm --command redis-server --keepalive 60/5/3 --dry-run
  ayt arm --pid 812 --state ESTABLISHED --keepalive 60/5/3 --user-timeout 75s
  ayt arm --disarm --command redis-server";

/// Options of `ayt arm`.
#[derive(Debug, Args)]
#[command(
    override_usage = "ayt arm <FILTER>… --keepalive <I/V/N> [OPTIONS]\n       \
                      ayt arm --disarm [FILTER]… [OPTIONS]",
    after_long_help = EXAMPLES
)]
pub(crate) struct ArmArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Every connection, where no filter is given
    #[arg(long, help_heading = "Filter")]
    pub(crate) all: bool,
    /// IDLE/INTERVAL/COUNT (s, s, probes): 60/5/3
    #[arg(
        long,
        value_name = "I/V/N",
        required_unless_present = "disarm",
        help_heading = "Settings"
    )]
    keepalive: Option<KeepaliveWish>,
    /// TCP_USER_TIMEOUT; 0 is off; otherwise left as it is
    #[arg(
        long,
        value_name = "TIME",
        value_parser = values::user_timeout,
        conflicts_with = "disarm",
        help_heading = "Settings"
    )]
    user_timeout: Option<Duration>,
    /// Take back what `ayt arm` has set
    #[arg(long, conflicts_with = "keepalive", help_heading = "Settings")]
    pub(crate) disarm: bool,
    /// Only show what would be changed
    #[arg(long, help_heading = "Settings")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl ArmArgs {
    /// What to set; `None` to disarm.
    pub(crate) fn arm(&self) -> Option<Arm> {
        Some(Arm {
            keepalive: self.keepalive?,
            user_timeout: self.user_timeout,
            dry_run: self.dry_run,
        })
    }
}
