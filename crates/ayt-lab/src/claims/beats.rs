//! Programs with heartbeats of their own, watched by the library's streams.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use ayt::cause::Cause;
use ayt::detectors::{Fixed, Terms};
use ayt::watched::Watched;
use tokio::io::AsyncReadExt as _;

use super::scene::{Scene, did};
use crate::clock;
use crate::error::LabError;

/// A program that reads, and expects a byte every so often: when the last one came and
/// when it gave its peer up.
#[derive(Debug)]
pub(super) struct Expects {
    ended: Receiver<Given>,
    stream: TcpStream,
}

/// The peer was given up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    /// When the last byte was read.
    pub(super) last: Duration,
    /// When the read failed.
    pub(super) at: Duration,
    /// And why.
    pub(super) cause: Option<Cause>,
}

impl Expects {
    /// Begins to expect. The stream is the library's
    /// [`Watched`]: a deadline, and nothing that polls.
    pub(super) fn start(stream: &TcpStream, terms: Terms) -> Result<Self, LabError> {
        let copy = did("duplicate", stream.try_clone())?;
        let kept = did("duplicate", stream.try_clone())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = did("start a runtime", runtime)?;
        did("O_NONBLOCK", copy.set_nonblocking(true))?;
        let (tell, ended) = channel();
        thread::spawn(move || {
            ayt_sys::lab::be_prompt();
            runtime.block_on(async {
                let Ok(stream) = tokio::net::TcpStream::from_std(copy) else {
                    return;
                };
                let detector = Fixed::new(terms, Duration::ZERO);
                let mut stream = Watched::tcp(stream, detector);
                let mut last = clock::now();
                let mut bytes = [0; 64];
                while let Ok(1..) = stream.read(&mut bytes).await {
                    last = clock::now();
                }
                let at = clock::now();
                let cause = stream.cause();
                let _ = tell.send(Given { last, at, cause });
            });
        });
        Ok(Self {
            ended,
            stream: kept,
        })
    }

    /// When it gives its peer up, by that time.
    pub(super) fn end(
        &self,
        scene: &Scene<'_>,
        until: Duration,
    ) -> Result<Option<Given>, LabError> {
        let mut given = None;
        scene.until(until.saturating_sub(clock::now()), || {
            given = self.ended.try_recv().ok();
            Ok(given.is_some())
        })?;
        Ok(given)
    }
}

impl Drop for Expects {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

/// A program that sends a byte every so often, until this is dropped.
#[derive(Debug)]
pub(super) struct Beats(Arc<AtomicBool>);

impl Beats {
    pub(super) fn start(stream: &TcpStream, period: Duration) -> Result<Self, LabError> {
        let mut stream = did("duplicate", stream.try_clone())?;
        let over = Arc::<AtomicBool>::default();
        let ends = Arc::clone(&over);
        thread::spawn(move || {
            use std::io::Write as _;
            while !ends.load(Ordering::Relaxed) {
                // Full, or over: nobody is to be blocked for a heartbeat.
                let _ = stream.write(b".");
                thread::sleep(period);
            }
        });
        Ok(Self(over))
    }
}

impl Drop for Beats {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
