//! A relay between a device and its server, which counts frames, stops the flow, and
//! cuts connections at any byte.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The frames that the tests count.
pub(crate) const PING: u8 = 0x12;
pub(crate) const PONG: u8 = 0x13;
pub(crate) const BEAT: u8 = 0x14;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// To the server.
    Up,
    /// To the device.
    Down,
}

/// How a connection ends, and after how many bytes of each direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) up: u64,
    pub(crate) down: u64,
    pub(crate) how: How,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// FIN on both sides.
    Close,
    /// RST on both sides.
    Reset,
    /// What comes that way is lost for this long, while the other goes on; then RST.
    Swallow(Duration),
}

impl Cut {
    pub(crate) const NEVER: Self = Self {
        up: u64::MAX,
        down: u64::MAX,
        how: How::Close,
    };
}

type Plan = Box<dyn FnMut(usize) -> Cut + Send>;

/// It listens for as long as it lives.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    frames: Mutex<HashMap<(Way, u8), u64>>,
    /// Which directions are stopped.
    up: watch::Sender<bool>,
    down: watch::Sender<bool>,
    /// Nobody gets through.
    shut: watch::Sender<bool>,
    server: Mutex<SocketAddr>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    /// To this server; the plan says what becomes of the n-th connection.
    pub(crate) async fn to(
        server: SocketAddr,
        plan: impl FnMut(usize) -> Cut + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            frames: Mutex::default(),
            up: watch::Sender::new(false),
            down: watch::Sender::new(false),
            shut: watch::Sender::new(false),
            server: Mutex::new(server),
        });
        let plan: Plan = Box::new(plan);
        let task = tokio::spawn(listen(listener, shared.clone(), plan));
        Self {
            address,
            shared,
            task,
        }
    }

    /// One that lets everything through.
    pub(crate) async fn open(server: SocketAddr) -> Self {
        Self::to(server, |_| Cut::NEVER).await
    }

    /// Stops one direction, or lets it flow: nothing is lost.
    pub(crate) fn stop(&self, way: Way, stopped: bool) {
        match way {
            Way::Up => self.shared.up.send_replace(stopped),
            Way::Down => self.shared.down.send_replace(stopped),
        };
    }

    /// Cuts every connection, and takes none on until it is opened again.
    pub(crate) fn shut(&self, shut: bool) {
        self.shared.shut.send_replace(shut);
    }

    /// The next connections lead to another server.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        *self.shared.server.lock().unwrap() = server;
    }

    /// How many frames of that type went that way.
    pub(crate) fn frames(&self, way: Way, kind: u8) -> u64 {
        let frames = self.shared.frames.lock().unwrap();
        frames.get(&(way, kind)).copied().unwrap_or(0)
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, mut plan: Plan) {
    let mut count = 0;
    loop {
        let (near, _) = listener.accept().await.unwrap();
        if *shared.shut.borrow() {
            continue;
        }
        let cut = plan(count);
        count += 1;
        let server = *shared.server.lock().unwrap();
        tokio::spawn(carry(near, server, shared.clone(), cut));
    }
}

async fn carry(mut near: TcpStream, server: SocketAddr, shared: Arc<Shared>, cut: Cut) {
    let Ok(mut far) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let mut shut = shared.shut.subscribe();
    let how = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        let direction = |way, left| Direction {
            shared: &shared,
            way,
            left,
            how: cut.how,
            tap: Tap::default(),
        };
        let up = direction(Way::Up, cut.up).copy(near_read, far_write);
        let down = direction(Way::Down, cut.down).copy(far_read, near_write);
        tokio::select! {
            ended = async { tokio::try_join!(up, down) } => ended.err(),
            _ = shut.wait_for(|shut| *shut) => Some(How::Reset),
        }
    };
    if let Some(How::Reset | How::Swallow(_)) = how {
        for socket in [&near, &far] {
            let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
    }
}

/// One direction of a connection.
struct Direction<'s> {
    shared: &'s Shared,
    way: Way,
    /// Bytes until the cut.
    left: u64,
    how: How,
    tap: Tap,
}

impl Direction<'_> {
    /// Until its end, which is handed on; or until the connection is cut.
    async fn copy(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), How> {
        let stops = match self.way {
            Way::Up => &self.shared.up,
            Way::Down => &self.shared.down,
        };
        let mut stops = stops.subscribe();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let Ok(read) = from.read(&mut buffer).await else {
                return Err(How::Reset);
            };
            // The sender lives as long as the relay.
            let _ = stops.wait_for(|stopped| !stopped).await;
            if read == 0 {
                let _ = to.shutdown().await;
                return Ok(());
            }
            let goes = self.left.min(read as u64) as usize;
            self.left -= goes as u64;
            self.tap.pass(&buffer[..goes], |kind| {
                let mut frames = self.shared.frames.lock().unwrap();
                *frames.entry((self.way, kind)).or_default() += 1;
            });
            if to.write_all(&buffer[..goes]).await.is_err() {
                return Err(How::Reset);
            }
            if self.left == 0 {
                return Err(self.cut(from).await);
            }
        }
    }

    async fn cut(self, mut from: ReadHalf<'_>) -> How {
        if let How::Swallow(time) = self.how {
            let mut scratch = [0; 4_096];
            let swallow = async { while let Ok(1..) = from.read(&mut scratch).await {} };
            let _ = tokio::time::timeout(time, swallow).await;
        }
        self.how
    }
}

/// Finds the frames in a stream.
#[derive(Default)]
struct Tap {
    header: Vec<u8>,
    payload: usize,
}

impl Tap {
    fn pass(&mut self, mut bytes: &[u8], mut found: impl FnMut(u8)) {
        while !bytes.is_empty() {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = &bytes[skipped..];
            let Some((first, rest)) = bytes.split_first() else {
                return;
            };
            self.header.push(*first);
            bytes = rest;
            if let [kind, a, b, c] = self.header[..] {
                found(kind);
                self.payload = u32::from_be_bytes([0, a, b, c]) as usize;
                self.header.clear();
            }
        }
    }
}
