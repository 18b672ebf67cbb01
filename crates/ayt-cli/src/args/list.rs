//! `ayt list`.

use ayt_guard::collect::Exact;
use clap::{Args, ValueEnum};

use super::{FilterArgs, Json};

pub(super) const HELP: &str = "\
Shows every TCP socket of every network namespace that can be entered, with its \
owner, keepalive settings, for how long it has been idle (data, then the last \
acknowledgement), its queues (for a listener: waiting/backlog), retransmissions \
and timer.

Exact keepalive settings are read through a duplicate of each descriptor. By \
default that is done for up to 10,000 sockets; beyond, the timer tells only that \
keepalive is on (`on?`).

Columns to sort by: state, local, peer, owner, pid, keepalive, idle, ack, recv, \
send, retrans, timer, netns.";

const EXAMPLES: &str = "\
Examples:
  ayt list --state LISTEN
  ayt list --command nginx --peer 10.0.0.0/8 --sort idle
  ayt list --idle-over 1h --json | jq -r .remote";

/// Options of `ayt list`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Sort by a column; `-idle` is --sort idle --reverse
    #[arg(
        long,
        value_name = "COLUMN",
        allow_hyphen_values = true,
        value_parser = sort_column,
        help_heading = "Output"
    )]
    pub(crate) sort: Option<(SortColumn, bool)>,
    /// Turn the order round
    #[arg(long, help_heading = "Output")]
    pub(crate) reverse: bool,
    /// Read exact keepalive settings, however many
    #[arg(long, conflicts_with = "no_exact", help_heading = "Output")]
    exact: bool,
    /// Read none
    #[arg(long, help_heading = "Output")]
    no_exact: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl ListArgs {
    /// Whether exact settings are wanted.
    pub(crate) const fn exact(&self) -> Exact {
        match (self.exact, self.no_exact) {
            (true, _) => Exact::Always,
            (_, true) => Exact::Never,
            _ => Exact::Auto,
        }
    }
}

/// A column to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortColumn {
    /// State, in the order of a connection's life
    State,
    /// This side's address and port
    Local,
    /// The peer's address and port
    Peer,
    /// Command, then pid, then descriptor
    Owner,
    /// Pid
    Pid,
    /// Time in which keepalive finds a dead peer; none last
    Keepalive,
    /// Time since data went either way
    Idle,
    /// Time since the last acknowledgement
    Ack,
    /// Receive queue
    Recv,
    /// Send queue
    Send,
    /// Retransmissions
    Retrans,
    /// Time until the timer fires
    Timer,
    /// Network namespace
    Netns,
}

fn sort_column(text: &str) -> Result<(SortColumn, bool), String> {
    let (name, reverse) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let column = SortColumn::from_str(name, true).map_err(|_| {
        let names: Vec<String> = SortColumn::value_variants()
            .iter()
            .filter_map(|column| Some(column.to_possible_value()?.get_name().to_owned()))
            .collect();
        format!(
            "no column is called `{name}`; there are {}",
            names.join(", ")
        )
    })?;
    Ok((column, reverse))
}
