//! A WebSocket over a watched stream, asked by its own ping.

use std::sync::Arc;
use std::time::Duration;

use ayt::cause::{self, Cause};
use ayt::watched::{Detector, Judgement, Watched};
use futures_util::{SinkExt, StreamExt};
use tokio::io::duplex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

use crate::Done;

/// Asks after 20 s of silence, gives up after 30 s.
#[derive(Debug, Default)]
struct Asking {
    since: Option<Duration>,
    asked: bool,
}

impl Detector for Asking {
    fn on_received(&mut self, now: Duration) {
        self.resume(now);
    }

    fn pause(&mut self, _now: Duration) {
        self.since = None;
    }

    fn resume(&mut self, now: Duration) {
        self.since = Some(now);
        self.asked = false;
    }

    fn next_deadline(&self) -> Option<Duration> {
        let after = Duration::from_secs(if self.asked { 30 } else { 20 });
        self.since.map(|since| since + after)
    }

    fn poll(&mut self, now: Duration) -> Judgement {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return Judgement::Alive;
        }
        if std::mem::replace(&mut self.asked, true) {
            self.since = None;
            return Judgement::Silent;
        }
        Judgement::Suspect
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_the_challenge_and_only_a_frozen_peer_ends() -> Done {
    let (near, far) = duplex(4096);
    let overdue = Arc::new(Notify::new());
    let wake = Arc::clone(&overdue);
    let near = Watched::new(near, Asking::default()).on_suspect(move |_| wake.notify_one());
    let (server, client) = tokio::join!(accept_async(near), client_async("ws://localhost/", far));
    let (mut server, (mut client, _)) = (server?, client?);

    // The client says nothing by itself for nearly ten minutes, and then freezes.
    let start = Instant::now();
    let living = tokio::spawn(async move {
        let answer = async {
            while let Some(Ok(message)) = client.next().await {
                assert!(message.is_ping());
            }
        };
        let frozen = tokio::time::timeout(Duration::from_secs(590), answer).await;
        assert!(frozen.is_err());
        client
    });
    let mut pings = 0;
    let error = loop {
        tokio::select! {
            message = server.next() => match message.expect("an end that is an error") {
                Ok(Message::Pong(payload)) => assert_eq!(&payload[..], b"are you there?"),
                Ok(other) => panic!("{other:?}"),
                Err(error) => break error,
            },
            () = overdue.notified() => {
                pings += 1;
                server.send(Message::Ping("are you there?".into())).await?;
            }
        }
    };
    assert_eq!(cause::find(&error), Some(Cause::HeartbeatMissed));
    assert_eq!(start.elapsed(), Duration::from_secs(580 + 30));
    assert_eq!(
        pings, 30,
        "one each 20 s, the last of which nobody answered"
    );
    drop(living.await?);
    Ok(())
}
