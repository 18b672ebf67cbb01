//! The examples do what their heads promise: each is run as its reader would, and what
//! it prints is looked at.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "these tests run programs in real time"
)]

mod example;
mod fresh;
#[path = "../common/late.rs"]
mod late;

use std::error::Error;
use std::thread;
use std::time::Duration;

use ayt_testbed::Need;
use example::Example;
use late::Lateness;
use rustix::process::Signal;

type Done = Result<(), Box<dyn Error>>;

/// A server with short times, and where it listens.
fn server(arguments: &[&str]) -> Result<(Example, String), Box<dyn Error>> {
    let mut all = vec!["--listen", "127.0.0.1:0"];
    all.extend_from_slice(arguments);
    let mut server = Example::start("heartbeat_server", &all)?;
    let line = server.says(&["listening on"]);
    let address = line.split([' ', ';']).nth(2).ok_or("no address")?;
    Ok((server, address.to_owned()))
}

fn device(server: &str, arguments: &[&str]) -> Result<Example, Box<dyn Error>> {
    let mut all = vec!["--server", server];
    all.extend_from_slice(arguments);
    Example::start("heartbeat_device", &all)
}

#[test]
fn a_pulled_cable_is_found_by_each_socket_in_its_own_time() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let late = Lateness::watch();
    let said = Example::start("pulled_cable", &[])?.ends_well();
    // A busy machine tells it later than it is found.
    let late = 0.5 + late.so_far().as_secs_f64();
    let line = |words: &str| {
        let found = said.iter().find(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("no {words:?} in {said:#?}"))
    };
    let number = |text: &str, before: &str, after: &str| -> f64 {
        let rest = text.split(before).nth(1).expect(before);
        let number = rest.split(after).next().expect(after);
        number
            .parse()
            .unwrap_or_else(|_| panic!("{number} in {text}"))
    };
    for (client, earliest) in [("A", 3.0), ("B", 5.0)] {
        let planned = line(&format!("client {client} is missed"));
        assert!((number(planned, "after ", "s–") - earliest).abs() < 0.01);
        let latest = number(planned, "s–", "s,");
        let found = line(&format!("client {client} missed after"));
        assert!(found.ends_with("ETIMEDOUT, and then 0"), "{found}");
        let after = number(found, "after ", "s:");
        assert!(
            (earliest..latest + late).contains(&after),
            "{planned}; {found}; late by {late}"
        );
        line(&format!("client {client} in the server's kernel: gone"));
    }
    line("client C not missed after");
    line("client C in the server's kernel: Established");
    Ok(())
}

#[test]
fn keepalive_says_what_is_in_effect_and_errors_in_words() -> Done {
    let server = std::net::TcpListener::bind("127.0.0.1:0")?;
    let at = server.local_addr()?.to_string();
    let said = Example::start("keepalive", &[&at, "60/5/3 U=20s"])?.ends_well();
    for line in [
        "asked: 60/5/3 U=20s",
        "system: Linux",
        "in effect: 1m/5s/3 U=20s",
    ] {
        assert!(said.iter().any(|said| said == line), "no {line}: {said:#?}");
    }
    // I + V·max(1, ⌈(U − I)/V⌉), and U.
    for line in [
        "finds an idle death: 1m5s–",
        "finds one with data in flight: 20s–",
    ] {
        assert!(said.iter().any(|said| said.starts_with(line)), "{said:#?}");
    }
    let complaint = Example::start("keepalive", &[&at, "60/0/3"])?.ends_badly();
    assert!(
        complaint.starts_with("keepalive: keepalive interval 0ns is out of range: 1 ms to"),
        "{complaint}"
    );
    Ok(())
}

