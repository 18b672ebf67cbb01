//! What machines read, and that docs/json.md tells all of it.

use ayt_core::doctor::{Limits, examine, rules};
use ayt_core::verdict::Verdict;
use ayt_core::{cause::Cause, facts::HostFacts};
use proptest::prelude::*;
use serde_json::Value;

use super::{answer, armed, diagnosis, middlebox, plan, reaped, row, rule};
use crate::testing;
use crate::text::doctor::Looked;
use crate::text::reap::{Reason, Row};

/// Rows as they are written, and what serde_json makes of them.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> (String, Vec<Value>) {
    let mut out = Vec::new();
    write(&mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    let rows = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    (text, rows)
}

fn list() -> (String, Vec<Value>) {
    let facts = testing::host();
    written(|out| {
        facts
            .sockets
            .iter()
            .for_each(|socket| row(out, &facts, socket));
    })
}

fn probe() -> (String, Vec<Value>) {
    let facts = testing::host();
    written(|out| {
        for (at, given) in testing::answers() {
            answer(out, &facts, &facts.sockets[at], &given);
        }
    })
}

fn arm() -> (String, Vec<Value>) {
    let facts = testing::host();
    written(|out| {
        for (at, done) in testing::armed() {
            armed(out, &facts, &facts.sockets[at], &done, at == 2);
        }
    })
}

/// A plan with everything, and what given settings on another system lack.
fn plans() -> (String, Vec<Value>) {
    use ayt_core::keepalive::{Kernel, Os};
    use ayt_core::plan::{Ground, Loss, Report, Target, Wish, emit};
    let wish = |seconds, os| {
        let ground = Ground::new(os, Kernel::default(), None);
        Wish::new(std::time::Duration::from_secs(seconds), ground)
    };
    let full = Wish {
        loss: Loss::new(0.02),
        devices: Some(10_000),
        ..wish(30, Os::Linux)
    };
    let full = Report::recommended(full).expect("a plan");
    let text = emit(Target::Redis, &full).expect("text");
    let windows = wish(1, Os::Windows { build: 19_045 });
    let policy = "60/5/3".parse().expect("settings");
    let bare = Report::explained(windows, policy).expect("settings");
    written(|out| {
        plan(out, &full, Some((Target::Redis, &text)));
        plan(out, &bare, None);
    })
}

fn reap() -> (String, Vec<Value>) {
    let facts = testing::host();
    let dead = Verdict::Dead(Cause::Unanswered);
    let outcomes = testing::reaped();
    let mut rows: Vec<Row<'_>> = outcomes
        .iter()
        .enumerate()
        .map(|(nth, outcome)| Row {
            socket: &facts.sockets[nth + 1],
            reason: Reason::Dead,
            verdict: Some(&dead),
            reaped: Some(outcome),
        })
        .collect();
    for (row, reason) in rows
        .iter_mut()
        .skip(2)
        .zip([Reason::CloseWait, Reason::Named])
    {
        (row.reason, row.verdict) = (reason, None);
    }
    written(|out| {
        rows.iter().for_each(|row| reaped(out, &facts, row));
        let waiting = Row {
            reaped: None,
            ..rows.remove(0)
        };
        reaped(out, &facts, &waiting);
    })
}

fn doctor() -> (String, Vec<Value>) {
    let mut parts = testing::parts();
    for (at, answer) in testing::answers() {
        parts
            .verdicts
            .insert(parts.sockets[at].cookie, answer.verdict);
    }
    let facts = HostFacts::new(parts);
    let found = examine(&facts, &Limits::default(), rules::ALL.iter().copied());
    let looked = |asked| Looked {
        sockets: facts.sockets.len(),
        namespaces: facts.namespaces.len(),
        processes: facts.processes.len(),
        rules: rules::ALL.len(),
        asked,
    };
    written(|out| {
        diagnosis(out, &facts, &found, &looked(Some(7)));
        diagnosis(
            out,
            &facts,
            &ayt_core::doctor::Diagnosis::default(),
            &looked(None),
        );
    })
}

fn whys() -> (String, Vec<Value>) {
    let answers = testing::whys();
    written(|out| answers.iter().for_each(|one| super::answer_why(out, one)))
}

#[test]
fn every_row_stands_as_documented() {
    insta::assert_snapshot!("why", whys().0);
    insta::assert_snapshot!("list", list().0);
    insta::assert_snapshot!("probe", probe().0);
    insta::assert_snapshot!("arm", arm().0);
    insta::assert_snapshot!("reap", reap().0);
    insta::assert_snapshot!("doctor", doctor().0);
}

/// All keys of a value, those of objects within included.
fn keys(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                // What a rule counts is its own; the page says where it is told.
                let own = key == "evidence";
                into.push(key.clone());
                if !own {
                    keys(value, into);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, into)),
        _ => {}
    }
}

fn lab() -> (String, Vec<Value>) {
    written(|out| {
        let outcomes = crate::text::lab::tests::outcomes();
        outcomes
            .iter()
            .for_each(|outcome| super::cell(out, outcome));
    })
}

fn claims() -> (String, Vec<Value>) {
    written(|out| {
        let claims = crate::text::lab::tests::a_few_claims();
        claims.iter().for_each(|one| super::claim(out, one));
    })
}

