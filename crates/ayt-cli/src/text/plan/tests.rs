use ayt_core::keepalive::{Kernel, Policy};
use ayt_core::plan::{Family, Ground, Loss, Wish};

use super::*;

fn wish(seconds: u64, os: Os) -> Wish {
    let ground = Ground::new(os, Kernel::default(), None);
    Wish::new(Duration::from_secs(seconds), ground)
}

fn shown(report: &Report, given: bool, width: usize) -> String {
    let mut out = Vec::new();
    write(&mut out, Page::new(Some(width), false), report, given).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_first_line_is_the_answer() {
    let report = Report::recommended(wish(30, Os::Linux)).unwrap();
    let text = shown(&report, false, 80);
    let first = text.lines().next().unwrap();
    assert_eq!(
        first,
        "14/2/6 U=27s  finds a vanished peer within 30s (Linux)"
    );
    for says in [
        "after the last byte received",
        "after the send",
        "every 12s, 2 misses",
        "U masks N",
        "ayt arm --command NAME --keepalive 14/2/6 --user-timeout 27s\n",
        "ayt plan --check '14/2/6 U=27s' --emit c\n",
    ] {
        assert!(text.contains(says), "{says}:\n{text}");
    }
}

#[test]
fn given_settings_that_are_too_slow_are_called_so() {
    let policy: Policy = "60/5/3".parse().unwrap();
    let slow = Report::explained(wish(30, Os::Linux), policy).unwrap();
    let text = shown(&slow, true, 80);
    assert!(
        text.starts_with("60/5/3  takes longer than 30s (Linux)\n"),
        "{text}"
    );
    let no_time = Report::explained(wish(0, Os::Linux), policy).unwrap();
    assert!(shown(&no_time, true, 80).starts_with("60/5/3  on Linux\n"));
    let windows = Report::recommended(wish(60, Os::Windows { build: 19_045 })).unwrap();
    let text = shown(&windows, false, 80);
    assert!(
        text.contains("within 1m, by the manual (Windows)"),
        "{text}"
    );
    assert!(!text.contains("ayt arm"), "{text}");
}

#[test]
fn every_line_fits_the_page() {
    let behind = ["aws-nlb", "envoy"].map(|name| name.parse().unwrap());
    for os in Os::ALL {
        for policy in [
            "1/1/1",
            "60/5/3 U=20s",
            "7200/75/9",
            "10/2/40 U=90s",
            "300/10/9",
        ] {
            let wish = Wish {
                behind: behind.to_vec(),
                loss: Loss::new(0.02),
                devices: Some(1_000_000),
                poll: Some(Duration::from_secs(10)),
                family: Family::V6,
                ..wish(120, os)
            };
            let report = Report::explained(wish, policy.parse().unwrap()).unwrap();
            for width in [60, 80, 120] {
                for line in shown(&report, true, width).lines() {
                    let columns = line.chars().count();
                    let long_word = line.trim_start().starts_with("ayt ");
                    assert!(
                        columns <= width || long_word,
                        "{os} {policy} {width}: {line}"
                    );
                }
            }
        }
    }
}

#[test]
fn times_are_rounded_outwards() {
    let within = Span {
        earliest: Duration::from_millis(26_990),
        latest: Duration::from_millis(29_110),
    };
    assert_eq!(span(within), "26.9s to 29.2s");
    assert_eq!(moment(Duration::from_secs(3_600)), "1h");
    assert_eq!(bytes(19_254_858), "19.3 MB");
}
