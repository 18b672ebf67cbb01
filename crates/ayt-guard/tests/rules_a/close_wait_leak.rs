//! `close_wait_leak`.
