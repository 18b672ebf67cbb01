//! Targets whose tool cannot be had here: read by a parser of their format.

use std::fs;
use std::process::Command;

use ayt_testbed::Need;
use serde_norway::Value;

use super::common::run;
use super::emitted;

/// The only document of the text.
#[track_caller]
pub(super) fn yaml(text: &str) -> Value {
    serde_norway::from_str(text).expect("YAML, one document")
}

/// Envoy is in no Debian package: what its two messages hold.
#[test]
fn envoy() {
    let (text, promised) = emitted("envoy");
    let document = yaml(&text);
    let options = document["listeners"][0]["socket_options"]
        .as_sequence()
        .expect("a list");
    let option = |name: i64| {
        let mut all = options.iter();
        let found = all.find(|option| option["name"].as_i64() == Some(name));
        found.and_then(|option| option["int_value"].as_i64())
    };
    // asm-generic/socket.h and linux/tcp.h.
    assert_eq!(option(9), Some(1));
    assert_eq!(option(4), i64::try_from(promised.idle().as_secs()).ok());
    assert_eq!(option(5), i64::try_from(promised.interval().as_secs()).ok());
    assert_eq!(option(6), Some(promised.count().into()));
    assert_eq!(option(18), Some(87_500));
    assert!(
        options
            .iter()
            .all(|option| option["state"].as_str() == Some("STATE_PREBIND"))
    );
    let upstream = &document["clusters"][0]["upstream_connection_options"]["tcp_keepalive"];
    assert_eq!(upstream["keepalive_time"].as_i64(), Some(61));
    assert_eq!(upstream["keepalive_interval"].as_i64(), Some(7));
    assert_eq!(upstream["keepalive_probes"].as_i64(), Some(4));
}

/// systemd's own parser knows every key and takes every value.
#[test]
fn systemd() {
    if !Need::program("systemd-analyze", "apt-get install systemd") {
        return;
    }
    let (text, _) = emitted("systemd");
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("writing");
    write("ayt-emit.service", "[Service]\nExecStart=/bin/true\n");
    let verify = |text: &str| {
        write(
            "ayt-emit.socket",
            &format!("{text}ListenStream=127.0.0.1:7003\n"),
        );
        let mut command = Command::new("systemd-analyze");
        command
            .arg("verify")
            .arg(folder.path().join("ayt-emit.socket"));
        run(&mut command).stderr
    };
    let about_ours = |said: &str| said.lines().any(|line| line.contains("ayt-emit.socket"));
    assert!(!about_ours(&verify(&text)), "{}", verify(&text));
    // It does complain where there is reason to.
    let broken = text.replace("KeepAliveTimeSec=61", "KeepAliveTimeSec=soon");
    assert!(about_ours(&verify(&broken)), "{}", verify(&broken));
}

/// PowerShell is in no Debian package: two DWORD values of one path, in milliseconds.
#[test]
fn powershell() {
    let (text, promised) = emitted("powershell");
    let value = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.contains(&format!("-Name {name} ")))?;
        assert!(line.starts_with("New-ItemProperty -Path $path "), "{line}");
        assert!(line.contains(" -PropertyType DWord "), "{line}");
        line.split_once("-Value ")?
            .1
            .split(' ')
            .next()?
            .parse::<u128>()
            .ok()
    };
    assert_eq!(value("KeepAliveTime"), Some(promised.idle().as_millis()));
    assert_eq!(
        value("KeepAliveInterval"),
        Some(promised.interval().as_millis())
    );
    assert!(text.contains(r"$path = 'HKLM:\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters'"));
}
