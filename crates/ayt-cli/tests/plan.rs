//! `ayt plan`: what it promises, refuses and prints.

mod common;

use common::ayt;
use serde_json::Value;

fn plan(line: &str) -> Value {
    ayt(format!("plan --json {line}").split_whitespace())
        .exits(0)
        .row()
}

fn span(value: &Value) -> (f64, f64) {
    let ends = value.as_array().expect("a span");
    let end = |at: usize| ends[at].as_f64().expect("a time");
    (end(0), end(1))
}

#[test]
fn what_is_promised_is_within_the_wish() {
    for seconds in [5, 10, 30, 60, 300, 3_600] {
        let row = plan(&format!("--detect-within {seconds}s --rtt 50ms"));
        for path in ["idle_detection_s", "in_flight_detection_s"] {
            let (earliest, latest) = span(&row[path]);
            assert!(
                earliest <= latest && latest + 0.05 <= f64::from(seconds),
                "{row}"
            );
        }
        assert!(row["keepalive"]["count"].as_u64() >= Some(2), "{row}");
        assert!(row["user_timeout_ms"].is_u64(), "{row}");
        assert!(
            row["warnings"].is_array() && row["in_time"] == true,
            "{row}"
        );
        let (_, latest) = span(&row["heartbeat"]["detection_s"]);
        assert!(latest <= f64::from(seconds), "{row}");
    }
}

#[test]
fn a_wish_with_loss_outage_and_a_box_is_safe() {
    let row = plan(
        "--detect-within 30s --loss 2% --outage 10s --rtt 80ms --behind aws-nlb --devices 10000",
    );
    assert_eq!(row["safe"], true, "{row}");
    assert!(row["false_death_per_month"].as_f64() < Some(1e-6), "{row}");
    assert!(row["fatal_outage_idle_s"].as_f64() >= Some(10.0), "{row}");
    assert!(
        row["fatal_outage_in_flight_s"].as_f64() >= Some(10.0),
        "{row}"
    );
    let period = row["probe_period_s"].as_f64().expect("a period");
    let rate = row["probes_per_s"].as_f64().expect("a rate");
    assert!((rate * period - 10_000.0).abs() < 1e-6, "{row}");
}

#[test]
fn given_settings_are_explained_as_arm_writes_them() {
    let row = plan("--check 60/5/3 --user-timeout 20s --hz 250");
    assert_eq!(row["keepalive"]["idle_s"], 60);
    assert_eq!(row["user_timeout_ms"], 20_000);
    assert_eq!(row["detect_within_s"], Value::Null);
    // U masks N: the first run after the first probe ends it.
    let (earliest, latest) = span(&row["idle_detection_s"]);
    assert!(earliest >= 65.0 && latest < 68.0, "{row}");
    let ids: Vec<&str> = row["warnings"]
        .as_array()
        .expect("warnings")
        .iter()
        .filter_map(|warning| warning["id"].as_str())
        .collect();
    assert_eq!(
        ids,
        ["few-probes", "user-timeout-masks-count", "zero-window"]
    );
    let bare = plan("--check 60/5/3");
    assert_eq!(bare["user_timeout_ms"], Value::Null);
    assert_eq!(bare["warnings"][0]["id"], "in-flight-slow");
}

#[test]
fn settings_that_do_less_than_asked_are_exit_status_1() {
    for line in [
        "plan --check 60/5/3 --detect-within 30s",
        "plan --check 300/75/9 --behind azure-lb",
        "plan --check 10/1/3 --outage 10s",
        "plan --check 60/5/3 --loss 10%",
    ] {
        let ran = ayt(line.split_whitespace()).exits(1);
        assert!(ran.stdout.contains("To know"), "{line}: {}", ran.stdout);
    }
    ayt("plan --check 14/2/6 --user-timeout 27s --detect-within 30s".split_whitespace()).exits(0);
}

#[test]
fn a_polling_server_is_told_what_it_adds() {
    let row = plan("--detect-within 30s --poll 10s");
    let (earliest, latest) = span(&row["heartbeat"]["detection_s"]);
    assert!(latest - earliest >= 10.0 && latest <= 30.0, "{row}");
    let warnings = row["warnings"].as_array().expect("warnings");
    assert!(warnings.iter().any(|one| one["id"] == "polling"), "{row}");
}

#[test]
fn what_a_system_cannot_be_promised_is_null_with_a_reason() {
    let windows = plan("--detect-within 1m --os windows");
    assert_eq!(windows["idle_detection_s"], Value::Null);
    assert!(windows["idle_detection_unknown"].is_string(), "{windows}");
    assert_eq!(windows["in_time"], Value::Null);
    let macos = plan("--detect-within 1m --os macos");
    assert!(macos["idle_detection_s"][0].is_f64(), "{macos}");
    assert_eq!(macos["idle_detection_s"][1], Value::Null);
}

#[test]
fn every_box_names_its_source() {
    let rows = ayt(["plan", "--list-middleboxes", "--json"])
        .exits(0)
        .rows();
    assert!(rows.len() >= 15, "{}", rows.len());
    let text = ayt(["plan", "--list-middleboxes"]).exits(0).stdout;
    for row in rows {
        let id = row["box"].as_str().expect("an id");
        assert!(
            row["source"]
                .as_str()
                .is_some_and(|source| source.len() > 10),
            "{row}"
        );
        assert!(text.contains(id), "{id}");
        plan(&format!("--detect-within 30s --behind {id}"));
    }
}

/// The page shows what the command prints today.
#[test]
fn the_page_is_real_output() {
    let page = include_str!("../../../docs/plan.md");
    let mut blocks = 0;
    for block in page.split("```console\n$ ayt ").skip(1) {
        let (line, rest) = block.split_once('\n').expect("a command");
        let (shown, _) = rest.split_once("```").expect("an end");
        let ran = ayt(line.split_whitespace());
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(printed, shown, "docs/plan.md: ayt {line}");
        blocks += 1;
    }
    assert!(blocks >= 6, "{blocks}");
    let mut rows = 0;
    for row in page.lines().filter(|line| line.contains("`, U = ")) {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let (wish, settings) = (cells.next().unwrap_or(""), cells.next().unwrap_or(""));
        let found = plan(&format!("--detect-within {wish}"));
        let keepalive = &found["keepalive"];
        let [idle, interval, count] = ["idle_s", "interval_s", "count"].map(|key| &keepalive[key]);
        let user_timeout = found["user_timeout_ms"].as_f64().unwrap_or_default() / 1000.0;
        let expected = format!("`{idle}/{interval}/{count}`, U = {user_timeout} s");
        assert_eq!(settings, expected, "docs/plan.md: {row}");
        let keepalive = found["bytes_per_month"]["keepalive"]
            .as_f64()
            .unwrap_or_default();
        let costs = format!("| {:.1} MB |", keepalive / 1e6);
        assert!(row.contains(&costs), "docs/plan.md: {row}: {costs}");
        rows += 1;
    }
    assert_eq!(rows, 6);
}
