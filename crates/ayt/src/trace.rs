//! Spans and events, or nothing without the feature `tracing`.
//!
//! Names and fields are part of the interface: span `connection` with `peer`,
//! `cause`, `bytes_received` and `bytes_sent`; events under the target `ayt` with
//! the same names.

#[cfg(feature = "tracing")]
mod on {
    use std::net::SocketAddr;
    use std::time::Duration;

    use tracing::field::{Empty, display};
    use tracing::{debug, info, info_span, warn};

    use crate::cause::Cause;
    use crate::listener::Refusal;
    use crate::watched::Suspected;

    pub(crate) type Span = tracing::Span;

    pub(crate) fn connection(peer: Option<SocketAddr>) -> Span {
        let span = info_span!(
            target: "ayt",
            "connection",
            peer = Empty,
            cause = Empty,
            bytes_received = Empty,
            bytes_sent = Empty,
        );
        if let Some(peer) = peer {
            span.record("peer", display(peer));
        }
        span
    }

    pub(crate) fn peer(span: &Span, peer: SocketAddr) {
        span.record("peer", display(peer));
    }

    pub(crate) fn suspected(span: &Span, suspected: &Suspected) {
        let silent_ms = millis(suspected.silent_for);
        info!(target: "ayt", parent: span, silent_ms, "overdue: the peer is asked");
    }

    pub(crate) fn late(span: &Span, by: Duration) {
        let late_ms = millis(by);
        warn!(
            target: "ayt", parent: span, late_ms,
            "this process was late itself: the silence is not taken for the peer's"
        );
    }

    pub(crate) fn ended(span: &Span, cause: Cause, bytes_received: u64, bytes_sent: u64) {
        span.record("cause", cause.name());
        span.record("bytes_received", bytes_received);
        span.record("bytes_sent", bytes_sent);
        match cause {
            Cause::PeerClosed | Cause::LocalClose => debug!(
                target: "ayt", parent: span, cause = cause.name(), bytes_received, bytes_sent,
                "ended"
            ),
            _ => info!(
                target: "ayt", parent: span, cause = cause.name(), bytes_received, bytes_sent,
                "ended"
            ),
        }
    }

    pub(crate) fn refused(peer: SocketAddr, refusal: &Refusal) {
        warn!(
            target: "ayt", %peer, cause = Cause::Refused.name(), why = %refusal, "refused"
        );
    }

    #[cfg(feature = "tls")]
    pub(crate) fn no_tls(peer: Option<SocketAddr>, error: &crate::tls::TlsError) {
        let failure = error.failure().name();
        debug!(target: "ayt", peer = peer.map(display), failure, %error, "no TLS");
    }

    pub(crate) fn accept_failed(error: &std::io::Error, pause: Duration) {
        warn!(
            target: "ayt", %error, pause_ms = millis(pause),
            "accepting failed; trying again after the pause"
        );
    }

    /// What was set on a session's socket, as it was read back.
    #[cfg(any(unix, windows))]
    pub(crate) fn kernel_watch(
        peer: Option<SocketAddr>,
        probes: bool,
        set: std::io::Result<crate::keepalive::Applied>,
    ) {
        let peer = peer.map(display);
        match set {
            Ok(applied) => {
                let (settings, lacking) = (&applied.after, &applied.downgrades);
                debug!(target: "ayt", peer, probes, ?settings, ?lacking, "the kernel watches");
            }
            Err(error) => debug!(target: "ayt", peer, %error, "the kernel does not watch"),
        }
    }

    fn millis(duration: Duration) -> u64 {
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use std::net::SocketAddr;
    use std::time::Duration;

    use crate::cause::Cause;
    use crate::listener::Refusal;
    use crate::watched::Suspected;

    pub(crate) type Span = ();

    pub(crate) const fn connection(_peer: Option<SocketAddr>) -> Span {}
    pub(crate) const fn peer(_span: &Span, _peer: SocketAddr) {}
    pub(crate) const fn suspected(_span: &Span, _suspected: &Suspected) {}
    pub(crate) const fn late(_span: &Span, _by: Duration) {}
    pub(crate) const fn ended(_span: &Span, _cause: Cause, _received: u64, _sent: u64) {}
    pub(crate) const fn refused(_peer: SocketAddr, _refusal: &Refusal) {}
    #[cfg(feature = "tls")]
    pub(crate) fn no_tls(_peer: Option<SocketAddr>, _error: &crate::tls::TlsError) {}
    #[cfg(any(unix, windows))]
    pub(crate) fn kernel_watch(
        _peer: Option<SocketAddr>,
        _probes: bool,
        _set: std::io::Result<crate::keepalive::Applied>,
    ) {
    }
    pub(crate) const fn accept_failed(_error: &std::io::Error, _pause: Duration) {}
}

#[cfg(not(feature = "tracing"))]
pub(crate) use off::*;
#[cfg(feature = "tracing")]
pub(crate) use on::*;
