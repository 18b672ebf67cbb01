//! sysctls: loaded in a namespace of their own, as a container's are, and read back
//! from a socket there that switched keepalive on and set nothing else.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use ayt_core::keepalive::Policy;
use ayt_testbed::{Need, Ns};
use rustix::net::sockopt;

use super::parsed::yaml;
use super::{Running, emitted, expect_sockets};

/// A listener that only switches keepalive on has the settings; one that pinned its
/// own idle time before keeps that.
#[track_caller]
fn followed(ns: &Ns, load: impl FnOnce(), promised: &Policy) {
    let made = |port: u16| {
        ns.run(|| {
            let listener = TcpListener::bind(("127.0.0.1", port)).expect("a listener");
            sockopt::set_socket_keepalive(&listener, true).expect("keepalive");
            listener
        })
    };
    // A namespace is found by a process that lives in it.
    let _inhabitant = Running::start(ns, &mut Command::new("cat"));
    let (_follows, pinned) = (made(7001), made(7002));
    let own = std::time::Duration::from_secs(33);
    sockopt::set_tcp_keepidle(&pinned, own).expect("an idle time");
    load();
    expect_sockets(ns, "--state LISTEN --local :7001", 1, promised);
    let kept = Policy::new(own, promised.interval(), promised.count()).expect("settings");
    expect_sockets(ns, "--state LISTEN --local :7002", 1, &kept);
}

#[test]
fn sysctl() {
    if !Need::root() || !Need::program("sysctl", "apt-get install procps") {
        return;
    }
    let (text, promised) = emitted("sysctl");
    let ns = Ns::new().expect("a namespace");
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), text).expect("writing");
    let load = || {
        ns.output(Command::new("sysctl").arg("-p").arg(file.path()))
            .map(drop)
            .expect("loading");
    };
    followed(&ns, load, &promised);
}

#[test]
fn kubernetes() {
    if !Need::root() {
        return;
    }
    let (text, promised) = emitted("kubernetes");
    let pod = yaml(&text);
    assert_eq!(pod["kind"].as_str(), Some("Pod"));
    let sysctls = pod["spec"]["securityContext"]["sysctls"]
        .as_sequence()
        .expect("a list");
    assert_eq!(sysctls.len(), 3);
    let ns = Ns::new().expect("a namespace");
    // What the container runtime does with them.
    let load = || {
        for sysctl in sysctls {
            let name = sysctl["name"].as_str().expect("a name").replace('.', "/");
            let value = sysctl["value"]
                .as_str()
                .expect("a string, as the API wants it");
            ns.sysctl(&name, value).expect("setting");
        }
    };
    followed(&ns, load, &promised);
}
