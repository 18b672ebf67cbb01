//! Sessions and the listener over TLS: real rustls, with certificates made here.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

#[path = "../common/mod.rs"]
mod common;

mod authority;
mod below;
mod call;
mod certificates;
#[path = "../common/cut.rs"]
mod cut;
mod cuts;
mod door;
mod ends;
mod interop;
mod life;
mod listener;
mod plain;
mod raw;
mod replay;

use std::time::Duration;

use ayt::session::client::{Builder, Event, Loss};
use ayt::session::{Client, Key};
use ayt::tls::TlsError;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

const KEY: [u8; 32] = [7; 32];

fn key() -> Key {
    Key::new(&KEY).expect("a key of 32 bytes")
}

fn keys() -> std::collections::HashMap<bytes::Bytes, Key> {
    [("device".into(), key())].into()
}

/// A client that comes back soon.
fn device() -> Builder {
    Client::builder("device").pace(MS(10), MS(50))
}

/// The first event that `wanted` takes.
async fn event<R>(client: &Client, mut wanted: impl FnMut(Event) -> Option<R>) -> R {
    loop {
        let event = client.event().await.expect("the client has ended");
        if let Some(result) = wanted(event) {
            return result;
        }
    }
}

/// How TLS failed.
async fn tls_failure(client: &Client) -> TlsError {
    event(client, |event| match event {
        Event::Lost(Loss::Tls(error)) => Some(error),
        Event::Lost(other) => panic!("not TLS: {other}"),
        _ => None,
    })
    .await
}

/// Waits until it is true.
async fn until(mut is: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + S(60);
    while !is() {
        assert!(tokio::time::Instant::now() < deadline, "it never came true");
        tokio::time::sleep(MS(5)).await;
    }
}
