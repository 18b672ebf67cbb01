//! The parts together: a policy on the socket, the fixed detector on the stream.
#![cfg(unix)]

use std::time::Duration;

use ayt::cause::Cause;
use ayt::connect::Connector;
use ayt::detectors::{Fixed, Terms};
use ayt::keepalive::{self, Policy};
use ayt::listener::Listener;
use tokio::io::AsyncReadExt as _;

fn fixed(beat: Duration) -> Fixed {
    let terms = Terms::new(beat, 2, Duration::from_millis(200)).expect("terms within their ranges");
    Fixed::new(terms, Duration::ZERO)
}

#[tokio::test]
async fn a_listener_and_a_connector_apply_their_policy() {
    let policy: Policy = "60/10/6 U=115s".parse().unwrap();
    let mut listener = Listener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .keepalive(policy);
    let address = listener.local_addr().unwrap();
    let connector = Connector::new().keepalive("30/5/3".parse().unwrap());
    let (accepted, connected) = tokio::join!(
        listener.accept(),
        connector.connect_to(std::slice::from_ref(&address))
    );
    let (accepted, connected) = (accepted.unwrap(), connected.unwrap());
    for (stream, idle) in [(accepted.get_ref(), 60), (connected.get_ref(), 30)] {
        let settings = keepalive::read(stream).unwrap();
        assert_eq!(settings.idle.known(), Some(&Duration::from_secs(idle)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_ends_at_the_fixed_detectors_time() {
    let (near, _far) = tokio::io::duplex(64);
    let start = tokio::time::Instant::now();
    let mut near = ayt::watched::Watched::new(near, fixed(Duration::from_secs(10)));
    let error = near.read_u8().await.unwrap_err();
    assert_eq!(ayt::cause::find(&error), Some(Cause::HeartbeatMissed));
    let took = start.elapsed();
    let planned = Duration::from_millis(20_200);
    assert!(
        took >= planned && took < planned + Duration::from_millis(10),
        "{took:?}"
    );
}
