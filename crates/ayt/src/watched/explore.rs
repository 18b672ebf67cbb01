//! Bytes, time, holds and ends against a read that is awaited.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use ayt_core::detectors::{Fixed, Terms};
use shuttle::future::JoinHandle;
use tokio::io::{
    AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, DuplexStream, ReadBuf,
    duplex,
};

use super::*;
use crate::explore::{advance, block_on, explore, spawn, yield_now};
use crate::sync::Mutex;

const S: fn(u64) -> Duration = Duration::from_secs;

/// Overdue after 10 s, silent 5 s later.
fn pair() -> (Watched<DuplexStream, Fixed>, DuplexStream) {
    let (near, far) = duplex(64);
    let terms = Terms::new(S(10), 1, S(5)).unwrap();
    (Watched::new(near, Fixed::new(terms, Duration::ZERO)), far)
}

/// Reads to the end: how many bytes came, and why it ended.
fn read(mut stream: Watched<DuplexStream, Fixed>) -> JoinHandle<(usize, Option<Cause>)> {
    spawn(async move {
        let mut bytes = [0; 8];
        let mut all = 0;
        loop {
            match stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return (all, stream.cause()),
                Ok(read) => all += read,
            }
        }
    })
}

#[test]
fn a_silence_ends_the_read_whatever_the_timer_meets() {
    explore(1_000, || {
        let (stream, mut far) = pair();
        let reading = read(stream);
        let peer = spawn(async move {
            far.write_all(b"x").await.unwrap();
            far
        });
        block_on(async {
            // A read that was not polled in time begins anew; one that sleeps for ever
            // never ends this.
            while !reading.is_finished() {
                advance(S(1));
                yield_now().await;
            }
            let _far = peer.await.unwrap();
            let (_, cause) = reading.await.unwrap();
            assert_eq!(cause, Some(Cause::HeartbeatMissed));
        });
    });
}

#[test]
fn who_is_heard_in_time_is_never_dead() {
    explore(1_000, || {
        let (stream, mut far) = pair();
        let reading = read(stream);
        block_on(async {
            for _ in 0..4 {
                advance(S(9));
                far.write_all(b"x").await.unwrap();
                yield_now().await;
            }
            advance(S(9));
            drop(far);
            assert_eq!(reading.await.unwrap(), (4, Some(Cause::PeerClosed)));
        });
    });
}

#[test]
fn no_time_under_a_hold_counts() {
    explore(1_000, || {
        let (stream, far) = pair();
        let handle = stream.handle();
        let reading = read(stream);
        block_on(async {
            for _ in 0..2 {
                let hold = handle.hold();
                for _ in 0..3 {
                    advance(S(30));
                    yield_now().await;
                }
                drop(hold);
                assert_eq!(handle.cause(), None);
                // Less than what makes it overdue: it began anew.
                advance(S(9));
                yield_now().await;
                assert_eq!(handle.cause(), None);
            }
            while !reading.is_finished() {
                advance(S(1));
                yield_now().await;
            }
            assert_eq!(handle.cause(), Some(Cause::HeartbeatMissed));
        });
        drop(far);
    });
}

#[test]
fn a_hold_interrupts_the_silence_also_where_nobody_looked_meanwhile() {
    explore(1_000, || {
        let (stream, far) = pair();
        let handle = stream.handle();
        let reading = read(stream);
        block_on(async {
            yield_now().await;
            for _ in 0..3 {
                advance(S(8));
                yield_now().await;
                drop(handle.hold());
                // 16 s without a byte would be the end, 8 s are nothing.
                assert_eq!(handle.cause(), None);
            }
            drop(far);
            assert_eq!(reading.await.unwrap(), (0, Some(Cause::PeerClosed)));
        });
    });
}

#[test]
fn of_two_ends_one_counts_and_both_directions_learn_it() {
    explore(1_000, || {
        let (stream, far) = pair();
        let handle = stream.handle();
        let stream = Arc::new(Mutex::new(stream));
        let ends = [Cause::Superseded, Cause::Destroyed].map(|cause| {
            let handle = handle.clone();
            spawn(async move { handle.end(cause).then_some(cause) })
        });
        let reader = stream.clone();
        let reading = spawn(poll_fn(move |cx| {
            let mut bytes = [0; 8];
            let mut buffer = ReadBuf::new(&mut bytes);
            let mut stream = reader.lock().unwrap();
            Pin::new(&mut *stream).poll_read(cx, &mut buffer)
        }));
        let writing = spawn(poll_fn(move |cx| {
            // Until nothing goes any more: nobody reads at the other end.
            let mut stream = stream.lock().unwrap();
            while ready!(Pin::new(&mut *stream).poll_write(cx, &[0; 64])).is_ok() {}
            Poll::Ready(())
        }));
        block_on(async {
            let waiting = spawn(async move { handle.ended().await });
            let mut counted = Vec::new();
            for end in ends {
                counted.extend(end.await.unwrap());
            }
            assert_eq!(counted.len(), 1);
            assert_eq!(waiting.await.unwrap(), counted[0]);
            assert!(reading.await.unwrap().is_err());
            writing.await.unwrap();
        });
        drop(far);
    });
}
