//! `ayt reap`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::{AskArgs, FilterArgs, Json, values};

const HELP: &str = "\
Destroys connections that a probe has just found dead, and says which really \
vanished and which descriptors their owners still hold. Without --yes it only \
shows what it would do.

The owner of a destroyed connection reads what is left, then ECONNABORTED; the \
peer, should it live, gets RST. A connection whose peer is heard between the \
verdict and the deed is left alone. Destroying frees the kernel's connection, \
not the owner's descriptor: it is no cure for \"too many open files\".

Needs CAP_NET_ADMIN.";

const EXAMPLES: &str = "\
Examples:
  ayt reap --command redis-server
  ayt reap --command redis-server --yes
  ayt reap --pid 812 --close-wait-over 1h --yes
  ayt reap --connection 10.0.0.1:80,10.0.0.7:51144 --yes";

/// Options of `ayt reap`.
#[derive(Debug, Args)]
#[command(long_about = HELP, after_long_help = EXAMPLES)]
pub(crate) struct ReapArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Every connection of the host, without a filter
    #[arg(long, help_heading = "Filter")]
    pub(crate) all: bool,
    /// Also those in CLOSE_WAIT for at least this long, without asking
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) close_wait_over: Option<Duration>,
    /// Also those in FIN_WAIT_2 for at least this long, without asking
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) fin_wait_2_over: Option<Duration>,
    /// Exactly this connection, without asking; may be given again
    #[arg(long, value_name = "LOCAL,REMOTE", value_parser = values::connection)]
    pub(crate) connection: Vec<Named>,
    /// Do it
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// A connection named by its two addresses.
pub(crate) type Named = (SocketAddr, SocketAddr);
