//! The server against a client made of the handshake's own half, over streams in
//! memory and in paused time.

mod beats;
mod client;
mod crowd;
mod frames;
mod held_up;
mod panics;
mod registering;
mod resuming;
mod settling;
mod several;
mod shutting;
mod sockets;
mod takeover;
mod tardy;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::session::frame::Reason;
use ayt_core::session::proof::Key;
use bytes::Bytes;

use super::*;
use client::Device;

const S: Duration = Duration::from_secs(1);

fn key(seed: u8) -> Key {
    Key::new(&[seed; 32]).unwrap()
}

fn keys() -> HashMap<Bytes, Key> {
    HashMap::from([
        (Bytes::from("a"), key(1)),
        (Bytes::from("b"), key(2)),
        (Bytes::from("c"), key(3)),
    ])
}

fn at(n: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 40_000))
}

fn limits() -> Limits {
    Limits {
        takeovers: 1_000_000,
        ..Limits::default()
    }
}

fn server() -> Server {
    Server::builder()
        .keys(keys())
        .limits(limits())
        .start()
        .unwrap()
}

fn with_policy(policy: Policy) -> Server {
    let builder = Server::builder().keys(keys()).limits(limits());
    builder.takeover(policy).start().unwrap()
}

/// Until it is true; in paused time a step costs none.
async fn until(mut is: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never came true");
}

const fn local_close() -> ayt_core::cause::Cause {
    ayt_core::cause::Cause::LocalClose
}
