//! Two hosts, connections between them, and what their kernels show.

use std::io;
use std::net::{SocketAddr, TcpListener};

use ayt_core::facts::{NsId, Socket};
use ayt_core::tcp_state::TcpState;
use ayt_sys::wire::{diag, request};
use ayt_sys::{DiagSocket, Netns};
use ayt_testbed::{Ns, Side, Wire};
use tokio::net::TcpStream;

/// Near (A) and far (B), joined by a wire.
pub(crate) struct Hosts {
    pub(crate) near: Ns,
    pub(crate) far: Ns,
    pub(crate) wire: Wire,
}

impl Hosts {
    pub(crate) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let (near, far) = (Ns::new()?, Ns::new()?);
        let wire = Wire::join(&near, &far)?;
        Ok(Self { near, far, wire })
    }

    /// A connection from far to near: near's end first.
    pub(crate) fn connect(&self) -> io::Result<(TcpStream, TcpStream)> {
        let at = self.wire.v4(Side::A);
        let listener = self.near.run(|| TcpListener::bind((at, 0)))?;
        let address = listener.local_addr()?;
        let far = self.far.run(|| std::net::TcpStream::connect(address))?;
        let (near, _) = listener.accept()?;
        Ok((tokio_stream(near)?, tokio_stream(far)?))
    }
}

pub(crate) fn tokio_stream(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

fn diag_in(ns: &Ns) -> (Netns, DiagSocket) {
    let ns = Netns::at(&ns.path()).expect("the namespace opens");
    let diag = DiagSocket::open(&ns).expect("sock_diag answers");
    (ns, diag)
}

/// The socket with these addresses, as sock_diag shows it.
pub(crate) fn socket(ns: &Ns, local: SocketAddr, remote: SocketAddr) -> Option<Socket> {
    let (_, mut diag) = diag_in(ns);
    let mut found = None;
    let families = [2, 10];
    for family in families {
        diag.dump(family, request::state_mask(&[]), |payload| {
            if let Ok(Some(socket)) = diag::socket(payload, NsId(1))
                && (socket.local, socket.remote) == (local, remote)
            {
                found = Some(socket);
            }
            Ok(())
        })
        .expect("the table is read");
    }
    found
}

/// Its state; `None` when it is in no table.
pub(crate) fn state(ns: &Ns, local: SocketAddr, remote: SocketAddr) -> Option<TcpState> {
    socket(ns, local, remote).map(|socket| socket.state)
}

/// Destroys it from outside.
pub(crate) fn destroy(ns: &Ns, socket: &Socket) {
    let (_, mut diag) = diag_in(ns);
    diag.destroy(&socket.into()).expect("SOCK_DESTROY works");
}
