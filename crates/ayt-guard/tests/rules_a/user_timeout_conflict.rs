//! `user_timeout_conflict`.
