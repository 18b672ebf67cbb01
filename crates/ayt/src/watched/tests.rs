//! In virtual time, over pipes in memory.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, advance, sleep, timeout};

use super::*;

mod ends;
mod handles;

const SECOND: Duration = Duration::from_secs(1);

/// Suspects after `ask`, gives up after `limit`; later than a second is late.
#[derive(Debug, Default)]
struct Simple {
    ask: Option<Duration>,
    limit: Duration,
    since: Option<Duration>,
    asked: bool,
    done: bool,
}

fn limit(seconds: u64) -> Simple {
    Simple {
        limit: SECOND * u32::try_from(seconds).unwrap(),
        ..Simple::default()
    }
}

impl Detector for Simple {
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
        let after = self.ask.filter(|_| !self.asked).unwrap_or(self.limit);
        self.since.filter(|_| !self.done).map(|since| since + after)
    }

    fn poll(&mut self, now: Duration) -> Judgement {
        let Some(deadline) = self.next_deadline().filter(|&at| at <= now) else {
            return Judgement::Alive;
        };
        if now > deadline + SECOND {
            self.resume(now);
            return Judgement::Late(now - deadline);
        }
        if self.ask.is_some() && !self.asked {
            self.asked = true;
            return Judgement::Suspect;
        }
        self.done = true;
        Judgement::Silent
    }
}

fn pair(detector: Simple) -> (Watched<DuplexStream, Simple>, DuplexStream) {
    let (near, far) = duplex(1024);
    (Watched::new(near, detector), far)
}

fn cause_in(error: &io::Error) -> Option<Cause> {
    crate::cause::ended(error).map(crate::cause::Ended::cause)
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_ends_the_read_at_the_deadline_and_not_before() {
    let (mut stream, _far) = pair(limit(30));
    let start = Instant::now();
    let error = stream.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(start.elapsed(), SECOND * 30);
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(cause_in(&error), Some(Cause::HeartbeatMissed));
    assert_eq!(stream.cause(), Some(Cause::HeartbeatMissed));
    assert_eq!(stream.handle().cause(), Some(Cause::HeartbeatMissed));
    // And stays so, for both directions.
    for _ in 0..2 {
        assert!(stream.read(&mut [0; 8]).await.is_err());
        assert!(stream.write(b"x").await.is_err());
    }
    assert_eq!(start.elapsed(), SECOND * 30);
}

#[tokio::test(start_paused = true)]
async fn any_byte_is_life_and_what_is_written_is_not() {
    let (mut stream, mut far) = pair(limit(30));
    let start = Instant::now();
    let peer = async {
        for _ in 0..10 {
            sleep(SECOND * 29).await;
            far.write_all(&[0]).await.unwrap();
        }
        far
    };
    let mut bytes = [1; 10];
    let (_far, read) = tokio::join!(peer, stream.read_exact(&mut bytes));
    assert_eq!(read.unwrap(), 10);
    assert_eq!(bytes, [0; 10], "a byte of value 0 is a byte");
    let (mut reader, mut writer) = tokio::io::split(stream);
    let writing = async {
        while writer.write_all(b"still here").await.is_ok() {
            sleep(SECOND).await;
        }
    };
    let reading = async {
        assert!(reader.read(&mut [0; 8]).await.is_err());
        start.elapsed()
    };
    let (read_ended, ()) = tokio::join!(reading, writing);
    assert_eq!(read_ended, SECOND * (290 + 30));
}

#[tokio::test(start_paused = true)]
async fn a_busy_stream_sets_its_timer_once_a_period() {
    let (mut stream, mut far) = pair(limit(30));
    let peer = tokio::spawn(async move {
        for _ in 0..100_000 {
            far.write_all(b"x").await.unwrap();
            sleep(Duration::from_millis(3)).await;
        }
    });
    let mut reads = 0u32;
    while stream.read(&mut [0; 8]).await.unwrap() > 0 {
        reads += 1;
    }
    peer.await.unwrap();
    assert_eq!(reads, 100_000);
    // 300 s of reads that each had to wait: the first setting, and one a period.
    let operations = stream.watch.timer_operations();
    assert!((10..=12).contains(&operations), "{operations}");
}

#[tokio::test(start_paused = true)]
async fn reads_that_never_wait_need_no_timer() {
    let (mut stream, mut far) = pair(limit(30));
    far.write_all(&[7; 1000]).await.unwrap();
    for _ in 0..1000 {
        stream.read_exact(&mut [0]).await.unwrap();
    }
    // The runtime makes a task wait now and then, to give others their turn.
    assert!(stream.watch.timer_operations() <= 1);
}

/// Counts how often its task is woken.
async fn polls_of<F: Future>(future: F) -> (F::Output, u32) {
    let mut polls = 0;
    let mut future = std::pin::pin!(future);
    let output = std::future::poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    })
    .await;
    (output, polls)
}

#[tokio::test(start_paused = true)]
async fn nobody_is_woken_before_the_deadline() {
    let (mut stream, _far) = pair(limit(3600));
    let (read, polls) = polls_of(stream.read(&mut [0; 8])).await;
    assert!(read.is_err());
    assert_eq!(polls, 2, "the first, and the one at the deadline");
}

