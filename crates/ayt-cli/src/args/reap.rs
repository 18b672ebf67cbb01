//! `ayt reap`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::{AskArgs, FilterArgs, Json, values};

pub(super) const HELP: &str = "\
Destroys connections that a probe has just found dead, and says which really \
vanished and which descriptors their owners still hold. Without --yes it only \
shows what it would do.

The owner of a destroyed connection reads what is left, then ECONNABORTED; the \
peer, should it live, gets RST. A connection whose peer is heard between the \
verdict and the deed is left alone. Destroying frees the kernel's connection, \
not the owner's descriptor: it is no cure for \"too many open files\".

The kernel exports no age. --close-wait-over and --fin-wait-2-over go by the time \
since the peer was last heard, a lower bound, and so by nothing that was just \
asked.

With --yes the exit status is 0 only if everything was looked at, or the \
connections were named, and nothing that was to go is left.

Needs CAP_NET_ADMIN.";

const EXAMPLES: &str = "\
Examples:
  ayt reap --command redis-server
  ayt reap --command redis-server --yes
  ayt reap --pid 812 --close-wait-over 1h --yes
  ayt reap --connection 10.0.0.1:80,10.0.0.7:51144 --yes";

/// Options of `ayt reap`.
#[derive(Debug, Args)]
#[command(
    override_usage = "ayt reap <FILTER>… [OPTIONS]\n       \
                      ayt reap --connection <LOCAL,REMOTE> [OPTIONS]",
    after_long_help = EXAMPLES
)]
pub(crate) struct ReapArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Every connection, where no filter is given
    #[arg(long, help_heading = "Filter")]
    pub(crate) all: bool,
    /// Also those so long in CLOSE_WAIT, unasked
    #[arg(
        long,
        value_name = "TIME",
        value_parser = values::duration,
        help_heading = "Destroying"
    )]
    pub(crate) close_wait_over: Option<Duration>,
    /// Also those so long in FIN_WAIT_2, unasked
    #[arg(
        long,
        value_name = "TIME",
        value_parser = values::duration,
        help_heading = "Destroying"
    )]
    pub(crate) fin_wait_2_over: Option<Duration>,
    /// Only this one, unasked; may be repeated
    #[arg(
        long,
        value_name = "LOCAL,REMOTE",
        value_parser = values::connection,
        help_heading = "Destroying"
    )]
    pub(crate) connection: Vec<Named>,
    /// Do it; without, only show
    #[arg(long, help_heading = "Destroying")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// A connection named by its two addresses.
pub(crate) type Named = (SocketAddr, SocketAddr);
