//! A device that restarts a thousand times within one heartbeat, over real sockets, in a
//! process of its own, so that descriptors and memory are this test's alone.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "these tests wait for real sockets; a panic in what serves them is a failure"
)]

mod devices;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ayt::cause::Cause;
use ayt::session::Reason;
use ayt::session::server::{Limits, Now, Server};
use devices::{Device, key, keys};

const RESTARTS: u64 = 1_000;
/// Connections of earlier lives that the device's side still holds open.
const GHOSTS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

/// Descriptors of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

async fn start() -> Arc<Server> {
    let limits = Limits {
        takeovers: u32::MAX,
        resume_for: Duration::from_millis(50),
        ..Limits::default()
    };
    let builder = Server::builder().keys(keys()).limits(limits);
    let server = Arc::new(builder.bind("127.0.0.1:0").await.unwrap());
    let accepting = Arc::clone(&server);
    tokio::spawn(async move {
        while let Some(mut session) = accepting.accept().await {
            tokio::spawn(async move { while session.recv().await.is_some() {} });
        }
    });
    server
}

/// Restarts, leaving ghosts behind, and waits until nothing is left of any of them.
async fn restart(server: &Server, times: u64, baseline: Now) {
    let address = server.local_addr().unwrap();
    let mut ghosts = VecDeque::new();
    let mut epoch = 0;
    for n in 0..times {
        let mut device = Device::register(address, key()).await.unwrap();
        assert!(device.welcome.epoch > epoch);
        epoch = device.welcome.epoch;
        device.send(1, "in flight").await;
        let now = server.stats().now;
        assert!(now.connections <= 2, "{now:?} after {n}");
        assert_eq!(now.parked, 0, "after {n}");
        ghosts.push_back(device);
        if ghosts.len() > GHOSTS {
            // It was told, and hung up on, long before it is closed here.
            let mut oldest = ghosts.pop_front().unwrap();
            let mut superseded = false;
            while let Some(frame) = oldest.next().await {
                superseded |= matches!(&frame, ayt_core::session::frame::Frame::Bye(bye)
                    if bye.reason == Reason::Superseded);
            }
            assert!(superseded, "{n}");
        }
    }
    drop(ghosts);
    let until = Instant::now() + PATIENCE;
    while server.stats().now != baseline {
        assert!(Instant::now() < until, "{:?}", server.stats());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_thousand_restarts_within_a_heartbeat_leave_nothing_behind() {
    // One thread: what is allocated anywhere is counted.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(start());
    let baseline = server.stats().now;
    // What is made once is made: tables, buffers, the reactor's own.
    runtime.block_on(restart(&server, 100, baseline));
    let before = descriptors();
    let counted = allocation_counter::measure(|| {
        runtime.block_on(restart(&server, RESTARTS, baseline));
    });
    assert_eq!(descriptors(), before, "descriptors");
    assert_eq!(server.stats().now, baseline, "tasks, connections, sessions");
    // Tables may have grown by a step, but nothing for each restart.
    assert!(
        counted.bytes_current < 16 * 1024,
        "{} bytes are left: {counted:?}",
        counted.bytes_current
    );
    // At no time more than a few connections' worth, and the ghosts' own side.
    assert!(counted.bytes_max < 4 << 20, "{counted:?}");
    let stats = server.stats();
    let all = RESTARTS + 100;
    assert_eq!((stats.registered, stats.accepted), (all, all));
    // All but the last of each round.
    assert_eq!(stats.takeovers, all - 2);
    assert_eq!(stats.ended(Cause::Superseded), all - 2);
}
