//! ayt's settings as reqwest's own options.
//!
//! reqwest 0.13 connects by itself: its `connector_layer` wraps its connector and
//! cannot replace it, so there is no [`Watched`](crate::watched::Watched) under it
//! and no detector. It does set keepalive and the user timeout on its sockets,
//! which finds a vanished server. The cause of a failed request is had by
//! [`cause::find`](crate::cause::find) from its error, out of the error's number
//! alone.

use std::time::Duration;

use ::reqwest::ClientBuilder;
use ayt_core::keepalive::Keepalive;

/// What became of the user timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserTimeout {
    /// It is set as asked (or left off, for 0).
    Set,
    /// This system has none, so the in-flight path is the kernel's own.
    Unsupported(&'static str),
}

/// Gives a client's sockets these settings, all of them, in place of reqwest's own
/// (15 s, 15 s, 3 probes and a user timeout of 30 s).
pub fn settings(builder: ClientBuilder, settings: &Keepalive) -> (ClientBuilder, UserTimeout) {
    let on = settings.enabled;
    let seconds = |seconds: u32| on.then(|| Duration::from_secs(seconds.into()));
    let builder = builder
        .tcp_keepalive(seconds(settings.idle_s))
        .tcp_keepalive_interval(seconds(settings.interval_s))
        .tcp_keepalive_retries(on.then_some(settings.count));
    let timeout = match settings.user_timeout_ms {
        0 => None,
        ms => Some(Duration::from_millis(ms.into())),
    };
    ayt_sys::with_user_timeout!({
        (builder.tcp_user_timeout(timeout), UserTimeout::Set)
    } else {
        let supported = match timeout {
            None => UserTimeout::Set,
            Some(_) => UserTimeout::Unsupported("this system has no TCP_USER_TIMEOUT"),
        };
        (builder, supported)
    })
}
