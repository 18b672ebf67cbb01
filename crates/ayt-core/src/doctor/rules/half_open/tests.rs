use super::*;
use crate::fact::{Fact, Why};
use crate::facts::sample::{Sample, keepalive, keepalive_off, set_quiet, socket};
use crate::tcp_state::TcpState;

const HOUR: u32 = 3_600_000;

fn quiet(cookie: u32, ms: u32) -> Socket {
    let remote = format!("10.0.0.2:{}", 50_000 + cookie);
    let mut socket = socket(cookie, TcpState::Established, "10.0.0.1:22", &remote);
    set_quiet(&mut socket, ms);
    socket
}

fn run(sample: Sample) -> Outcome {
    check(&sample.facts(), &Limits::default())
}

fn only(sample: Sample) -> Finding {
    let outcome = run(sample);
    let [finding] = outcome.findings.as_slice() else {
        panic!("{outcome:?}");
    };
    finding.clone()
}

fn asked(verdict: Verdict) -> Sample {
    Sample::new()
        .owned(quiet(1, 2 * HOUR), 812, "sshd", 4)
        .verdict(1, verdict)
}

#[test]
fn silence_over_the_whole_patience_is_certain() {
    let finding = only(asked(Verdict::Dead(Cause::Unanswered)));
    assert_eq!(
        finding.summary,
        "sshd (pid 812) holds 1 half-open connection on port 22: the peer does not answer, \
         heard last 2h ago"
    );
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!((finding.owners[0].pid, finding.owners[0].fd), (812, 4));
    assert_eq!(
        finding.remedy,
        "`ayt reap --pid 812 --local :22 --yes` asks again and ends the dead; \
         `ayt arm --pid 812 --local :22 --keepalive 60/5/3` lets the kernel find the next one; \
         before that, `ayt trace 10.0.0.1:22 10.0.0.2:50001` shows where its path ends"
    );
    assert_eq!(
        finding.evidence[1].value,
        Value::Text("unanswered".to_owned())
    );
}

#[test]
fn several_dead_of_one_cause_are_one_finding_and_of_two_causes_two() {
    let sample = (1..=4).fold(Sample::new(), |sample, at| {
        let cause = if at == 4 {
            Cause::PeerReset
        } else {
            Cause::Unreachable
        };
        sample
            .owned(quiet(at, at * HOUR), 812, "sshd", at)
            .verdict(at, Verdict::Dead(cause))
    });
    let findings = run(sample).findings;
    let path = "`ayt trace 10.0.0.1:22 10.0.0.2:50001` shows where the path of one of them ends";
    assert!(findings[1].remedy.ends_with(path), "{findings:?}");
    let summaries: Vec<_> = findings.into_iter().map(|f| f.summary).collect();
    assert_eq!(
        summaries,
        [
            "sshd (pid 812) held 1 half-open connection on port 22: the peer did not know it \
             any more (RST), which has ended it, heard last 4h ago",
            "sshd (pid 812) holds 3 half-open connections on port 22: the network calls the \
             peers unreachable, and they do not answer, heard last 1h to 3h ago",
        ]
    );
}

#[test]
fn a_suspicion_of_the_probe_is_a_warning() {
    let finding = only(asked(Verdict::Suspect(Suspicion::Unreachable)));
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(
        finding.summary,
        "sshd (pid 812) has 1 connection on port 22 whose peer a router calls unreachable, \
         heard last 2h ago"
    );
    let finding = only(asked(Verdict::Suspect(Suspicion::Silent)));
    assert!(
        finding
            .summary
            .contains("whose peer has not answered so far")
    );
    let finding = only(asked(Verdict::Suspect(Suspicion::Unheard)));
    assert!(
        finding
            .summary
            .contains("whose peer answers, and this host drops the answer")
    );
}

#[test]
fn not_asked_long_silence_without_keepalive_is_a_warning() {
    let sample = (1..=2).fold(Sample::new(), |sample, at| {
        sample
            .owned(quiet(at, at * HOUR), 812, "sshd", at)
            .with_keepalive(at, Fact::Known(keepalive_off()))
    });
    let finding = only(sample);
    assert_eq!(
        finding.summary,
        "sshd (pid 812) has 2 connections on port 22 silent for 1h to 2h with keepalive off: \
         their peers may be gone unnoticed"
    );
    assert_eq!(finding.severity, Severity::Warning);
    assert!(
        finding
            .remedy
            .starts_with("`ayt probe --pid 812 --local :22`")
    );
}

#[test]
fn unknown_settings_without_a_timer_are_said_to_be_unknown() {
    let sample = Sample::new()
        .owned(quiet(1, HOUR), 812, "sshd", 4)
        .with_keepalive(1, Fact::Unknown(Why::OwnerHidden));
    assert_eq!(
        only(sample).summary,
        "sshd (pid 812) has 1 connection on port 22 silent for 1h with no keepalive timer \
         running (settings unknown): its peer may be gone unnoticed"
    );
}

#[test]
fn a_probe_that_could_not_ask_leaves_the_suspicion() {
    assert!(
        only(asked(Verdict::Unknown(Why::NoDescriptor)))
            .summary
            .contains("may be gone")
    );
}

#[test]
fn silent_on_whatever_answers_is_heard_is_guarded_or_is_local() {
    let mut guarded = quiet(3, HOUR);
    guarded.timer.kind = TimerKind::Keepalive;
    let mut retransmitting = quiet(4, HOUR);
    retransmitting.timer.kind = TimerKind::Retransmit;
    let mut local = quiet(5, HOUR);
    local.remote = "10.0.0.1:50005".parse().unwrap();
    let mut time_wait = quiet(6, HOUR);
    time_wait.state = TcpState::TimeWait;
    let mut unaccounted = quiet(7, HOUR);
    unaccounted.tcp = None;
    let healthy = asked(Verdict::Alive { rtt: None })
        .owned(quiet(2, 14 * 60_000), 1, "fresh", 4)
        .owned(guarded, 1, "timer", 5)
        .owned(retransmitting, 1, "busy", 6)
        .owned(local, 1, "local", 7)
        .owned(time_wait, 1, "closed", 8)
        .owned(unaccounted, 1, "unaccounted", 9)
        .owned(quiet(8, HOUR), 1, "keepalive", 10)
        .with_keepalive(8, Fact::Known(keepalive(7200, 75, 9)));
    assert_eq!(run(healthy), Outcome::default());
}

#[test]
fn unknown_settings_behind_another_timer_are_not_guessed() {
    let mut socket = quiet(1, HOUR);
    socket.timer.kind = TimerKind::Other(9);
    assert_eq!(
        run(Sample::new().owned(socket, 1, "a", 3)),
        Outcome::default()
    );
}