#[test]
fn strangers_keep_out_nobody_of_an_axum_server() -> Done {
    let said = Example::start("axum_listener", &[])?.ends_well();
    let count = |words: &str| said.iter().filter(|line| line.contains(words)).count();
    assert_eq!(count("refused ("), 15, "{said:#?}");
    assert_eq!(count("closed for not registering"), 5, "{said:#?}");
    assert_eq!(count("\"are you there? yes.\""), 3, "{said:#?}");
    assert_eq!(count("unregistered: 5, live: 6"), 1, "{said:#?}");
    assert_eq!(count("unregistered: 0, live: 1"), 1, "{said:#?}");
    let last = said.last().map(String::as_str);
    assert_eq!(last, Some("stopped; 0 connections had to be ended"));
    Ok(())
}

#[test]
fn a_hundred_cuts_lose_repeat_and_overtake_nothing() -> Done {
    let said = Example::start("hundred_cuts", &[])?.ends_well();
    let after = |words: &str| {
        let found = said.iter().find_map(|line| line.strip_prefix(words));
        found.unwrap_or_else(|| panic!("no {words:?} in {said:#?}"))
    };
    let losses: u32 = after("losses:   ").parse()?;
    assert!(losses >= 100, "{losses}");
    let sent = after("sent:     ");
    assert!(sent.starts_with("2000 messages, checksum "), "{sent}");
    assert_eq!(sent, after("received: "));
    Ok(())
}

#[test]
fn a_pool_that_looks_first_fails_no_request_where_a_plain_one_does() -> Done {
    let said = Example::start("pool", &[])?.ends_well();
    let numbers = |words: &str| -> Result<Vec<u32>, Box<dyn Error>> {
        let found = said.iter().find(|line| line.starts_with(words));
        let line = found.ok_or_else(|| format!("no {words:?} in {said:#?}"))?;
        let words = line.split([' ', ',']);
        Ok(words.filter_map(|word| word.parse().ok()).collect())
    };
    let plain = numbers("plain pool:")?;
    assert!(plain[0] > 0 && plain[1] == 300, "{said:#?}");
    let checked = numbers("checked pool:")?;
    // On a machine that is held up a connection may die between the look and the
    // request: that is what no check can help.
    assert!(checked[0] <= plain[0] / 10, "{said:#?}");
    assert!(checked[2] < 300, "it uses none again: {said:#?}");
    Ok(())
}

#[test]
fn a_device_with_a_wrong_key_is_told_so_in_words() -> Done {
    let (_server, address) = server(&[])?;
    let key = "18".repeat(16);
    let mut device = device(&address, &["--key", &key])?;
    device.says(&["the server refused: the key, the certificate or the secret is wrong"]);
    device.says(&["stopped: ", "check it on both sides"]);
    Ok(())
}

#[test]
fn a_device_that_behaves_registers_sends_and_says_goodbye() -> Done {
    let (mut server, address) = server(&[])?;
    let device = device(&address, &["--readings", "1"])?;
    server.says(&["meter-17: registered from", "epoch"]);
    server.says(&["\"reading 1\""]);
    server.says(&["gone"]);
    let said = device.ends_well();
    assert_eq!(said.first().map(String::as_str), Some("connecting"));
    assert!(said.iter().any(|line| line == "connected"), "{said:?}");
    server.signal(Signal::INT)?;
    let said = server.ends_well();
    assert_eq!(
        said.last().map(String::as_str),
        Some("in all: 1 registered, 0 resumed, 0 taken over")
    );
    Ok(())
}

#[test]
fn a_frozen_device_is_given_up_and_its_late_data_is_drained() -> Done {
    // 2 × 300 ms + 400 ms, and 20 s to be late in.
    let times = ["--beat", "300ms", "--challenge", "400ms", "--drain", "20s"];
    let (mut server, address) = server(&times)?;
    let device = device(&address, &["--freeze", "3s"])?;
    server.says(&["heartbeat missed: suspected"]);
    server.says(&["connection lost: the heartbeat stayed out"]);
    server.says(&["\"reading 2, on its way for long\"", "drained"]);
    server.says(&["resumed", "nothing was lost"]);
    server.says(&["\"reading 3\""]);
    server.says(&["gone"]);
    device.ends_well();
    // Twice is not arrived.
    let late = server.seen.iter().filter(|line| line.contains("reading 2"));
    assert_eq!(late.count(), 1, "{:#?}", server.seen);
    Ok(())
}

