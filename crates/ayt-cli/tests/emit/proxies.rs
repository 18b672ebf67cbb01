//! nginx, HAProxy, sshd: the real ones, on the emitted configuration.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use ayt_testbed::{Need, Ns, Sshd, eventually};

use super::common::run;
use super::{PATIENCE, Running, emitted, expect_sockets, listener};

/// A connection to a server that takes its time to start.
fn connect(ns: &Ns, port: u16) -> TcpStream {
    let mut stream = None;
    eventually("the server accepts", PATIENCE, || {
        stream = ns.run(|| TcpStream::connect(("127.0.0.1", port))).ok();
        stream.is_some()
    });
    stream.expect("a connection")
}

#[test]
fn nginx() {
    if !Need::root() || !Need::program("nginx", "apt-get install nginx-light") {
        return;
    }
    let (text, promised) = emitted("nginx");
    let ns = Ns::new().expect("a namespace");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display();
    let config = format!(
        "daemon off;\nmaster_process off;\npid {path}/pid;\nerror_log stderr;\n\
         events {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path {path}/body;\n\
         proxy_temp_path {path}/proxy;\nfastcgi_temp_path {path}/fastcgi;\n\
         uwsgi_temp_path {path}/uwsgi;\nscgi_temp_path {path}/scgi;\n{text}}}\n"
    );
    let file = folder.path().join("nginx.conf");
    fs::write(&file, config).expect("writing");
    let _nginx = Running::start(&ns, Command::new("/usr/sbin/nginx").arg("-c").arg(&file));
    let _client = connect(&ns, 8080);
    expect_sockets(&ns, "--local :8080 --state ESTABLISHED", 1, &promised);
}

#[test]
fn haproxy() {
    if !Need::root() || !Need::program("haproxy", "apt-get install haproxy") {
        return;
    }
    let (text, promised) = emitted("haproxy");
    let ns = Ns::new().expect("a namespace");
    let (_upstream, address) = listener(&ns, 8081);
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), text).expect("writing");
    let mut haproxy = Command::new("/usr/sbin/haproxy");
    let _haproxy = Running::start(&ns, haproxy.arg("-db").arg("-f").arg(file.path()));
    let _client = connect(&ns, 8080);
    expect_sockets(&ns, "--local :8080 --state ESTABLISHED", 1, &promised);
    let upstream = format!("--peer {address} --state ESTABLISHED");
    expect_sockets(&ns, &upstream, 1, &promised);
}

#[test]
fn sshd() {
    if !Need::root() || !Need::program("sshd", "apt-get install openssh-server") {
        return;
    }
    let (text, promised) = emitted("sshd");
    let ns = Ns::new().expect("a namespace");
    let address = SocketAddr::from(([127, 0, 0, 1], 2222));
    let settings: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let _sshd = Sshd::start(&ns, address, &settings).expect("sshd");
    let _client = connect(&ns, 2222);
    expect_sockets(&ns, "--local :2222 --state ESTABLISHED", 1, &promised);

    // Its own question is not the kernel's: sshd itself says what it made of it.
    let folder = tempfile::tempdir().expect("a folder");
    let (key, file) = (folder.path().join("key"), folder.path().join("config"));
    let mut keygen = Command::new("ssh-keygen");
    run(keygen
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key))
    .exits(0);
    fs::write(&file, format!("{text}HostKey {}\n", key.display())).expect("writing");
    let told = run(Command::new("/usr/sbin/sshd")
        .arg("-T")
        .arg("-f")
        .arg(&file))
    .exits(0);
    for line in [
        "tcpkeepalive yes",
        "clientaliveinterval 22",
        "clientalivecountmax 3",
    ] {
        assert!(
            told.stdout.lines().any(|told| told == line),
            "{line}: {}",
            told.stdout
        );
    }
}
