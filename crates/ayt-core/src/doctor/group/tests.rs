use super::*;
use crate::facts::sample::{Sample, socket};
use crate::tcp_state::TcpState;

fn established(cookie: u32, local: &str, remote: &str) -> Socket {
    socket(cookie, TcpState::Established, local, remote)
}

fn told(sample: Sample) -> Vec<(String, String, String)> {
    let facts = sample.facts();
    let all = facts.sockets.iter().map(|socket| (socket, ()));
    by_service(&facts, all)
        .iter()
        .map(|group| (group.who(), group.place(), group.filters()))
        .collect()
}

#[test]
fn processes_of_one_command_and_port_are_one_culprit() {
    let sample = (1..=3).fold(Sample::new(), |sample, at| {
        let socket = established(at, "10.0.0.1:22", &format!("10.0.0.2:5000{at}"));
        sample.owned(socket, 800 + at, "sshd", 4)
    });
    assert_eq!(
        told(sample),
        [(
            "sshd (3 processes)".to_owned(),
            "on port 22".to_owned(),
            "--command sshd --local :22".to_owned()
        )]
    );
}

#[test]
fn outgoing_connections_are_told_by_endpoint_until_they_are_many() {
    let outgoing = |remotes: u32| {
        (1..=remotes).fold(Sample::new(), |sample, at| {
            let local = format!("10.0.0.1:{}", 40_000 + at);
            let socket = established(at, &local, &format!("10.0.0.{}:443", 1 + at));
            sample.owned(socket, 9, "crawler", at)
        })
    };
    assert_eq!(told(outgoing(3)).len(), 3);
    assert_eq!(told(outgoing(1))[0].2, "--pid 9 --peer 10.0.0.2:443");
    assert_eq!(
        told(outgoing(4)),
        [(
            "crawler (pid 9)".to_owned(),
            "to 4 remote endpoints".to_owned(),
            "--pid 9".to_owned()
        )]
    );
}

#[test]
fn hidden_and_missing_owners_are_named_and_never_select_everything() {
    let mut hidden = established(1, "10.0.0.1:40000", "10.0.0.2:443");
    hidden.uid = 33;
    let mut sample = Sample::new().unowned(established(2, "10.0.0.1:22", "10.0.0.2:50000"));
    sample.0.sockets.push(hidden);
    assert_eq!(
        told(sample),
        [
            (
                "a program ayt cannot see (uid 33)".to_owned(),
                "to 10.0.0.2:443".to_owned(),
                "--peer 10.0.0.2:443".to_owned()
            ),
            (
                "the kernel (no process holds a descriptor)".to_owned(),
                "on port 22".to_owned(),
                "--local :22".to_owned()
            )
        ]
    );
}

#[test]
fn a_process_name_never_becomes_shell() {
    let sample = (1..=2).fold(Sample::new(), |sample, at| {
        let socket = established(at, "10.0.0.1:22", &format!("10.0.0.2:5000{at}"));
        sample.owned(socket, at, "$(reboot)", 4)
    });
    assert_eq!(told(sample)[0].2, "--local :22");
}

#[test]
fn another_namespace_is_part_of_the_filter() {
    let mut sample = Sample::new().owned(
        established(1, "10.0.0.1:22", "10.0.0.2:50000"),
        7,
        "sshd",
        4,
    );
    sample.0.namespaces[0].name = "web".to_owned();
    assert_eq!(told(sample)[0].2, "--netns web --pid 7 --local :22");
}
