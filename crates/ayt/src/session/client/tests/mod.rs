mod cancel;
mod coming_back;
#[path = "../../../../tests/common/cut.rs"]
mod cut;
mod cuts;
mod doubt;
mod keeping;
mod losing;
mod real;
mod searching;
mod server;
mod settings;
mod spares;
mod standing;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ayt_core::session::proof::Key;
use bytes::Bytes;

use super::random::Random;
use super::{Builder, Client, Event};
use server::{KEY, Server};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

/// A client that connects to this server.
fn builder(server: &Server, seed: u64) -> Builder {
    let server = server.clone();
    let mut builder = Client::builder("device")
        .key(Key::new(KEY).unwrap())
        .connector(move || std::future::ready(server.connect()));
    builder.random = Random::Seeded(AtomicU64::new(seed));
    builder
}

fn client(server: &Server) -> Client {
    builder(server, 1).start().unwrap()
}

/// The next event that `wanted` takes.
async fn event<R>(client: &Client, mut wanted: impl FnMut(Event) -> Option<R>) -> R {
    loop {
        let event = client.event().await.expect("the client has ended");
        if let Some(result) = wanted(event) {
            return result;
        }
    }
}

async fn registered(client: &Client) -> bool {
    event(client, |event| match event {
        Event::Registered { resumed, .. } => Some(resumed),
        _ => None,
    })
    .await
}

/// How a client came to its end, in sentences.
async fn story(client: &Client) -> Vec<String> {
    let mut story = Vec::new();
    while let Some(event) = client.event().await {
        story.push(event.to_string());
    }
    story
}

fn number(n: u64) -> Bytes {
    Bytes::copy_from_slice(&n.to_be_bytes())
}
