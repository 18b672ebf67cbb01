//! One connection of a subject: a thread that reads and one that writes, both blocked
//! in plain system calls, as most programs are.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use ayt_core::cause::Cause;
use ayt_core::end::EndFacts;
use ayt_core::tcp_state::TcpState;

use super::What;
use super::hub::{Clock, Input};

/// Something to write, or to do to the connection.
pub(super) enum Out {
    Bytes(Vec<u8>),
    /// Half-close: FIN, after what is written.
    Shutdown,
}

/// A connection with its threads.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) stream: Arc<TcpStream>,
    out: Sender<Out>,
}

impl Line {
    pub(super) fn start(
        stream: TcpStream,
        number: usize,
        reads: bool,
        clock: Clock,
        inputs: &Sender<Input>,
    ) -> Self {
        let stream = Arc::new(stream);
        let (out, outs) = channel();
        let writing = Arc::<AtomicBool>::default();
        if reads {
            let (stream, inputs) = (Arc::clone(&stream), inputs.clone());
            let writing = Arc::clone(&writing);
            thread::spawn(move || read(&stream, number, clock, &inputs, &writing));
        }
        let (writer, inputs) = (Arc::clone(&stream), inputs.clone());
        thread::spawn(move || {
            write(&writer, number, clock, &outs, &inputs, &writing, reads);
        });
        Self { stream, out }
    }

    pub(super) fn send(&self, bytes: &[u8]) {
        let _ = self.out.send(Out::Bytes(bytes.to_owned()));
    }

    pub(super) fn shutdown(&self) {
        let _ = self.out.send(Out::Shutdown);
    }
}

fn read(
    mut stream: &TcpStream,
    number: usize,
    clock: Clock,
    inputs: &Sender<Input>,
    writing: &AtomicBool,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let result = stream.read(&mut buffer);
        let at = clock.now();
        let input = match result {
            // The error is told once, and here a write took it: that tells.
            Ok(0) if writing.load(Ordering::Acquire) && !has_fin(stream) => return,
            Ok(0) => ended(stream, number, at, None),
            Ok(count) => Input::Read {
                number,
                at,
                bytes: buffer[..count].to_vec(),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => ended(stream, number, at, Some(error)),
        };
        let last = matches!(input, Input::Ended { .. });
        if inputs.send(input).is_err() || last {
            return;
        }
    }
}

fn write(
    mut stream: &TcpStream,
    number: usize,
    clock: Clock,
    outs: &Receiver<Out>,
    inputs: &Sender<Input>,
    writing: &AtomicBool,
    reads: bool,
) {
    for out in outs {
        match out {
            Out::Shutdown => drop(stream.shutdown(Shutdown::Write)),
            Out::Bytes(bytes) => {
                let rto = ayt_sys::own::at_end(stream).map_or(0, |now| now.tcp.rto_us);
                let at = clock.now();
                let what = What::Sending(bytes.len(), rto);
                let _ = inputs.send(Input::Tell { number, at, what });
                writing.store(true, Ordering::Release);
                let written = stream.write_all(&bytes);
                if let Err(error) = written {
                    if reads && error.kind() == io::ErrorKind::BrokenPipe {
                        // The read took the error, and tells it.
                        return;
                    }
                    let at = clock.now();
                    let _ = inputs.send(ended(stream, number, at, Some(error)));
                    return;
                }
                writing.store(false, Ordering::Release);
            }
        }
    }
}

/// The peer's FIN is what ended the bytes.
fn has_fin(stream: &TcpStream) -> bool {
    ayt_sys::own::at_end(stream).is_ok_and(|now| now.state == TcpState::CloseWait)
}

/// The end, with the cause that the kernel's account gives.
fn ended(
    stream: &TcpStream,
    number: usize,
    at: std::time::Duration,
    error: Option<io::Error>,
) -> Input {
    let facts = EndFacts {
        system: ayt_sys::own::SYSTEM,
        socket: ayt_sys::own::at_end(stream).ok(),
        ..EndFacts::default()
    };
    let cause = match &error {
        Some(error) => Cause::of(error, &facts).unwrap_or(Cause::Failed),
        None => Cause::of_eof(&facts),
    };
    Input::Ended {
        number,
        at,
        errno: error.and_then(|error| error.raw_os_error()),
        cause,
    }
}
