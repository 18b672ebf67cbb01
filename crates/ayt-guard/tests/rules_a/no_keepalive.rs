//! `no_keepalive`.
