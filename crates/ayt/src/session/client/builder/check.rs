//! Every setting in its range: docs/protocol.md, "Timers and bounds".

use std::ops::RangeInclusive;
use std::time::Duration;

use ayt_core::session::codec::bounds;
use ayt_core::session::handshake::Credential;
use ayt_core::session::traffic::Accepts;

use super::{BadClient, Builder, MS};

impl Builder {
    pub(super) fn check(&self) -> Result<(), BadClient> {
        let identity = self.hello.identity.len();
        if !bounds::IDENTITY.contains(&identity) {
            return Err(BadClient::Identity(identity));
        }
        for (name, beat) in [
            ("client beat", self.client_beat),
            ("server beat", self.server_beat),
        ] {
            if !beat.is_zero() {
                time(name, beat, MS(10)..=MS(3_600_000))?;
            }
        }
        for address in &self.addresses {
            let parts = address.rsplit_once(':');
            if parts.is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()) {
                return Err(BadClient::Address(address.clone()));
            }
        }
        self.sockets.check()?;
        if self.saved.as_ref().is_some_and(|saved| !saved.is_sound()) {
            return Err(BadClient::Saved);
        }
        let by_certificate = matches!(self.credential, Some(Credential::Certificate));
        if by_certificate && !self.addresses.is_empty() && !self.has_tls() {
            return Err(BadClient::CertificateWithoutTls);
        }
        time("least beat", self.least_beat, MS(10)..=MS(3_600_000))?;
        time("pace's cap", self.pace.cap, bounds::PACE)?;
        let base = *bounds::PACE.start()..=self.pace.cap;
        time("pace's base", self.pace.base, base)?;
        time(
            "connection's time",
            self.connect_within,
            MS(100)..=MS(300_000),
        )?;
        time(
            "registration deadline",
            self.hello.deadline,
            bounds::REGISTRATION,
        )?;
        time(
            "acknowledgement delay",
            self.config.ack_delay,
            bounds::ACK_DELAY,
        )?;
        time("drain time", self.drain, bounds::DRAIN)?;
        time("time for closing", self.close_within, bounds::FINISH)?;
        let Accepts {
            max_payload,
            window,
        } = self.config.own;
        size("max payload", max_payload, bounds::MAX_PAYLOAD)?;
        size("window", window, bounds::WINDOW)?;
        size("replay bound", self.config.replay_bound, bounds::WINDOW)
    }

    #[cfg(feature = "tls")]
    const fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    const fn has_tls(&self) -> bool {
        false
    }
}

fn time(
    what: &'static str,
    value: Duration,
    range: RangeInclusive<Duration>,
) -> Result<(), BadClient> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(BadClient::Time { what, value, range })
}

fn size(what: &'static str, value: u32, range: RangeInclusive<u32>) -> Result<(), BadClient> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(BadClient::Size { what, value, range })
}
