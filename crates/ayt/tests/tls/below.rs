//! What the kernel knows is found below TLS: which of its timers gave up.

use std::net::TcpListener;

use ayt::session::server::{Limits, Server, SessionEvent};
use ayt_core::cause::Cause;
use ayt_testbed::{Need, Ns, Side, Wire};

use super::authority::Authority;
use super::*;

#[test]
fn the_user_timeout_is_the_cause_over_tls_on_both_sides() {
    if !Need::tun() {
        return;
    }
    let (near, far) = (Ns::new().unwrap(), Ns::new().unwrap());
    let wire = Wire::join(&near, &far).unwrap();
    let at = wire.v4(Side::A);
    let listener = near.run(|| TcpListener::bind((at, 0))).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let policy = "1/1/1 U=1s".parse().unwrap();
    let authority = Authority::new();
    let mut limits = Limits::default();
    limits.client_beat.needed = false;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let inside = runtime.enter();
    let server = Server::builder()
        .keys(keys())
        .tls(authority.server())
        .limits(limits)
        .keepalive(policy)
        .serve(tokio::net::TcpListener::from_std(listener).unwrap())
        .unwrap();
    drop(inside);
    let device = device()
        .key(key())
        .address(address)
        .tls(authority.client())
        .server_name("localhost".try_into().unwrap())
        .client_beat(S(0))
        .server_beat(S(0))
        .keepalive(policy);
    let causes = far.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = device.start().unwrap();
            let session = server.accept().await.unwrap();
            client.registered().await.unwrap();
            wire.cut();
            let near = async {
                loop {
                    if let SessionEvent::Lost(end) = session.next_event().await.unwrap() {
                        return end.cause;
                    }
                }
            };
            let far = event(&client, |event| match event {
                Event::Lost(Loss::Ended(end)) => Some(end.cause),
                _ => None,
            });
            tokio::time::timeout(S(60), async { tokio::join!(near, far) })
                .await
                .unwrap()
        })
    });
    assert_eq!(causes, (Cause::UserTimeout, Cause::UserTimeout));
}
