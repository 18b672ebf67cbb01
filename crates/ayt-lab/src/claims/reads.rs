//! A program blocked in a read, as most are: what its reads answer, and when.

use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::scene::{Scene, errno};
use crate::clock;
use crate::error::LabError;

/// A thread that reads a stream until its end; it is let go when this is dropped.
#[derive(Debug)]
pub(super) struct Reads {
    pub(super) stream: Arc<TcpStream>,
    results: Receiver<Answer>,
}

/// What a read answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// When, in the lab's time.
    pub(super) at: Duration,
    /// How many bytes, or the error's name.
    pub(super) result: Result<usize, String>,
}

impl Answer {
    /// For people: `0`, `ETIMEDOUT`.
    pub(super) fn text(&self) -> String {
        match &self.result {
            Ok(count) => count.to_string(),
            Err(error) => error.clone(),
        }
    }
}

impl Reads {
    /// Begins to read: every answer is told, an error among them, up to a read of 0.
    pub(super) fn start(stream: TcpStream) -> Self {
        let stream = Arc::new(stream);
        let (sender, results) = channel();
        let reader = Arc::clone(&stream);
        thread::spawn(move || {
            ayt_sys::lab::be_prompt();
            let mut buffer = vec![0; 64 << 10];
            loop {
                let result = (&*reader).read(&mut buffer);
                let at = clock::now();
                let last = matches!(result, Ok(0));
                let result = result.map_err(|error| errno(&error));
                if sender.send(Answer { at, result }).is_err() || last {
                    return;
                }
            }
        });
        Self { stream, results }
    }

    /// The next answer, by that time; `None`: it is still blocked.
    ///
    /// # Errors
    /// When the run is stopped.
    pub(super) fn next(
        &self,
        scene: &Scene<'_>,
        until: Duration,
    ) -> Result<Option<Answer>, LabError> {
        loop {
            let left = until.saturating_sub(clock::now());
            let slice = left.min(Duration::from_millis(200));
            match self.results.recv_timeout(slice) {
                Ok(answer) => return Ok(Some(answer)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if left <= slice => return Ok(None),
                Err(RecvTimeoutError::Timeout) => scene.pause(Duration::ZERO)?,
            }
        }
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        // Wakes the thread, whatever became of the connection.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
