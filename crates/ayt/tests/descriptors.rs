//! Accepting without descriptors: in a process of its own, whose limit is lowered.

use std::os::fd::OwnedFd;
use std::time::Duration;

use ayt::listener::Listener;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// All descriptors that are left.
fn take_all() -> Vec<OwnedFd> {
    let limit = Rlimit {
        current: Some(256),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).expect("lowering one's own limit is allowed");
    let mut taken = Vec::new();
    while let Ok(descriptor) = rustix::io::dup(std::io::stderr()) {
        taken.push(descriptor);
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn without_descriptors_it_pauses_and_then_goes_on() {
    let mut listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).await.unwrap();
    let taken = take_all();

    let start = tokio::time::Instant::now();
    let accepted = timeout(Duration::from_secs(100), listener.accept()).await;
    assert!(accepted.is_err(), "there is no descriptor for it");
    assert_eq!(start.elapsed(), Duration::from_secs(100));
    // 5 ms doubling to 1 s, then once a second: no spinning.
    let errors = listener.stats().accept_errors;
    assert!((100..=110).contains(&errors), "{errors}");

    // Dropped within a pause and polled again, it is still the same pause.
    for _ in 0..1_000 {
        let accepted = timeout(Duration::from_millis(1), listener.accept()).await;
        assert!(accepted.is_err());
    }
    let errors = listener.stats().accept_errors - errors;
    assert!(errors <= 2, "{errors}");

    drop(taken);
    let accepted = timeout(Duration::from_secs(2), listener.accept()).await;
    let stream = accepted.expect("in time").expect("the one that waited");
    assert_eq!(stream.peer_addr(), client.local_addr().ok());
}
