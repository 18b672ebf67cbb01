//! PostgreSQL, MariaDB, Redis: the real servers, on the emitted configuration.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use ayt_testbed::{Need, Ns, Redis, eventually};

use super::common::{NOBODY, run};
use super::{PATIENCE, Running, emitted, expect_sockets};

/// A server refuses to run as root.
fn as_nobody(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(program.as_ref())
        .env("LC_ALL", "C")
        .current_dir("/");
    command
}

/// Connects, and says nothing.
fn connect(ns: &Ns, port: u16) -> TcpStream {
    let mut stream = None;
    eventually("the database accepts", PATIENCE, || {
        stream = ns.run(|| TcpStream::connect(("127.0.0.1", port))).ok();
        stream.is_some()
    });
    stream.expect("a connection")
}

/// Where Debian has PostgreSQL's programs.
fn postgresql_programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = versions.flatten().map(|version| version.path().join("bin"));
    programs.filter(|bin| bin.join("initdb").exists()).max()
}

#[test]
fn postgresql() {
    let programs = postgresql_programs().unwrap_or_else(|| PathBuf::from("/nowhere"));
    let initdb = programs.join("initdb");
    if !Need::root() || !Need::program(&initdb.to_string_lossy(), "apt-get install postgresql-15") {
        return;
    }
    let (text, promised) = emitted("postgresql");
    let ns = Ns::new().expect("a namespace");
    let folder = tempfile::tempdir().expect("a folder");
    chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("giving it away");
    let data = folder.path().join("data");
    let mut initdb = as_nobody(initdb);
    initdb
        .args(["--no-sync", "-A", "trust", "-U", "ayt", "-D"])
        .arg(&data);
    run(&mut initdb).exits(0);
    let config = data.join("postgresql.conf");
    let before = fs::read_to_string(&config).expect("a configuration");
    let ours = "listen_addresses = '127.0.0.1'\nport = 5433\nunix_socket_directories = ''\n";
    fs::write(&config, format!("{before}{ours}{text}")).expect("writing");
    let mut postgres = as_nobody(programs.join("postgres"));
    let _postgres = Running::start(&ns, postgres.arg("-D").arg(&data));
    let _client = connect(&ns, 5433);
    expect_sockets(&ns, "--local :5433 --state ESTABLISHED", 1, &promised);
}

#[test]
fn mysql() {
    if !Need::root() || !Need::program("mariadbd", "apt-get install mariadb-server-core") {
        return;
    }
    let (text, promised) = emitted("mysql");
    let ns = Ns::new().expect("a namespace");
    let folder = tempfile::tempdir().expect("a folder");
    chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("giving it away");
    let file = folder.path().join("my.cnf");
    let path = folder.path().display();
    let ours = format!(
        "bind-address = 127.0.0.1\nport = 3307\ndatadir = {path}\nsocket = {path}/socket\n\
         pid-file = {path}/pid\nskip-grant-tables\nskip-networking = 0\n\
         innodb-buffer-pool-size = 8M\naria-log-dir-path = {path}\n"
    );
    fs::write(&file, format!("{text}{ours}")).expect("writing");
    let mut mariadbd = as_nobody("/usr/sbin/mariadbd");
    mariadbd.arg(format!("--defaults-file={}", file.display()));
    let _mariadbd = Running::start(&ns, &mut mariadbd);
    let _client = connect(&ns, 3307);
    expect_sockets(&ns, "--local :3307 --state ESTABLISHED", 1, &promised);
}

#[test]
fn redis() {
    if !Need::root() || !Need::program("redis-server", "apt-get install redis-server") {
        return;
    }
    let (text, promised) = emitted("redis");
    let line = text
        .lines()
        .find(|line| !line.starts_with('#'))
        .expect("a line");
    let (name, value) = line.split_once(' ').expect("a name and a value");
    let ns = Ns::new().expect("a namespace");
    let address = SocketAddr::from(([127, 0, 0, 1], 6380));
    let _redis = Redis::start(&ns, address, &[&format!("--{name}"), value]).expect("redis");
    let _client = connect(&ns, 6380);
    expect_sockets(&ns, "--local :6380 --state ESTABLISHED", 1, &promised);
}
