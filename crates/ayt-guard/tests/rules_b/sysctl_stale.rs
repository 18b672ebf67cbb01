//! Settings of old advice, set inside a namespace of the test's own.

use std::process::Command;

use ayt_testbed::{Fixture, Need, Ns};

use crate::support::{Done, Look, text};

const RULE: &str = "sysctl-stale";

const OLD: [(&str, &str, &str); 9] = [
    ("tcp_timestamps", "0", "0"),
    ("tcp_fin_timeout", "5", "5"),
    ("tcp_abort_on_overflow", "1", "1"),
    ("tcp_syncookies", "0", "0"),
    ("tcp_retries2", "2", "2"),
    ("tcp_max_tw_buckets", "100", "100"),
    ("tcp_keepalive_intvl", "1", ""),
    ("tcp_keepalive_probes", "3", ""),
    ("ip_local_port_range", "40000 41000", "40000-41000"),
];

#[test]
fn old_advice_is_found_and_the_remedy_cures_it() -> Done {
    if !Need::root() || !Need::program("sysctl", "apt-get install procps") {
        return Ok(());
    }
    let ns = Ns::new()?;
    // A namespace is seen by a process in it.
    let server = Fixture::start(&ns, ["serve"])?;
    let look = Look::of(&ns);
    look.silent(RULE);
    for (name, value, _) in OLD {
        ns.sysctl(&format!("net/ipv4/{name}"), value)?;
    }
    ns.sysctl("net/ipv4/tcp_keepalive_time", "4")?;
    let outcome = look.run(RULE);
    let [finding] = outcome.findings.as_slice() else {
        panic!("{outcome:#?}");
    };
    for (name, _, shown) in OLD.iter().filter(|one| !one.2.is_empty()) {
        assert_eq!(text(finding, name), *shown, "{name}");
    }
    assert_eq!(text(finding, "tcp_keepalive_time"), "4/1/3");
    assert!(finding.summary.contains("8 settings"));
    assert!(outcome.unknown.is_empty(), "{outcome:?}");

    let command = finding.remedy.split('`').nth(1).expect("a command");
    let inside = format!("nsenter --net=/proc/{}/ns/net sysctl -w ", server.pid());
    assert!(command.starts_with(&inside), "{command}");
    let cured = Command::new("sh").args(["-c", command]).output()?;
    assert!(cured.status.success(), "{cured:?}");
    look.silent(RULE);
    assert_eq!(ns.read_sysctl("net/ipv4/tcp_fin_timeout")?, "60");
    Ok(())
}

#[test]
fn other_namespaces_than_the_one_asked_about_are_left_out() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (stale, well) = (Ns::new()?, Ns::new()?);
    let _in_stale = Fixture::start(&stale, ["serve"])?;
    let _in_well = Fixture::start(&well, ["serve"])?;
    stale.sysctl("net/ipv4/tcp_fin_timeout", "5")?;
    Look::of(&well).silent(RULE);
    assert_eq!(Look::of(&stale).run(RULE).findings.len(), 1);
    Ok(())
}

#[test]
fn short_but_sensible_settings_are_well() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let _server = Fixture::start(&ns, ["serve"])?;
    for (name, value) in [
        ("tcp_keepalive_time", "60"),
        ("tcp_keepalive_intvl", "5"),
        ("tcp_keepalive_probes", "3"),
        ("tcp_tw_reuse", "1"),
        ("tcp_fin_timeout", "15"),
        ("tcp_retries2", "8"),
        ("ip_local_port_range", "1024 65535"),
    ] {
        ns.sysctl(&format!("net/ipv4/{name}"), value)?;
    }
    Look::of(&ns).silent(RULE);
    Ok(())
}
