//! One connection of a subject: a thread that reads and one that writes, both blocked
//! in plain system calls, as most programs are.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use ayt_core::cause::Cause;
use ayt_core::end::EndFacts;

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
        if reads {
            let (stream, inputs) = (Arc::clone(&stream), inputs.clone());
            thread::spawn(move || read(&stream, number, clock, &inputs));
        }
        let (writer, inputs) = (Arc::clone(&stream), inputs.clone());
        thread::spawn(move || write(&writer, number, clock, &outs, &inputs));
        Self { stream, out }
    }

    pub(super) fn send(&self, bytes: &[u8]) {
        let _ = self.out.send(Out::Bytes(bytes.to_owned()));
    }

    pub(super) fn shutdown(&self) {
        let _ = self.out.send(Out::Shutdown);
    }
}

fn read(mut stream: &TcpStream, number: usize, clock: Clock, inputs: &Sender<Input>) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let result = stream.read(&mut buffer);
        let at = clock.now();
        let input = match result {
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
) {
    for out in outs {
        match out {
            Out::Shutdown => drop(stream.shutdown(Shutdown::Write)),
            Out::Bytes(bytes) => {
                let rto = ayt_sys::own::at_end(stream).map_or(0, |now| now.tcp.rto_us);
                let at = clock.now();
                let what = What::Sending(bytes.len(), rto);
                let _ = inputs.send(Input::Tell { number, at, what });
                if let Err(error) = stream.write_all(&bytes) {
                    let at = clock.now();
                    let _ = inputs.send(ended(stream, number, at, Some(error)));
                    return;
                }
            }
        }
    }
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
