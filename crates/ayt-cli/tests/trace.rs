//! `ayt trace`: naming a connection, its exit status, what it prints.

mod common;

use ayt_testbed::{Fixture, Need, Ns, Side, Veth, eventually};
use common::scene::{PATIENCE, Scene};
use common::{Home, Nobody, ayt};
use serde_json::Value;

/// `host` – `router` – `peer`, and a connection from end to end.
struct Path {
    host: Ns,
    router: Ns,
    left: Veth,
    right: Veth,
    server: Fixture,
    _client: Fixture,
}

impl Path {
    fn new(clients: usize) -> Self {
        let made = || Ns::new().expect("a namespace");
        let (host, router, peer) = (made(), made(), made());
        let left = Veth::join(&host, &router).expect("a cable");
        let right = Veth::join(&router, &peer).expect("a cable");
        router
            .sysctl("net/ipv4/ip_forward", "1")
            .expect("forwarding");
        let route = |ns: &Ns, via| {
            ns.ip(&format!("route add default via {via}"))
                .expect("a route");
        };
        route(&host, left.v4(Side::B));
        route(&peer, right.v4(Side::A));
        let bind = format!("{}:0", left.v4(Side::A));
        let server = Fixture::start(&host, ["serve", "--bind", &bind]).expect("a server");
        let (to, number) = (server.addr().to_string(), clients.to_string());
        let client = Fixture::start(&peer, ["hold", &to, "--number", &number]).expect("clients");
        let path = Self {
            host,
            router,
            left,
            right,
            server,
            _client: client,
        };
        eventually("all are accepted", PATIENCE, || {
            path.peers().len() == clients
        });
        path
    }

    /// The peers' addresses of the connections the server holds.
    fn peers(&self) -> Vec<String> {
        let rows = self.host.tcp().expect("a table");
        let ours = rows
            .iter()
            .filter(|row| row.local == self.server.addr() && row.inode != 0);
        ours.filter(|row| row.remote.port() != 0)
            .map(|row| row.remote.to_string())
            .collect()
    }

    fn ayt(&self, arguments: &str) -> common::Ran {
        let netns = self.host.ino();
        Home::new().ayt(&format!("trace {arguments} --netns {netns}"))
    }
}