#[test]
fn a_device_that_vanishes_is_gone_with_its_cause() -> Done {
    let times = [
        "--beat",
        "200ms",
        "--challenge",
        "300ms",
        "--drain",
        "100ms",
        "--keep",
        "300ms",
    ];
    let (mut server, address) = server(&times)?;
    let _device = device(&address, &["--vanish"])?;
    server.says(&["\"reading 1\""]);
    server.says(&["heartbeat missed"]);
    server.says(&["connection lost: the heartbeat stayed out"]);
    server.says(&["gone: the heartbeat stayed out"]);
    assert!(!server.seen.iter().any(|line| line.contains("never heard")));
    Ok(())
}

#[test]
fn a_thousand_restarts_are_one_session_and_one_drain_at_most() -> Done {
    // One heartbeat is longer than the test.
    let (mut server, address) = server(&["--beat", "60m"])?;
    let device = device(&address, &["--restart-often", "--beat", "60m"])?;
    server.says(&["taken over by a newer connection"]);
    let line = server.says(&["registered 1000 times"]);
    let most = line.split(", ").last().ok_or("no counts")?;
    assert_eq!(most, "2 at most", "{line}");
    let said = device.ends_well();
    assert!(said.iter().any(|line| line == "restarted 1000 times"));
    // Who comes a second after the storm has lines of its own again.
    thread::sleep(Duration::from_millis(1_100));
    let _next = self::device(&address, &["--readings", "1"])?;
    server.says(&["\"reading 1\""]);
    Ok(())
}

#[test]
fn a_stopped_device_is_found_and_comes_back_and_a_stopped_server_accuses_nobody() -> Done {
    let times = ["--beat", "300ms", "--challenge", "400ms", "--keep", "60s"];
    let (mut server, address) = server(&times)?;
    // It wants no heartbeats: it will outlast a stopped server without a word.
    let patient = device(&address, &["--one-way"])?;
    server.says(&["\"reading 1\""]);

    // The program is stopped, its kernel lives: keepalive would not see it.
    patient.signal(Signal::STOP)?;
    server.says(&["connection lost: the heartbeat stayed out"]);
    patient.signal(Signal::CONT)?;
    server.says(&["resumed", "nothing was lost"]);
    server.says(&["\"reading"]);

    // Now the server: five deadlines long.
    let before = server.seen.len();
    server.signal(Signal::STOP)?;
    thread::sleep(Duration::from_secs(5));
    server.signal(Signal::CONT)?;
    server.says(&["\"reading"]);
    server.says(&["\"reading"]);
    let after = &server.seen[before..];
    let accused = |line: &&String| {
        ["missed", "lost:", "gone"]
            .iter()
            .any(|no| line.contains(no))
    };
    assert_eq!(after.iter().find(accused), None, "{after:#?}");
    Ok(())
}

#[test]
fn a_stopped_server_is_found_by_its_client_which_comes_back() -> Done {
    let times = ["--beat", "300ms", "--challenge", "400ms", "--keep", "60s"];
    let (mut server, address) = server(&times)?;
    let mut device = device(&address, &["--server-beat", "300ms"])?;
    server.says(&["\"reading 1\""]);
    server.signal(Signal::STOP)?;
    device.says(&["the server has gone quiet"]);
    device.says(&["not connected: the heartbeat stayed out"]);
    server.signal(Signal::CONT)?;
    device.says(&["connected again; the session goes on and nothing is lost"]);
    let line = server.says(&["resumed", "nothing was lost"]);
    // The device said goodbye: the server did not find it dead by its own lateness.
    let accused = |line: &&String| line.contains("connection lost: the heartbeat stayed out");
    assert_eq!(server.seen.iter().find(accused), None, "{line}");
    Ok(())
}
