//! In the libraries that people use: a request through each of them, and the
//! cause of an end out of each one's error.

#[path = "../common/mod.rs"]
mod common;

mod axum;
mod hyper;
mod reqwest;
mod tls;
mod tonic;
mod trace;
mod websocket;

use std::time::Duration;

/// Result of a test.
type Done = Result<(), Box<dyn std::error::Error>>;

/// Long, because a machine with two cores may be building something else.
const PATIENCE: Duration = Duration::from_secs(20);

/// Short, for real time in tests.
const SHORT: Duration = Duration::from_millis(300);
