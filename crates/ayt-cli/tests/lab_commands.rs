//! `ayt lab --server … --client …` with servers of other people, unchanged.

mod common;

use std::process::Command;

use ayt_testbed::Need;
use common::{ayt, run};
use serde_json::Value;

/// What the server's side noticed of a fault.
fn server(rows: &[Value], fault: &str) -> Value {
    side(rows, fault, "server")
}

fn side(rows: &[Value], fault: &str, side: &str) -> Value {
    let mut rows = rows.iter();
    let found = rows.find(|row| row["fault"] == fault && row["side"] == side);
    found.expect("a row of that fault").clone()
}

fn tried(server: &str, client: &str, watch: &str, more: &[&str]) -> Vec<Value> {
    let words = [
        "lab", "--server", server, "--client", client, "--watch", watch, "--json",
    ];
    ayt(words.iter().chain(more)).exits(0).rows()
}

const CUT_AND_KILLED: &[&str] = &["--fault", "silent-drop", "--fault", "peer-killed"];
const CUT: &[&str] = &["--fault", "silent-drop"];

/// redis with its own keepalive: 2 s, and three probes of a third of that.
#[test]
fn redis_finds_its_dead_client_by_its_own_keepalive() {
    if !Need::root() || !Need::program("redis-server", "apt-get install redis-server") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let pcaps = folder.path().join("packets");
    let more = [CUT_AND_KILLED, &["--pcap", pcaps.to_str().expect("a name")]].concat();
    let rows = tried(
        "redis-server --port {port} --bind {address} --protected-mode no --save '' \
         --tcp-keepalive 2",
        "redis-cli -h {address} -p {port}",
        "10s",
        &more,
    );
    let dropped = server(&rows, "silent-drop");
    assert_eq!(dropped["cause"], "keepalive_timeout", "{dropped}");
    assert!(dropped["measured_s"].as_f64() > Some(3.0), "{dropped}");
    assert_eq!(server(&rows, "peer-killed")["cause"], "peer_closed");
    // The one who was killed did not notice: its own kernel closed for it.
    let killed = side(&rows, "peer-killed", "client");
    assert_eq!(killed["cause"], "local_close", "{killed}");
    let captures = std::fs::read_dir(&pcaps).expect("captures").count();
    assert_eq!(captures, 2);
}

/// nginx without settings never knows of a silent client that it keeps alive; with
/// `so_keepalive` it does.
#[test]
fn nginx_finds_it_when_its_listener_is_told_to() {
    if !Need::root() || !Need::program("nginx", "apt-get install nginx-light") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let client = "bash -c 'exec 3<>/dev/tcp/{address}/{port}; \
                  printf \"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\" >&3; exec sleep 60'";
    let with = |option: &str| {
        let dir = folder
            .path()
            .join(if option.is_empty() { "plain" } else { "told" });
        std::fs::create_dir(&dir).expect("a folder");
        let config = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr;\n\
             events {{}}\n\
             http {{ access_log off; client_body_temp_path .; proxy_temp_path .;\n\
             fastcgi_temp_path .; uwsgi_temp_path .; scgi_temp_path .;\n\
             server {{ listen 7000 {option}; location / {{ return 200 ok; }} }} }}\n"
        );
        std::fs::write(dir.join("nginx.conf"), config).expect("its configuration");
        let server = format!("nginx -p {} -c nginx.conf", dir.display());
        of_cut(&tried(&server, client, "6s", CUT))
    };
    assert_eq!(with("")["detected"], false);
    let told = with("so_keepalive=1s:1s:2");
    assert_eq!(told["cause"], "keepalive_timeout", "{told}");
}

/// sshd asks by itself (`ClientAliveInterval`), and closes: no kernel found it.
#[test]
fn sshd_asks_its_client_by_itself() {
    let needed = [
        ("sshd", "apt-get install openssh-server"),
        ("ssh", "apt-get install openssh-client"),
        ("ssh-keygen", "apt-get install openssh-client"),
    ];
    if !Need::root() || !needed.iter().all(|(name, how)| Need::program(name, how)) {
        return;
    }
    std::fs::create_dir_all("/run/sshd").expect("sshd's folder");
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().display().to_string();
    for name in ["host", "mine"] {
        let path = format!("{dir}/{name}");
        let made =
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path]));
        assert_eq!(made.exit, 0, "{}", made.stderr);
    }
    std::fs::copy(format!("{dir}/mine.pub"), format!("{dir}/authorized")).expect("a key");
    let server = format!(
        "/usr/sbin/sshd -D -e -f /dev/null -h {dir}/host -p {{port}} -o PidFile=none \
         -o UsePAM=no -o StrictModes=no -o PermitRootLogin=prohibit-password \
         -o AuthorizedKeysFile={dir}/authorized -o ClientAliveInterval=1 \
         -o ClientAliveCountMax=2"
    );
    let client = format!(
        "ssh -F /dev/null -i {dir}/mine -o StrictHostKeyChecking=no -o BatchMode=yes \
         -o UserKnownHostsFile=/dev/null -p {{port}} root@{{address}} exec sleep 60"
    );
    let rows = tried(&server, &client, "12s", CUT);
    let sshd = of_cut(&rows);
    assert_eq!(sshd["cause"], "local_close", "{sshd}");
    assert!(sshd["measured_s"].as_f64() >= Some(1.9), "{sshd}");
}

fn of_cut(rows: &[Value]) -> Value {
    server(rows, "silent-drop")
}

#[test]
fn a_command_that_fails_is_told_with_its_last_words() {
    if !Need::root() {
        return;
    }
    let ran = ayt(["lab", "--server", "sleep 0.1", "--client", "true"]).exits(2);
    assert!(ran.stderr.contains("is to listen"), "{}", ran.stderr);
    let server = "sh -c 'echo no bread today >&2; exit 7'";
    let ran = ayt(["lab", "--server", server, "--client", "true"]).exits(2);
    assert!(ran.stderr.contains("no bread today"), "{}", ran.stderr);
}

/// A client that comes up with every second call only: the other fault's row stands.
#[test]
fn a_fault_that_cannot_be_tried_leaves_the_others_their_rows() {
    if !Need::root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = ayt_testbed::fixture_binary().expect("the fixture");
    let fixture = fixture.display();
    let first = folder.path().join("first").display().to_string();
    let server = format!("{fixture} serve --bind {{address}}:{{port}}");
    let client = format!(
        "sh -c 'mkdir {first} && exec {fixture} hold {{address}}:{{port}}; \
         echo no luck today >&2; exit 4'"
    );
    let page = folder.path().join("page").display().to_string();
    let words = ["lab", "--server", &server, "--client", &client];
    let more = ["--watch", "2s", "--report", &page, "--json"];
    let rows = || words.iter().chain(CUT_AND_KILLED).chain(&more);
    let ran = ayt(rows()).exits(3).rows();
    let of = |side: &str, failed: bool| {
        let mut mine = ran.iter().filter(|row| row["side"] == side);
        let found = mine.find(|row| row["failed"].is_string() == failed);
        found.expect("one of each").clone()
    };
    for side in ["server", "client"] {
        let (tried, not) = (of(side, false), of(side, true));
        assert!(tried["detected"].is_boolean(), "{tried}");
        assert!(not["detected"].is_null(), "{not}");
        let why = not["failed"].as_str().expect("why");
        assert!(why.contains("no luck today"), "{why}");
    }
    let html = std::fs::read_to_string(format!("{page}/index.html")).expect("a page");
    assert!(html.contains("could not be run"), "it says which");
}
