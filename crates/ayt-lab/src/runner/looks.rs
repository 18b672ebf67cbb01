//! What is looked at besides, when a cell is over.

use std::time::Duration;

use ayt_core::facts::{NsId, Socket};
use ayt_core::keepalive::{Kernel, Os};
use ayt_core::plan::{self, Ground, Loss};
use ayt_core::tcp_state::TcpState;
use ayt_sys::DiagSocket;
use ayt_sys::wire::diag;

use super::Bed;
use crate::clock;
use crate::detectors::Setting;
use crate::error::LabError;
use crate::host::Host;
use crate::packet::Side;

impl Bed {
    /// The TCP sockets of a side, as its kernel lists them.
    ///
    /// # Errors
    /// When it does not.
    pub fn sockets(&self, side: Side) -> Result<Vec<Socket>, LabError> {
        sockets_of(self.host(side))
    }

    /// Waits until the states of server and client, listeners included, are such.
    ///
    /// # Errors
    /// When a kernel does not list them.
    pub fn eventually(
        &self,
        such: impl Fn(&[TcpState], &[TcpState]) -> bool,
    ) -> Result<bool, LabError> {
        self.eventually_within(Duration::from_secs(5), such)
    }

    /// As [`Bed::eventually`], for at most this time.
    ///
    /// # Errors
    /// When a kernel does not list them.
    pub fn eventually_within(
        &self,
        time: Duration,
        such: impl Fn(&[TcpState], &[TcpState]) -> bool,
    ) -> Result<bool, LabError> {
        let end = clock::now() + time;
        loop {
            let states = |side| -> Result<Vec<TcpState>, LabError> {
                let sockets = self.sockets(side)?;
                Ok(sockets.iter().map(|socket| socket.state).collect())
            };
            if such(&states(Side::A)?, &states(Side::B)?) {
                return Ok(true);
            }
            if clock::now() >= end {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// When the last FIN so far was sent, of either side.
    ///
    /// # Errors
    /// When there was none.
    pub fn last_fin(&self) -> Result<Duration, LabError> {
        let last = self.wire.log(|log| {
            let mut sent = log.records().rev();
            let fin = sent.find(|record| record.tcp().is_some_and(|tcp| tcp.flags.fin));
            fin.map(|record| record.at)
        });
        last.ok_or_else(|| LabError::other("the wire", "no FIN was seen", None))
    }

    /// Whether the planner calls it safe to watch with these settings over this loss.
    #[must_use]
    pub fn called_safe(&self) -> Option<(String, bool)> {
        let loss = Loss::new(self.cell.trouble.loss?)?;
        let ground = Ground::new(Os::Linux, Kernel::default(), None);
        let (kernel, terms) = match &self.cell.setting {
            Setting::Kernel(kernel) if kernel.enabled => (*kernel, None),
            Setting::Heartbeat(terms) => match plan::Detector::nothing() {
                plan::Detector::Kernel(kernel) => (kernel, Some(terms)),
                _ => return None,
            },
            _ => return None,
        };
        let chance = plan::false_death(&kernel, terms, None, loss, &ground);
        let what = format!("the planner: {chance:.0e} false deaths a month");
        Some((what, chance < plan::SAFE))
    }
}

/// The TCP sockets of a host (IPv4, and IPv6 for listeners of both).
pub(crate) fn sockets_of(host: &Host) -> Result<Vec<Socket>, LabError> {
    host.with_netns(|ns| {
        let mut sockets = Vec::new();
        let mut table = DiagSocket::open(ns)?;
        for family in [diag::INET, diag::INET6] {
            table.dump(family, u32::MAX, |payload| {
                if let Ok(Some(socket)) = diag::socket(payload, NsId(0)) {
                    sockets.push(socket);
                }
                Ok(())
            })?;
        }
        Ok(sockets)
    })
}
