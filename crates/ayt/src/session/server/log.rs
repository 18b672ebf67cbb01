//! What a server says to the log: events under the target `ayt`, or nothing without the
//! feature `tracing`. Identities are shown escaped.

#[cfg(feature = "tracing")]
mod on {
    use std::fmt::Display;
    use std::net::SocketAddr;

    use ayt_core::cause::Cause;
    use ayt_core::session::frame::Refuse;
    use ayt_core::session::registry::Over;
    use tracing::{debug, error, warn};

    pub(crate) fn over(identity: &[u8], cause: Cause, why: Over) {
        let identity = identity.escape_ascii();
        debug!(target: "ayt", %identity, cause = cause.name(), ?why, "session over");
    }

    pub(crate) fn flapping(identity: &[u8]) {
        let identity = identity.escape_ascii();
        warn!(
            target: "ayt", %identity,
            "taken over again and again: two devices use one identity, or one restarts in a \
             loop; more takeovers are refused for now"
        );
    }

    pub(crate) fn refused(peer: SocketAddr, refuse: &Refuse) {
        let (reason, why) = (refuse.reason, &refuse.text);
        debug!(target: "ayt", %peer, ?reason, why, "refused");
    }

    pub(crate) fn no_certificate(peer: SocketAddr) {
        debug!(
            target: "ayt", %peer,
            "no client certificate: did the client send one over TLS, and does the server's \
             TLS configuration ask for it (`with_client_cert_verifier`)?"
        );
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(peer: SocketAddr, error: &crate::tls::TlsError) {
        debug!(target: "ayt", %peer, failure = error.failure().name(), %error, "no TLS");
    }

    pub(crate) fn gone(peer: SocketAddr) {
        debug!(target: "ayt", %peer, "gone before it was registered");
    }

    pub(crate) fn unable(peer: SocketAddr, what: &str, error: &dyn Display) {
        error!(target: "ayt", %peer, %error, "{what}");
    }

    pub(crate) fn cannot_accept(error: &std::io::Error) {
        error!(
            target: "ayt", %error,
            "cannot accept: too few descriptors (raise the limit, `ulimit -n`) or memory? It \
             is tried again and again"
        );
    }

    pub(crate) fn store(what: &str, error: &dyn Display) {
        warn!(target: "ayt", %error, "{what}");
    }

    pub(crate) fn unauthenticated(address: Option<SocketAddr>) {
        warn!(
            target: "ayt", ?address,
            "clients are not authenticated: whoever knows an identity can take it over"
        );
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use std::fmt::Display;
    use std::net::SocketAddr;

    use ayt_core::cause::Cause;
    use ayt_core::session::frame::Refuse;
    use ayt_core::session::registry::Over;

    pub(crate) const fn over(_identity: &[u8], _cause: Cause, _why: Over) {}
    pub(crate) const fn flapping(_identity: &[u8]) {}
    pub(crate) const fn refused(_peer: SocketAddr, _refuse: &Refuse) {}
    pub(crate) const fn no_certificate(_peer: SocketAddr) {}
    #[cfg(feature = "tls")]
    pub(crate) const fn tls(_peer: SocketAddr, _error: &crate::tls::TlsError) {}
    pub(crate) const fn gone(_peer: SocketAddr) {}
    pub(crate) fn unable(_peer: SocketAddr, _what: &str, _error: &dyn Display) {}
    pub(crate) const fn cannot_accept(_error: &std::io::Error) {}
    pub(crate) fn store(_what: &str, _error: &dyn Display) {}
    pub(crate) const fn unauthenticated(_address: Option<SocketAddr>) {}
}

#[cfg(not(feature = "tracing"))]
pub(crate) use off::*;
#[cfg(feature = "tracing")]
pub(crate) use on::*;
