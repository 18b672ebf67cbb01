//! `ayt why` as people and scripts run it: its exit codes, its two outputs, watching,
//! and what it says where it may not look.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use ayt_testbed::{Fixture, Need, Ns, Side, Veth, eventually};
use common::{Home, Nobody, Ran};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server on port 7000 that sits in a read of its first client, and so many more
/// that wait behind it.
struct Stuck {
    ns: Ns,
    server: Fixture,
    clients: Vec<TcpStream>,
    home: Home,
}

impl Stuck {
    fn new(waiting: usize) -> Self {
        let ns = Ns::new().unwrap();
        let server = Fixture::start(&ns, ["stuck-accept", "--bind", "127.0.0.1:7000"]).unwrap();
        let connect = || ns.run(|| TcpStream::connect(server.addr())).unwrap();
        let clients: Vec<_> = (0..=waiting).map(|_| connect()).collect();
        server.wait_line("stuck", PATIENCE).unwrap();
        eventually("they wait", PATIENCE, || {
            let rows = ns.tcp().unwrap();
            let queued = rows
                .iter()
                .filter(|row| row.local.port() == 7000 && row.inode == 0);
            queued.count() == waiting
        });
        Self {
            ns,
            server,
            clients,
            home: Home::new(),
        }
    }

    /// ayt, run within the namespace.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command();
        command.args(arguments).args(["--netns", "host"]);
        command
    }

    fn ayt(&self, arguments: &[&str]) -> Ran {
        self.ns.run(|| common::run(&mut self.command(arguments)))
    }
}

#[test]
fn one_paragraph_with_its_evidence_and_the_same_as_a_graph() {
    if !Need::root() {
        return;
    }
    let stuck = Stuck::new(2);
    let text = stuck.ayt(&["why", ":7000"]).exits(1);
    let pid = stuck.server.pid();
    let paragraph: String = text
        .stdout
        .lines()
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        paragraph.starts_with(&format!("ayt-fixture (pid {pid}) does not accept on")),
        "{text:?}"
    );
    assert!(paragraph.contains("2 clients have waited"), "{paragraph}");
    for line in text.stdout.lines() {
        assert!(line.chars().count() <= 80 || line.contains('`'), "{line}");
    }
    let json = stuck.ayt(&["why", ":7000", "--json"]).exits(1).row();
    assert_eq!(json["subject"], ":7000");
    assert_eq!(json["causes"][0]["cause"], "accept-stuck");
    let ids: Vec<&str> = json["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect();
    for edge in json["edges"].as_array().unwrap() {
        for end in ["from", "to"] {
            assert!(ids.contains(&edge[end].as_str().unwrap()), "{edge}");
        }
    }
    // The peer is on this host: nobody had to be asked.
    assert_eq!(json["looked_at"]["asked"], 0);
    let looked = stuck
        .ayt(&["why", ":7000", "--json", "--no-probe"])
        .exits(1)
        .row();
    assert!(looked["looked_at"]["asked"].is_null());
}

#[test]
fn well_nothing_several_and_nonsense_have_their_codes() {
    if !Need::root() {
        return;
    }
    let stuck = Stuck::new(0);
    let well = stuck.ayt(&["why", ":7000"]).exits(0);
    assert!(
        well.stdout.starts_with("Nothing is wrong with "),
        "{well:?}"
    );
    let _second = Fixture::start(&stuck.ns, ["serve"]).unwrap();
    let several = stuck.ayt(&["why", "ayt-fixture"]).exits(2);
    assert!(several.stderr.contains("could be `pid:"), "{several:?}");
    let nobody = stuck.ayt(&["why", "no-such-command"]).exits(2);
    assert!(
        nobody.stderr.contains("is called `no-such-command`"),
        "{nobody:?}"
    );
    for nonsense in ["", ":70000", "pid:x", "10.0.0.300"] {
        stuck.ayt(&["why", nonsense]).exits(2);
    }
    stuck
        .ayt(&["why", ":7000", "--no-probe", "--rate", "3"])
        .exits(2);
    stuck.ayt(&["why", ":7000", "--interval", "3s"]).exits(2);
}

