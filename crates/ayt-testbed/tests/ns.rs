//! Namespaces: separate, entered, named, gone afterwards.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure real kernels in real time"
)]

use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{self, Command, Stdio};

use ayt_testbed::{Need, Ns, TcpState};

type Done = Result<(), Box<dyn Error>>;

#[test]
fn two_namespaces_are_two_hosts() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (a, b) = (Ns::new()?, Ns::new()?);
    assert_ne!(a.ino(), b.ino());
    assert_ne!(a.ino(), Ns::current()?.ino());
    // The same port in both, and the loopback is up.
    let port = a.free_port([127, 0, 0, 1].into())?;
    let listeners = [&a, &b].map(|ns| ns.run(|| TcpListener::bind(("127.0.0.1", port))));
    for listener in listeners {
        assert_eq!(listener?.local_addr()?.port(), port);
    }
    Ok(())
}

#[test]
fn sockets_made_inside_stay_inside() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let listener = ns.run(|| TcpListener::bind("127.0.0.1:0"))?;
    let rows = ns.tcp()?;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].local, listener.local_addr()?);
    assert_eq!(rows[0].state, TcpState::Listen);
    assert_ne!(rows[0].inode, 0);
    Ok(())
}

#[test]
fn a_child_lives_inside() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let mut child = ns.spawn(Command::new("sleep").arg("60").stdin(Stdio::null()))?;
    let link = fs::metadata(format!("/proc/{}/ns/net", child.id()))?;
    child.kill()?;
    child.wait()?;
    assert_eq!(link.ino(), ns.ino());
    assert!(ns.ip("addr show")?.contains("127.0.0.1/8"));
    let error = ns
        .ip("link set nothing up")
        .expect_err("there is no such link");
    assert!(format!("{error:#}").contains("nothing"), "{error:#}");
    Ok(())
}

#[test]
fn sysctls_are_the_namespaces_own() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (ns, host) = (Ns::new()?, Ns::current()?);
    let before = host.read_sysctl("net/ipv4/tcp_retries2")?;
    ns.sysctl("net/ipv4/tcp_retries2", "7")?;
    assert_eq!(ns.read_sysctl("net/ipv4/tcp_retries2")?, "7");
    assert_eq!(host.read_sysctl("net/ipv4/tcp_retries2")?, before);
    Ok(())
}

#[test]
fn a_name_lasts_as_long_as_the_namespace() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let name = format!("ayt-test-{}", process::id());
    let path = Path::new("/run/netns").join(&name);
    let ns = Ns::named(&name)?;
    assert_eq!(ns.name(), Some(name.as_str()));
    assert_eq!(fs::metadata(&path)?.ino(), ns.ino());
    let taken = Ns::named(&name).expect_err("the name is taken");
    assert!(
        format!("{taken:#}").contains("ip netns delete"),
        "{taken:#}"
    );
    assert_eq!(
        fs::metadata(&path)?.ino(),
        ns.ino(),
        "the failed one took nothing away"
    );
    let other = ns.clone();
    drop(ns);
    assert!(path.exists());
    drop(other);
    assert!(!path.exists());
    Ok(())
}