#[test]
fn a_peer_that_answers_is_0_and_a_path_that_ends_before_it_is_1() {
    if !Need::root() {
        return;
    }
    let path = Path::new(1);
    let peer = path.peers().remove(0);
    let row = path
        .ayt(&format!("{peer} --json --rounds 2"))
        .exits(0)
        .row();
    assert_eq!(row["end"], "answers", "{row}");
    assert_eq!(
        (&row["end_hop"], &row["end_hop_sure"]),
        (&2.into(), &true.into())
    );
    assert_eq!(row["rounds"], 2);
    assert_eq!(row["remote"], peer.as_str());
    assert_eq!(row["owners"][0]["pid"], path.server.pid());
    let hops = row["hops"].as_array().expect("hops");
    assert_eq!(hops.len(), 2);
    let router = path.left.v4(Side::B).to_string();
    assert_eq!(hops[0]["routers"][0]["address"], router.as_str());
    for hop in hops {
        assert_eq!(
            (&hop["asks"], &hop["answers"]),
            (&2.into(), &2.into()),
            "{hop}"
        );
        assert!(hop["best_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{hop}");
    }
    assert!(row["first_picture_ms"].as_f64().is_some(), "{row}");

    path.right.cable_pulled().expect("pulling");
    let row = path
        .ayt(&format!("{peer} --json --rounds 1"))
        .exits(1)
        .row();
    assert_eq!(row["end"], "swallowed", "{row}");
    assert_eq!(
        (&row["last_hop"], &row["asks_beyond"]),
        (&1.into(), &29.into())
    );
    assert_eq!(row["last_router"], router.as_str());
    let text = path
        .ayt(&format!("{peer} --rounds 1 --max-hops 6"))
        .exits(1);
    let told = format!("Swallowed: the last hop that answers is {router} (1); nothing beyond it:");
    assert!(
        text.stdout.replace('\n', " ").contains(&told),
        "{}",
        text.stdout
    );
    assert!(text.stdout.contains("2+"), "{}", text.stdout);
    assert!(!text.stdout.contains('\u{1b}'), "no terminal, no drawing");
    assert_eq!(text.stderr, "");
    drop(path.router);
}

#[test]
fn a_connection_is_named_in_any_way_that_leaves_one() {
    if !Need::root() {
        return;
    }
    let path = Path::new(2);
    let peers = path.peers();
    let local = path.server.addr();
    let listed = Home::new()
        .ayt(&format!(
            "list --json --netns {} --peer {}",
            path.host.ino(),
            peers[0]
        ))
        .exits(0)
        .row();
    let cookie = listed["cookie"].as_str().expect("a cookie");
    for named in [
        cookie.to_owned(),
        peers[0].clone(),
        format!("{local} {}", peers[0]),
        format!("{local},{}", peers[0]),
        format!("--peer {}", peers[0]),
        format!("--pid {} --peer {}", path.server.pid(), peers[0]),
    ] {
        let row = path
            .ayt(&format!("{named} --json --rounds 1"))
            .exits(0)
            .row();
        assert_eq!(row["cookie"], cookie, "{named}");
    }
    let several = path.ayt(&format!("--pid {}", path.server.pid())).exits(2);
    assert!(
        several.stderr.contains("2 connections match"),
        "{}",
        several.stderr
    );
    for peer in &peers {
        assert!(several.stderr.contains(peer.as_str()), "{}", several.stderr);
    }
    assert!(several.stderr.contains(cookie), "{}", several.stderr);
    let none = path.ayt("192.0.2.1:9").exits(2);
    assert!(
        none.stderr.contains("there is no connection 192.0.2.1:9"),
        "{}",
        none.stderr
    );
    let listener = path
        .ayt(&format!("--state LISTEN --pid {}", path.server.pid()))
        .exits(2);
    assert!(
        listener.stderr.contains("no connection with a peer"),
        "{}",
        listener.stderr
    );
    let two = path.ayt(&format!("{cookie} {}", peers[0])).exits(2);
    assert!(
        two.stderr.contains("a cookie stands alone"),
        "{}",
        two.stderr
    );
}

#[test]
fn no_name_at_all_is_a_usage_error() {
    let ran = ayt(["trace"]).exits(2);
    assert!(
        ran.stderr.contains("no connection is named"),
        "{}",
        ran.stderr
    );
    for bad in [
        "trace nonsense",
        "trace 10.0.0.1",
        "trace 1 2 3",
        "trace 1 --rounds 0",
        "trace 1 --max-hops 0",
        "trace 1 --interval 10ms",
    ] {
        ayt(bad.split(' ')).exits(2);
    }
}

#[test]
fn two_connections_stand_side_by_side() {
    if !Need::root() {
        return;
    }
    let path = Path::new(2);
    let peers = path.peers();
    let port = peers[0].rsplit(':').next().expect("a port").to_owned();
    let arguments = format!("{} --against {} --rounds 1", peers[0], peers[1]);
    let same = path.ayt(&arguments).exits(0);
    assert!(
        same.stdout.contains("Both take the same path."),
        "{}",
        same.stdout
    );
    assert!(same.stdout.contains("AGAINST"), "{}", same.stdout);
    if !Need::program("nft", "install nftables") {
        return;
    }
    let rules = format!(
        "table inet gate {{
            chain forward {{ type filter hook forward priority 0; tcp dport {port} drop; }}
        }}"
    );
    let mut nft = std::process::Command::new("nft");
    path.router.output(nft.arg(rules)).expect("nft");
    let rows: Vec<Value> = path.ayt(&format!("{arguments} --json")).exits(1).rows();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["end"], "swallowed");
    assert_eq!(rows[1]["end"], "answers");
    assert_eq!(rows[0]["differs"]["hop"], 2, "{}", rows[0]);
    assert_eq!(rows[0]["differs"]["this"], serde_json::json!([]));
    let differs = rows[0]["differs"]["last_shared"].as_str();
    assert_eq!(differs, Some(path.left.v4(Side::B).to_string().as_str()));
    assert!(rows[1].get("differs").is_none());
    let text = path.ayt(&arguments).exits(1).stdout;
    assert!(text.contains("They part at hop 2"), "{text}");
    let itself = format!("{} --against {}", peers[0], peers[0]);
    path.ayt(&itself).exits(2);
}

#[test]
fn without_the_right_it_says_which_and_is_3() {
    if !Need::root() {
        return;
    }
    let scene = Scene::new("serve", 1);
    let nobody = Nobody::new();
    let local = scene.server.addr();
    let ran = nobody
        .ayt(&scene.host, &format!("trace --local {local}"))
        .exits(3);
    assert!(ran.stderr.contains("grant CAP_NET_RAW"), "{}", ran.stderr);
    // What its own kernel tells anybody.
    let text = ran.stdout;
    assert!(
        text.starts_with(&format!("ESTABLISHED {local} ↔ ")),
        "{text}"
    );
    assert!(text.contains("the peer was heard last "), "{text}");
    let ran = nobody
        .ayt(&scene.host, &format!("trace --local {local} --json"))
        .exits(3);
    let row: Value = serde_json::from_str(&ran.stdout).expect("an object");
    assert_eq!(row["end"], "open");
    assert_eq!(row["hops"], serde_json::json!([]));
    let why = row["unsent"].as_str().expect("a reason");
    assert!(why.contains("grant CAP_NET_RAW"), "{why}");
}
