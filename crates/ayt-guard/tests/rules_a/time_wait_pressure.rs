//! `time_wait_pressure`.
