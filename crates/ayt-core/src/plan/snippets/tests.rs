//! What every snippet must be; that they work is tried by crates/ayt-cli/tests/emit.

use super::*;
use crate::keepalive::Kernel;
use crate::plan::Wish;

fn report(policy: &str) -> Report {
    let ground = Ground::new(Os::Linux, Kernel::default(), None);
    let wish = Wish::new(Duration::ZERO, ground);
    Report::explained(wish, policy.parse().unwrap()).unwrap()
}

#[test]
fn every_target_has_a_name_of_its_own_and_is_found_by_it() {
    for target in Target::ALL {
        assert_eq!(target.id().parse(), Ok(target));
        let named = Target::ALL.iter().filter(|other| other.id() == target.id());
        assert_eq!(named.count(), 1, "{target}");
    }
    let error = "cobol".parse::<Target>().unwrap_err().to_string();
    assert!(
        error.contains("`cobol`") && error.contains("windows-registry"),
        "{error}"
    );
}

#[test]
fn every_text_says_what_it_does_within_80_columns() {
    for target in Target::ALL {
        let emitted = emit(target, &report("60/5/3 U=73500ms")).unwrap();
        let head = emitted
            .text
            .strip_prefix(target.snippet().first)
            .unwrap_or_default();
        let head = head.lines().next().unwrap_or_default();
        assert!(head.contains(emitted.file), "{target}: {head}");
        let comment = format!("\n{} ", target.snippet().comment);
        let joined = emitted.text.replace(&comment, " ");
        assert!(joined.contains("after its last byte"), "{target}: {joined}");
        assert!(emitted.text.ends_with('\n'), "{target}");
        for line in emitted
            .text
            .lines()
            .filter(|line| line.starts_with(target.snippet().comment))
        {
            assert!(
                line.chars().count() <= 80 || !line.contains(' '),
                "{target}: {line}"
            );
        }
    }
}

#[test]
fn units_are_each_targets_own() {
    let text = |target| emit(target, &report("61/7/4 U=87500ms")).unwrap().text;
    for (target, says) in [
        (Target::Sysctl, "tcp_keepalive_time = 61\n"),
        (Target::C, "TCP_USER_TIMEOUT, 87500)"),
        (Target::Cpp, "keepalivetime = 61000;"),
        (Target::Cpp, "01 00 00 00 48 EE 00 00 58 1B 00 00"),
        (Target::Cpp, "max_rt = 88;"),
        (Target::CSharp, "0x48, 0xEE, 0x00, 0x00, // 61000 ms"),
        (Target::Java, "TCP_KEEPINTERVAL, 7)"),
        (Target::Go, "{syscall.IPPROTO_TCP, 18, 87500}"),
        (Target::Rust, "from_millis(87500)"),
        (Target::Python, "TCP_USER_TIMEOUT, 87500)"),
        (Target::Node, "setKeepAlive(true, 79000)"),
        (Target::Nginx, "so_keepalive=61s:7s:4"),
        (Target::Haproxy, "tcp-ut 87500ms"),
        (Target::Envoy, "keepalive_time: 61\n"),
        (Target::Envoy, "level: 6, name: 18, int_value: 87500"),
        (Target::Postgresql, "tcp_user_timeout = 87500\n"),
        (Target::Mysql, "loose_tcp_keepalive_interval = 7\n"),
        (Target::Redis, "tcp-keepalive 44\n"),
        (Target::Sshd, "ClientAliveInterval 22\n"),
        (Target::Systemd, "KeepAliveIntervalSec=7\n"),
        (
            Target::Kubernetes,
            "tcp_keepalive_intvl\n        value: \"7\"",
        ),
        (
            Target::WindowsRegistry,
            "\"KeepAliveTime\"=dword:0000ee48\n",
        ),
        (
            Target::Powershell,
            "-Name KeepAliveInterval -PropertyType DWord -Value 2800 ",
        ),
    ] {
        assert!(
            text(target).contains(says),
            "{target} lacks {says}:\n{}",
            text(target)
        );
    }
}

#[test]
fn without_a_user_timeout_none_is_set() {
    for target in Target::ALL {
        let emitted = emit(target, &report("60/5/3")).unwrap();
        assert_eq!(emitted.settings.user_timeout, None, "{target}");
        let body = (target.snippet().body)(&report("60/5/3").settings());
        assert!(
            !body.contains("USER_TIMEOUT") && !body.contains("tcp-ut"),
            "{target}"
        );
    }
}

#[test]
fn what_counts_seconds_refuses_less_than_one() {
    let ground = Ground::new(Os::Windows { build: 19_045 }, Kernel::default(), None);
    let wish = Wish::new(Duration::ZERO, ground);
    let report = Report::explained(wish, "500ms/200ms/3".parse().unwrap()).unwrap();
    assert!(emit(Target::C, &report).is_err());
    assert!(
        emit(Target::Cpp, &report)
            .unwrap()
            .text
            .contains("keepalivetime = 500;")
    );
}