#[tokio::test(start_paused = true)]
async fn while_the_owner_does_not_read_silence_proves_nothing() {
    let (mut stream, mut far) = pair(limit(30));
    far.write_all(b"one").await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 3);
    // It works on what it got for an hour; meanwhile the peer says nothing.
    sleep(SECOND * 3600).await;
    let start = Instant::now();
    let read = stream.read(&mut [0; 8]).await;
    assert!(read.is_err());
    assert_eq!(
        start.elapsed(),
        SECOND * 30,
        "a whole silence, from the read on"
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_that_was_dropped_is_a_pause() {
    let (mut stream, mut far) = pair(limit(30));
    assert!(
        timeout(SECOND * 10, stream.read(&mut [0; 8]))
            .await
            .is_err()
    );
    sleep(SECOND * 3600).await;
    // Nobody polled at the deadline: that is our lateness, not the peer's.
    let mut buffer = [0; 8];
    let read = timeout(SECOND * 29, stream.read(&mut buffer)).await;
    assert!(read.is_err(), "still waiting");
    assert_eq!(stream.cause(), None);
    far.write_all(b"alive").await.unwrap();
    assert_eq!(stream.read(&mut buffer).await.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn reads_in_short_slices_add_up_to_one_silence() {
    let (mut stream, _far) = pair(limit(30));
    let start = Instant::now();
    loop {
        match timeout(SECOND, stream.read(&mut [0; 8])).await {
            Err(_) => assert!(start.elapsed() <= SECOND * 30),
            Ok(read) => {
                assert!(read.is_err());
                break;
            }
        }
    }
    assert_eq!(start.elapsed(), SECOND * 30);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_slept_accuses_nobody() {
    let (stream, mut far) = pair(limit(30));
    let reader = tokio::spawn(async move {
        let mut stream = stream;
        let mut buffer = [0; 8];
        let read = stream.read(&mut buffer).await;
        (read, stream)
    });
    tokio::task::yield_now().await;
    // The machine sleeps for an hour in the middle of the silence, wakes, and the
    // peer's bytes come a little later.
    advance(SECOND * 3600).await;
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
    assert!(!reader.is_finished());
    far.write_all(b"hello").await.unwrap();
    let (read, stream) = reader.await.unwrap();
    assert_eq!(read.unwrap(), 5);
    assert_eq!(stream.cause(), None);
}

#[tokio::test(start_paused = true)]
async fn suspicion_comes_first_and_an_answer_clears_it() {
    let asked = Arc::new(AtomicU32::new(0));
    let (near, mut far) = duplex(64);
    let seen = Arc::clone(&asked);
    let simple = Simple {
        ask: Some(SECOND * 20),
        ..limit(30)
    };
    let mut stream = Watched::new(near, simple)
        .peer("192.0.2.1:9".parse().unwrap())
        .on_suspect(move |suspected| {
            assert_eq!(suspected.silent_for, SECOND * 20);
            assert_eq!(suspected.peer, "192.0.2.1:9".parse().ok());
            seen.fetch_add(1, Ordering::Relaxed);
        });
    let start = Instant::now();
    let answer = async {
        sleep(SECOND * 25).await;
        far.write_all(b"pong").await.unwrap();
    };
    let mut buffer = [0; 8];
    let (read, ()) = tokio::join!(stream.read(&mut buffer), answer);
    assert_eq!(read.unwrap(), 4);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // No answer now: asked once more, then ended.
    assert!(stream.read(&mut buffer).await.is_err());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(start.elapsed(), SECOND * (25 + 30));
}

#[tokio::test(start_paused = true)]
async fn a_challenge_may_be_a_future_and_is_driven_by_the_read() {
    let (near, _far) = duplex(64);
    let (challenger, mut challenged) = duplex(4);
    let challenger = Arc::new(tokio::sync::Mutex::new(challenger));
    let simple = Simple {
        ask: Some(SECOND * 20),
        ..limit(30)
    };
    let mut stream = Watched::new(near, simple).on_suspect_async(move |_| {
        let challenger = Arc::clone(&challenger);
        async move {
            // More than the pipe holds: it needs several polls.
            let mut challenger = challenger.lock().await;
            let _ = challenger.write_all(b"are you there?").await;
        }
    });
    let mut heard = [0; 14];
    let mut buffer = [0; 8];
    let start = Instant::now();
    let (read, heard_at) = tokio::join!(stream.read(&mut buffer), async {
        challenged.read_exact(&mut heard).await.unwrap();
        start.elapsed()
    });
    assert!(read.is_err());
    assert_eq!(&heard, b"are you there?");
    assert_eq!(heard_at, SECOND * 20);
}

/// A detector that is wrong in every way: always due, never decided.
#[derive(Debug)]
struct Broken;

impl Detector for Broken {
    fn on_received(&mut self, _now: Duration) {}
    fn pause(&mut self, _now: Duration) {}
    fn resume(&mut self, _now: Duration) {}
    fn next_deadline(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
    fn poll(&mut self, _now: Duration) -> Judgement {
        Judgement::Alive
    }
}

#[tokio::test(start_paused = true)]
async fn a_detector_that_is_always_due_does_not_hang_the_task() {
    let (near, mut far) = duplex(64);
    let mut stream = Watched::new(near, Broken);
    let mut buffer = [0; 8];
    let (read, ()) = tokio::join!(stream.read(&mut buffer), async {
        sleep(SECOND).await;
        far.write_all(b"x").await.unwrap();
    });
    assert_eq!(read.unwrap(), 1);
}
