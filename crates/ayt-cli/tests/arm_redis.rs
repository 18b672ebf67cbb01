//! `ayt arm` on a real redis-server, which is not restarted: its ghost dies at
//! I + V·N.

#![expect(
    clippy::disallowed_methods,
    reason = "it measures when a real kernel ends a connection"
)]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ayt_testbed::{Fixture, Need, Ns, Redis, Side, TcpState, Veth, eventually};
use common::Home;
use common::scene::PATIENCE;

const I_VN: Duration = Duration::from_secs(2 + 3);

#[test]
fn an_armed_redis_loses_its_ghost_in_time() {
    if !Need::root() || !Need::program("redis-server", "apt-get install redis-server") {
        return;
    }
    let (host, peer) = (Ns::new().expect("a host"), Ns::new().expect("a host"));
    let cable = Veth::join(&host, &peer).expect("a cable");
    let address = SocketAddr::new(cable.v4(Side::A), 6379);
    let redis = Redis::start(&host, address, &["--tcp-keepalive", "0"]).expect("redis");
    let _client = Fixture::start(&peer, ["hold", &address.to_string()]).expect("a client");
    let clients = || -> usize {
        let rows = host.tcp().expect("a table");
        let from = cable.v4(Side::B);
        rows.iter()
            .filter(|row| row.state == TcpState::Established && row.remote.ip() == from)
            .filter(|row| row.inode != 0)
            .count()
    };
    eventually("redis has accepted", PATIENCE, || clients() == 1);

    let home = Home::new();
    let netns = host.ino();
    let armed = home
        .ayt(&format!(
            "arm --json --netns {netns} --command redis-server --keepalive 2/1/3"
        ))
        .exits(0)
        .row();
    assert_eq!(armed["before"]["enabled"], false);
    assert_eq!(armed["after"]["count"], 3);
    assert_eq!(armed["owners"][0]["pid"], redis.pid());

    cable.cable_pulled().expect("pulling the cable");
    let row = home
        .ayt(&format!("list --json --netns {netns} --state ESTABLISHED"))
        .row();
    let quiet = row["idle_ack_ms"].as_u64().expect("a time");
    let heard = Instant::now() - Duration::from_millis(quiet);
    eventually("the ghost is gone", PATIENCE, || clients() == 0);
    let took = heard.elapsed();
    assert!(
        took >= I_VN - Duration::from_secs(1),
        "{took:?} since it was heard"
    );
    assert!(
        took <= I_VN + Duration::from_secs(3),
        "{took:?} since it was heard"
    );
    // Nobody else noticed.
    assert!(
        host.tcp()
            .expect("a table")
            .iter()
            .any(|row| row.state == TcpState::Listen)
    );
}
