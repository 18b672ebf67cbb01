//! SO_REUSEADDR: the repair engine clears it and puts it back.

use std::net::{SocketAddr, TcpListener};

use ayt_guard::probe::Engine;
use ayt_testbed::{Need, Side, eventually};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::bed::{Bed, Pair, is_alive, join, with};
use crate::socket::{LONG, Options};

/// A listener with SO_REUSEADDR as wanted, unlike std's.
fn listen(bed: &Bed, at: SocketAddr, reuse: bool) -> std::io::Result<TcpListener> {
    bed.near.ns.run(|| {
        let socket = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        sockopt::set_socket_reuseaddr(&socket, reuse)?;
        rustix::net::bind(&socket, &at)?;
        rustix::net::listen(&socket, 16)?;
        Ok(TcpListener::from(socket))
    })
}

/// Whether the listener of `at` can be restarted while connections of its port
/// live.
fn restarts(bed: &Bed, listener: TcpListener, at: SocketAddr, reuse: bool) -> bool {
    drop(listener);
    if reuse {
        // A child that another test starts at this moment holds all descriptors
        // of this process between fork and exec.
        eventually("the port", LONG, || listen(bed, at, reuse).is_ok());
        return true;
    }
    listen(bed, at, reuse).is_ok()
}

fn kept(reuse: bool) {
    if !Need::tun() {
        return;
    }
    let bed = Bed::new();
    let free = SocketAddr::new(bed.wire.v4(Side::A), 0);
    let mut listener = listen(&bed, free, reuse).expect("listening");
    let at = listener.local_addr().expect("its address");
    let mut pairs = join(&listener, &bed.far, 5);
    for engine in [None, Some(Engine::Repair), Some(Engine::Keepalive)] {
        let before: Vec<Options> = pairs.iter().map(Pair::near_options).collect();
        assert!(before.iter().all(|options| options.reuse_address == reuse));
        let report = bed.near.ask(&with(engine));
        assert!(report.answers.iter().all(is_alive), "{:?}", report.answers);
        let after: Vec<Options> = pairs.iter().map(Pair::near_options).collect();
        assert_eq!(before, after, "{engine:?}");
        // As without any probe: it works with the option, and not without.
        assert_eq!(restarts(&bed, listener, at, reuse), reuse, "{engine:?}");
        if !reuse {
            return;
        }
        listener = listen(&bed, at, reuse).unwrap_or_else(|_| panic!("{engine:?}: listening"));
    }
    for pair in &mut pairs {
        pair.carries_data();
    }
}

#[test]
fn a_server_restarts_on_its_port_after_its_connections_were_asked() {
    kept(true);
}

#[test]
fn a_connection_that_never_had_reuse_address_does_not_get_it() {
    kept(false);
}