#[test]
fn every_key_is_in_the_page() {
    let page = include_str!("../../../../docs/json.md");
    let one_rule = written(|out| rule(out, rules::ALL[0]));
    let boxes = written(|out| {
        let all = ayt_core::middleboxes::MIDDLEBOXES;
        all.iter().for_each(|row| middlebox(out, row));
    });
    for (section, (_, rows)) in [
        ("list", list()),
        ("probe", probe()),
        ("arm", arm()),
        ("reap", reap()),
        ("doctor", doctor()),
        ("doctor", one_rule),
        ("why", whys()),
        ("plan", plans()),
        ("plan --list-middleboxes", boxes),
        ("lab", lab()),
        ("lab claims", claims()),
    ] {
        let mut all = Vec::new();
        rows.iter().for_each(|row| keys(row, &mut all));
        all.sort_unstable();
        all.dedup();
        for key in all {
            assert!(
                page.contains(&format!("`{key}`")),
                "ayt {section} --json writes `{key}`, and docs/json.md does not tell it"
            );
        }
    }
}

#[test]
fn the_examples_of_the_page_have_the_keys_of_the_rows() {
    let page = include_str!("../../../../docs/json.md");
    let examples: Vec<Value> = page
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect();
    let sorts = [
        list(),
        probe(),
        doctor(),
        whys(),
        arm(),
        reap(),
        plans(),
        lab(),
        claims(),
    ];
    assert_eq!(examples.len(), sorts.len());
    for (example, (_, rows)) in examples.iter().zip(sorts) {
        let mut known = Vec::new();
        rows.iter().for_each(|row| keys(row, &mut known));
        let mut told = Vec::new();
        keys(example, &mut told);
        for key in &told {
            assert!(known.contains(key), "`{key}` is in an example only");
        }
        // What every row has, the example has.
        for key in rows[0].as_object().expect("an object").keys() {
            let always = rows.iter().all(|row| row.get(key).is_some());
            assert!(!always || told.contains(key), "an example without `{key}`");
        }
    }
}

#[test]
fn the_names_promised_to_machines_are_there() {
    let (_, rows) = list();
    let connection = &rows[2];
    assert_eq!(connection["local"], "[fd00:a77::1]:22");
    assert_eq!(connection["remote"], "[fd00:a77::9]:40112");
    assert_eq!(connection["state"], "ESTABLISHED");
    assert_eq!(
        connection["owners"][0],
        serde_json::json!({"pid": 640, "command": "sshd", "fd": 4})
    );
    assert_eq!(
        connection["keepalive"],
        serde_json::json!({"enabled": true, "idle_s": 60, "interval_s": 5, "count": 3,
                           "user_timeout_ms": 75_000})
    );
    assert_eq!(connection["idle_ms"], 9_000);
    assert_eq!(connection["age_at_least_ms"], 9_000);
    assert!(rows[4]["keepalive"].is_null() && rows[4]["keepalive_unknown"].is_string());
    let (_, rows) = probe();
    for (at, verdict, cause) in [
        (0, "dead", Value::from("unanswered")),
        (1, "alive", Value::Null),
        (2, "dead", Value::from("peer_reset")),
        (3, "unknown", Value::Null),
        (4, "suspect", Value::from("unreachable")),
    ] {
        assert_eq!(rows[at]["verdict"], verdict);
        assert_eq!(rows[at]["cause"], cause);
    }
    assert_eq!(rows[1]["rtt_ms"], 12.345);
    let (_, rows) = doctor();
    let finding = &rows[0]["findings"][0];
    for key in [
        "rule",
        "severity",
        "summary",
        "evidence",
        "owners",
        "connections",
        "remedy",
    ] {
        assert!(!finding[key].is_null(), "{key}");
    }
    assert!(rows[0]["partial"].is_array());
}

/// Every null says why, under its own name or under that of its kind.
#[test]
fn an_unknown_value_is_null_with_a_reason() {
    let (_, rows) = list();
    for row in rows {
        for (value, why) in [
            ("keepalive", "keepalive_unknown"),
            ("idle_ms", "idle_unknown"),
            ("age_at_least_ms", "age_at_least_unknown"),
            ("tcp", "tcp_unknown"),
        ] {
            assert_eq!(row[value].is_null(), row[why].is_string(), "{value}: {row}");
        }
        for key in ["segs_in", "snd_wnd"] {
            let tcp = &row["tcp"];
            assert!(tcp.is_null() || tcp[key].is_null() == tcp["unknown"].is_string());
        }
    }
}

proptest! {
    #[test]
    fn any_row_is_one_line_of_json_that_no_terminal_obeys(
        command in any::<String>(),
        unit in any::<Option<String>>(),
        name in any::<String>(),
        numbers in any::<[u32; 6]>(),
        bytes in any::<Option<u64>>(),
    ) {
        let mut parts = testing::parts();
        parts.namespaces[0].name = name;
        for process in parts.processes.values_mut() {
            process.command.clone_from(&command);
            process.unit.container.clone_from(&unit);
        }
        for socket in &mut parts.sockets {
            socket.receive_queue = numbers[0];
            socket.timer.expires_ms = numbers[1];
            if let Some(tcp) = &mut socket.tcp {
                tcp.last_data_recv_ms = numbers[2];
                tcp.last_data_sent_ms = numbers[3];
                tcp.last_ack_recv_ms = numbers[4];
                tcp.rtt_us = numbers[5];
                tcp.bytes_received = bytes;
            }
        }
        let facts = HostFacts::new(parts);
        let (text, rows) = written(|out| {
            for (at, given) in testing::answers() {
                answer(out, &facts, &facts.sockets[at], &given);
            }
        });
        prop_assert_eq!(rows.len(), testing::answers().len());
        prop_assert!(!text.replace('\n', "").contains(crate::text::escape::is_unsafe));
        prop_assert_eq!(&rows[0]["owners"][0]["command"], &Value::from(command));
        prop_assert_eq!(&rows[0]["receive_queue"], &Value::from(numbers[0]));
    }
}
