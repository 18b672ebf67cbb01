//! `middlebox_idle`.
