//! The filters that all commands share.

use std::time::Duration;

use ayt_core::filter::{EndpointFilter, Filter};
use ayt_core::tcp_state::TcpState;
use ayt_guard::collect::as_seen;
use clap::Args;

use super::values;

/// Which connections: all conditions must hold; of one given several times, any
/// value.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArgs {
    /// In this state, or one of: ESTABLISHED,close-wait
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<TcpState>,
    /// This side: 10.0.0.7, fd00::/64, :5432, 10.0.0.0/8:443
    #[arg(long, value_name = "ENDPOINT")]
    local: Vec<EndpointFilter>,
    /// The other side, in the same forms
    #[arg(long, value_name = "ENDPOINT")]
    peer: Vec<EndpointFilter>,
    /// Held by this process, or one of: 812,913
    #[arg(long, value_name = "PID", value_delimiter = ',', value_parser = values::pid)]
    pid: Vec<u32>,
    /// Held by a process whose command contains this
    #[arg(long, value_name = "NAME")]
    command: Vec<String>,
    /// In this network namespace: name, inode or `host`
    #[arg(long, value_name = "NAME")]
    netns: Vec<String>,
    /// No data either way for at least this long: 20s, 1h30m
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    idle_over: Option<Duration>,
}

impl FilterArgs {
    /// The filter they describe.
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            states: self.state.clone(),
            local: self.local.clone(),
            peer: self.peer.clone(),
            pids: self.pid.clone(),
            commands: self.command.clone(),
            namespaces: as_seen(&self.netns),
            idle_over: self.idle_over,
        }
    }
}
