//! Rust: the emitted text is a file of this test, compiled with it.

#[allow(unreachable_pub, reason = "it is text for other people's programs")]
#[path = "keepalive.rs"]
mod keepalive;

use std::net::TcpStream;

use ayt_testbed::Ns;

use super::{emitted, expect_sockets, listener};

#[test]
fn rust() {
    let (text, promised) = emitted("rust");
    assert_eq!(
        text,
        include_str!("keepalive.rs"),
        "write it anew: ayt plan --emit rust"
    );
    let ns = Ns::current().expect("the host");
    let (_listener, address) = listener(&ns, 0);
    let stream = TcpStream::connect(address).expect("a connection");
    keepalive::keepalive_on(&stream).expect("keepalive");
    let filter = format!("--peer {address} --state ESTABLISHED");
    expect_sockets(&ns, &filter, 1, &promised);
}
