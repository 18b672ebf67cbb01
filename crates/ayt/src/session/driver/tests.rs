use std::time::Duration;

use ayt_core::session::codec::Decoder;
use ayt_core::session::link::End;
use ayt_core::session::traffic::{Config, Traffic};
use ayt_core::session::{frame, link};
use bytes::Bytes;
use tokio::io::DuplexStream;

use super::*;

fn start() -> Start {
    let mut decoder = Decoder::new();
    decoder.set_limit(65_544);
    Start {
        terms: link::Terms::default(),
        detector: None,
        decoder,
        below: Below::default(),
    }
}

fn ends() -> (Clock, Arc<Core>, Arc<Core>) {
    let clock = Clock::start();
    let core = || Core::new(clock, Traffic::new(Config::default()));
    (clock, core(), core())
}

fn joined(a: &Arc<Core>, b: &Arc<Core>) -> [tokio::task::JoinHandle<Option<End>>; 2] {
    let (left, right) = tokio::io::duplex(64 * 1024);
    let run = |core: &Arc<Core>, io: DuplexStream| {
        let core = Arc::clone(core);
        let ticket = core.part();
        tokio::spawn(async move { core.run(ticket, io, start(), |_| {}).await })
    };
    [run(a, left), run(b, right)]
}

#[tokio::test(start_paused = true)]
async fn messages_arrive_in_order_and_the_end_says_done() {
    let (_, a, b) = ends();
    let tasks = joined(&a, &b);
    let sender = Arc::clone(&a);
    let sending = tokio::spawn(async move {
        for n in 0..5_000u32 {
            let message = vec![n.to_be_bytes()[3]; (n % 3_000) as usize];
            sender.send(message.into()).await.unwrap();
        }
        sender.end(frame::Reason::Done, frame::Retry::Never);
    });
    for n in 0..5_000u32 {
        let message = b.recv().await.unwrap();
        assert_eq!(message.len(), (n % 3_000) as usize);
        assert!(message.iter().all(|&byte| byte == n.to_be_bytes()[3]));
    }
    sending.await.unwrap();
    b.done();
    for task in tasks {
        let end = task.await.unwrap().expect("it was not moved");
        assert_eq!(end.reason, Some(frame::Reason::Done));
    }
    assert_eq!(a.numbers().unacknowledged(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_slow_holds_up_the_sender_and_no_heartbeat() {
    let (_, a, b) = ends();
    let _tasks = joined(&a, &b);
    let mut taken = 0;
    let message = Bytes::from(vec![7; 10_000]);
    while a.offer(message.clone()).unwrap().is_none() {
        taken += 1;
    }
    assert_eq!(taken, (1 << 20) / 10_032);
    // An hour of heartbeats on a stream whose receiver takes nothing.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(a.is_connected() && b.is_connected());
    for _ in 0..taken {
        assert_eq!(b.recv().await.unwrap().len(), 10_000);
    }
    b.done();
    a.send(message).await.unwrap();
    assert!(b.recv().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_loses_nothing() {
    let (_, a, b) = ends();
    let _tasks = joined(&a, &b);
    for n in 0..200u8 {
        let sent = async {
            // Given up now and then, before it is ready.
            loop {
                let calm = tokio::time::timeout(Duration::from_micros(1), b.recv());
                if let Ok(message) = calm.await {
                    break message.unwrap();
                }
                if a.numbers().accepted == u64::from(n) {
                    a.send(vec![n].into()).await.unwrap();
                }
            }
        };
        assert_eq!(sent.await[0], n);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_moves_and_nothing_is_lost_or_repeated() {
    let (_, a, b) = ends();
    let mut tasks = joined(&a, &b);
    let sender = Arc::clone(&a);
    let sending = tokio::spawn(async move {
        for n in 0..2_000u32 {
            sender.send(n.to_be_bytes().to_vec().into()).await.unwrap();
        }
    });
    for n in 0..2_000u32 {
        if n % 100 == 50 {
            a.part();
            b.part();
            for task in &mut tasks {
                assert_eq!(task.await.unwrap(), None, "moved");
            }
            let accepts = Config::default().own;
            a.resume(b.announce(), accepts).unwrap();
            b.resume(a.announce(), accepts).unwrap();
            tasks = joined(&a, &b);
        }
        assert_eq!(*b.recv().await.unwrap(), n.to_be_bytes());
    }
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_task_parks_the_session() {
    let (_, a, b) = ends();
    let [left, right] = joined(&a, &b);
    a.send(Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(b.recv().await.unwrap(), "hello");
    left.abort();
    let end = right.await.unwrap().unwrap();
    assert_eq!(end.cause, Cause::PeerClosed);
    assert!(!a.is_connected() && !b.is_connected());
    assert!(a.offer(Bytes::from_static(b"kept")).unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_when_the_session_is_over() {
    let (_, a, b) = ends();
    let _tasks = joined(&a, &b);
    let waiting = tokio::spawn({
        let b = Arc::clone(&b);
        async move { b.recv().await }
    });
    tokio::task::yield_now().await;
    b.finish(Cause::Superseded, Some(frame::Reason::Superseded), 0);
    assert_eq!(waiting.await.unwrap(), None);
    assert!(matches!(
        b.send(Bytes::new()).await,
        Err(SendError::Over(SessionEnd {
            cause: Cause::Superseded,
            ..
        }))
    ));
}

#[tokio::test(start_paused = true)]
async fn what_came_along_with_the_handshake_is_not_left_lying() {
    let (_, a, _) = ends();
    let (near, _far) = tokio::io::duplex(1_024);
    let mut start = start();
    let mut bytes = Vec::new();
    let message = Bytes::from_static(b"right behind WELCOME");
    let data = frame::Frame::Data { seq: 1, message };
    data.encode(&mut bytes).unwrap();
    assert_eq!(start.decoder.feed(&bytes), bytes.len());
    let ticket = a.part();
    // Nothing more comes over the connection.
    let run = a.run(ticket, near, start, |_| {});
    tokio::select! {
        biased;
        end = run => panic!("{end:?}"),
        message = a.recv() => assert_eq!(message.unwrap(), "right behind WELCOME"),
        () = tokio::time::sleep(Duration::from_secs(1)) => panic!("it was left lying"),
    }
}

#[test]
fn an_error_of_the_transport_has_the_cause_it_has_everywhere() {
    use std::io::{Error, ErrorKind};
    let kind = |kind: ErrorKind| Error::from(kind);
    let watched = crate::cause::Ended::new(Cause::HeartbeatMissed, None);
    for (error, cause) in [
        // Which of the kernel's timers it was is not known here.
        (kind(ErrorKind::TimedOut), Cause::TimedOut),
        (kind(ErrorKind::ConnectionReset), Cause::PeerReset),
        (kind(ErrorKind::BrokenPipe), Cause::PeerClosed),
        (kind(ErrorKind::HostUnreachable), Cause::Unreachable),
        (kind(ErrorKind::ConnectionRefused), Cause::Unreachable),
        (kind(ErrorKind::ConnectionAborted), Cause::Destroyed),
        (kind(ErrorKind::UnexpectedEof), Cause::Truncated),
        (kind(ErrorKind::WriteZero), Cause::Failed),
        (kind(ErrorKind::WouldBlock), Cause::Failed),
        (Error::other("tls"), Cause::Failed),
        (watched.into(), Cause::HeartbeatMissed),
    ] {
        assert_eq!(cause_of(&error, None), cause, "{error:?}");
    }
}
