//! In virtual time, over pipes in memory.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::sleep;

use super::*;
use crate::watched::{Detector, Judgement, Watched};

const SECOND: Duration = Duration::from_secs(1);

/// A client, a server, and a copy between them that runs by itself.
fn relay(bounds: Bounds) -> (DuplexStream, DuplexStream, tokio::task::JoinHandle<Copied>) {
    let (client, mut a) = duplex(64);
    let (server, mut b) = duplex(64);
    let copy = tokio::spawn(async move { bidirectional(&mut a, &mut b, bounds).await });
    (client, server, copy)
}

#[tokio::test(start_paused = true)]
async fn both_ways_are_carried_and_counted() {
    let (client, server, copy) = relay(Bounds::default());
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let (mut client_in, mut client_out) = tokio::io::split(client);
    let (mut server_in, mut server_out) = tokio::io::split(server);
    let (mut at_client, mut at_server) = (Vec::new(), Vec::new());
    let (a, b, c, d) = tokio::join!(
        async {
            client_out.write_all(&bytes).await?;
            client_out.shutdown().await
        },
        async {
            server_out.write_all(&bytes[..70_000]).await?;
            server_out.shutdown().await
        },
        client_in.read_to_end(&mut at_client),
        server_in.read_to_end(&mut at_server),
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
    assert!(at_server == bytes && at_client == bytes[..70_000]);
    let copied = copy.await.unwrap();
    assert_eq!(
        (copied.a_to_b.bytes, copied.b_to_a.bytes),
        (100_000, 70_000)
    );
    assert!(matches!(copied.a_to_b.end, End::Finished));
    assert!(matches!(copied.b_to_a.end, End::Finished));
}

#[tokio::test(start_paused = true)]
async fn the_answer_after_a_half_close_arrives_however_long_it_takes() {
    let (mut client, mut server, copy) = relay(Bounds::default());
    client.write_all(b"request").await.unwrap();
    client.shutdown().await.unwrap();
    let mut request = Vec::new();
    server.read_to_end(&mut request).await.unwrap();
    assert_eq!(request, b"request");
    // Ten minutes of answer, a piece each 20 s: it is alive.
    let answer = async {
        for _ in 0..30 {
            sleep(SECOND * 20).await;
            server.write_all(b"piece").await.unwrap();
        }
        server.shutdown().await.unwrap();
    };
    let mut heard = Vec::new();
    let ((), read) = tokio::join!(answer, client.read_to_end(&mut heard));
    read.unwrap();
    assert_eq!(heard.len(), 150);
    assert!(matches!(copy.await.unwrap().b_to_a.end, End::Finished));
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_state_without_a_byte_is_bounded() {
    let (mut client, server, copy) = relay(Bounds::default());
    let start = Instant::now();
    sleep(SECOND * 1000).await;
    client.write_all(b"x").await.unwrap();
    client.shutdown().await.unwrap();
    let copied = copy.await.unwrap();
    assert_eq!(start.elapsed(), SECOND * 1030, "not before, however idle");
    assert!(matches!(copied.a_to_b.end, End::Finished));
    assert!(matches!(copied.b_to_a.end, End::HalfClosedTooLong));
    assert_eq!(copied.b_to_a.end.cause(), Cause::LocalClose);
    drop(server);
    // As a drop-in it is an error that says so.
    let (mut client, mut a) = duplex(64);
    let (_server, mut b) = duplex(64);
    client.shutdown().await.unwrap();
    let error = copy_bidirectional(&mut a, &mut b).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(crate::cause::find(&error), Some(Cause::LocalClose));
}

#[tokio::test(start_paused = true)]
async fn without_a_bound_it_waits() {
    let (mut client, mut server, copy) = relay(Bounds {
        half_closed: None,
        buffer: 0,
    });
    client.shutdown().await.unwrap();
    sleep(SECOND * 100_000).await;
    server.write_all(b"at last").await.unwrap();
    drop(server);
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"at last");
    assert!(matches!(copy.await.unwrap().b_to_a.end, End::Finished));
}

/// Silent for 30 s is dead.
#[derive(Debug)]
struct HalfMinute(Option<Duration>);

impl Detector for HalfMinute {
    fn on_received(&mut self, now: Duration) {
        self.0 = Some(now);
    }
    fn pause(&mut self, _now: Duration) {
        self.0 = None;
    }
    fn resume(&mut self, now: Duration) {
        self.0 = Some(now);
    }
    fn next_deadline(&self) -> Option<Duration> {
        self.0.map(|since| since + SECOND * 30)
    }
    fn poll(&mut self, now: Duration) -> Judgement {
        if self.next_deadline().is_some_and(|at| at <= now) {
            Judgement::Silent
        } else {
            Judgement::Alive
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_side_ends_the_copy_and_is_named() {
    for silent in [Side::A, Side::B] {
        let (mut client, a) = duplex(1024);
        let (mut server, b) = duplex(1024);
        let mut a = Watched::new(a, HalfMinute(None));
        let mut b = Watched::new(b, HalfMinute(None));
        let start = Instant::now();
        let talk = async {
            let talker = match silent {
                Side::A => &mut server,
                Side::B => &mut client,
            };
            loop {
                sleep(SECOND * 9).await;
                talker.write_all(b"here").await.unwrap();
            }
        };
        let copied = tokio::select! {
            () = talk => unreachable!("it talks for ever"),
            copied = bidirectional(&mut a, &mut b, Bounds::default()) => copied,
        };
        assert_eq!(start.elapsed(), SECOND * 30);
        let (dead, alive) = match silent {
            Side::A => (copied.a_to_b, copied.b_to_a),
            Side::B => (copied.b_to_a, copied.a_to_b),
        };
        assert!(
            matches!(dead.end, End::Broken { side, cause: Cause::HeartbeatMissed, .. } if side == silent)
        );
        assert!(matches!(alive.end, End::Stopped), "{alive:?}");
        assert_eq!(alive.bytes, 12);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_before_the_write_failed_is_not_lost() {
    // The server answers at once and takes no more of the upload.
    let (mut client, a) = duplex(1024);
    let (server, b) = duplex(4096);
    let mut server = server;
    server.write_all(b"413 too large").await.unwrap();
    drop(server);
    let mut a = a;
    let mut b = b;
    client.write_all(&[7; 500]).await.unwrap();
    let copied = bidirectional(&mut a, &mut b, Bounds::default()).await;
    assert!(matches!(
        copied.a_to_b.end,
        End::Broken { side: Side::B, .. }
    ));
    assert!(matches!(copied.b_to_a.end, End::Finished));
    drop(a);
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"413 too large");
}