#[test]
fn watching_ends_when_the_answer_is_another() {
    if !Need::root() {
        return;
    }
    let mut stuck = Stuck::new(1);
    let arguments = ["why", ":7000", "--watch", "--interval", "50ms", "--json"];
    let mut command = stuck.command(&arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = stuck.ns.spawn(&mut command).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["causes"][0]["cause"], "accept-stuck");
    // The first client goes, and the server takes the next.
    drop(stuck.clients.remove(0));
    let second: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(second["causes"].as_array().unwrap().len(), 0, "{second}");
    assert!(lines.next().is_none(), "one line a change");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn watching_can_be_stopped() {
    if !Need::root() {
        return;
    }
    let stuck = Stuck::new(1);
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut command = stuck.command(&["why", ":7000", "--watch", "--interval", "1h", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = stuck.ns.spawn(&mut command).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next().unwrap().is_ok());
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn a_second_look_that_is_far_away_can_be_stopped() {
    if !Need::root() {
        return;
    }
    let stuck = Stuck::new(1);
    let mut command = stuck.command(&["why", ":7000", "--look-apart", "1h", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = stuck.ns.spawn(&mut command).unwrap();
    let pid = child.id().to_string();
    eventually("it catches SIGINT", PATIENCE, || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
        (caught & 1 << (2 - 1) != 0).then_some(())
    });
    let kill = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(kill.success());
    let ended = eventually("it ends", PATIENCE, || child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(130));
}

#[test]
fn without_rights_it_says_which_part_is_missing_and_gives_the_rest() {
    if !Need::root() || !Need::program("setpriv", "apt-get install util-linux") {
        return;
    }
    let stuck = Stuck::new(2);
    let nobody = Nobody::new();
    let ran = nobody.ayt(&stuck.ns, "why :7000").exits(1);
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in [
        "A program that ayt may not see does not accept on 127.0.0.1:7000.",
        "What it does instead is unknown (its owner is hidden).",
        "2 clients have waited up to ",
        "not seen owners of ",
        "run as root",
    ] {
        assert!(text.contains(says), "no `{says}` in {text}");
    }
    // By its number, which everybody may know: its threads are hidden.
    let pid = format!("pid:{}", stuck.server.pid());
    let ran = nobody.ayt(&stuck.ns, &format!("why {pid}")).exits(3);
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("In what could be seen nothing is wrong"),
        "{text}"
    );
    assert!(
        text.contains("are blocked in (no right to read /proc/"),
        "{text}"
    );
}

#[test]
fn without_rights_nobody_can_be_asked_and_that_is_said_once() {
    if !Need::root() || !Need::program("setpriv", "apt-get install util-linux") {
        return;
    }
    let (ns, far) = (Ns::new().unwrap(), Ns::new().unwrap());
    let cable = Veth::join(&ns, &far).unwrap();
    let _server = Fixture::start(&far, ["serve", "--bind", "0.0.0.0:7000"]).unwrap();
    let to = SocketAddr::new(cable.v4(Side::B), 7000);
    let _client = eventually("connecting", PATIENCE, || ns.run(|| TcpStream::connect(to)));
    let nobody = Nobody::new();
    // Silent for long enough, whenever it is looked at.
    let ran = nobody.ayt(&ns, "why :7000 --idle-after 0s").exits(3);
    let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in [
        "not seen whether 1 peer is there (no descriptor of theirs may be used, nor a raw \
         socket be opened): run as root, or grant CAP_NET_RAW",
        "could ask none of 1 peer.",
    ] {
        assert!(text.contains(says), "no `{says}` in {text}");
    }
    assert!(!text.contains("ICMP"), "{text}");
}

#[test]
fn a_program_under_seccomp_is_looked_at_like_any_other() {
    if !Need::root() || !Need::program("python3", "apt-get install python3") {
        return;
    }
    let ns = Ns::new().unwrap();
    // Strict enough to have no way out: a filter that allows what it still needs.
    let program = "\
import ctypes, socket, struct
s = socket.create_server(('127.0.0.1', 7000))
i = lambda c, t, f, k: struct.pack('HBBI', c, t, f, k)
# Everything but ptrace (101) and process_vm_readv (310).
p = i(0x20,0,0,0) + i(0x15,0,1,101) + i(6,0,0,0x50001) + i(0x15,0,1,310) + i(6,0,0,0x50001) + i(6,0,0,0x7fff0000)
b = ctypes.create_string_buffer(p, len(p))
f = struct.pack('HP', len(p) // 8, ctypes.addressof(b))
l = ctypes.CDLL(None, use_errno=True)
assert l.prctl(38, 1, 0, 0, 0) == 0
assert l.prctl(22, 2, ctypes.create_string_buffer(f, len(f)), 0, 0) == 0
c, _ = s.accept()
c.recv(1)
";
    let _server = Fixture::start(&ns, ["tether", "--", "python3", "-c", program]).unwrap();
    let address = "127.0.0.1:7000";
    let connect = || ns.run(|| TcpStream::connect(address));
    let _clients: Vec<_> = (0..2)
        .map(|_| eventually("it listens", PATIENCE, connect))
        .collect();
    let home = Home::new();
    let ask = || {
        let mut command = home.command();
        command.args(["why", ":7000", "--netns", "host"]);
        let ran = ns.run(|| common::run(&mut command));
        let text = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.contains("recvfrom on descriptor 4") {
            true => Ok(()),
            false => Err(format!("{ran:?}")),
        }
    };
    eventually("its read is seen", PATIENCE, ask);
}
