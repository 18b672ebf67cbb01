//! `ayt lab`, from the command line to its exit status.

mod common;

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use ayt_testbed::{Need, eventually};
use common::{ayt, run};

#[test]
fn a_cell_is_run_and_told_as_json_with_the_documented_names() {
    if !Need::root() {
        return;
    }
    let ran = ayt([
        "lab",
        "--fault",
        "peer-killed",
        "--detector",
        "none",
        "--json",
    ])
    .exits(0);
    let row = ran.row();
    assert_eq!(row["fault"], "peer-killed", "{row}");
    assert_eq!(row["detector"], "none", "{row}");
    assert_eq!(row["detected"], true, "{row}");
    assert_eq!(row["cause"], "peer_closed", "{row}");
    assert_eq!(row["false_deaths"], 0, "{row}");
    let planned = row["planned_s"].as_array().expect("a span");
    let measured = row["measured_s"].as_f64().expect("a time");
    assert!(measured <= planned[1].as_f64().expect("its end"), "{row}");
}

#[test]
fn probes_find_what_keepalive_finds_at_once() {
    if !Need::root() {
        return;
    }
    let ran = ayt(["lab", "--detector", "probe", "--json"]).exits(0);
    let rows = ran.rows();
    assert!(rows.len() >= 10, "{rows:?}");
    assert!(
        rows.iter().any(|row| row["cause"] == "unreachable"),
        "{rows:?}"
    );
}

#[test]
fn what_differs_from_its_scenario_is_exit_status_1() {
    if !Need::root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.toml");
    let text = "fault = \"peer-killed\"\n[[run]]\ndetector = \"none\"\nexpect = \"alive\"\n";
    std::fs::write(&file, text).expect("a file");
    let ran = ayt(["lab", file.to_str().expect("a name")]).exits(1);
    assert!(
        ran.stdout.contains("nobody was to notice"),
        "{}",
        ran.stdout
    );
}

#[test]
fn named_claims_are_shown_and_told_as_json_with_the_documented_names() {
    if !Need::root() {
        return;
    }
    let ran = ayt(["lab", "claims", "s25", "S5", "S16", "--json"]).exits(0);
    let rows = ran.rows();
    let ids: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["claim"].as_str())
        .collect();
    assert_eq!(ids, ["S5", "S16", "S25"], "{rows:?}");
    for row in &rows {
        let facts = row["facts"].as_array().expect("facts");
        assert!(!facts.is_empty(), "{row}");
        assert!(facts.iter().all(|fact| fact["holds"] == true), "{row}");
        assert!(row["truth"].is_string(), "{row}");
    }
    let verdicts: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["verdict"].as_str())
        .collect();
    assert_eq!(verdicts, ["refuted", "refuted", "holds"], "{rows:?}");
    // With `probe`, which the lab's own tests have not.
    let facts = rows[0]["facts"].to_string();
    assert!(
        facts.contains("unreachable after") && facts.contains("(probe "),
        "{facts}"
    );
    let ran = ayt(["lab", "claims", "S25"]).exits(0);
    assert!(ran.stdout.contains("S25  holds"), "{}", ran.stdout);
    assert!(ran.stdout.contains("holding: 1."), "{}", ran.stdout);
}

#[test]
fn bad_files_and_names_are_exit_status_2_and_say_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bad.toml");
    std::fs::write(
        &file,
        "fault = \"silent-drop\"\n[[run]]\ndetector = \"hope\"\n",
    )
    .expect("it");
    let name = file.to_str().expect("a name");
    let ran = ayt(["lab", name]).exits(2);
    assert!(
        ran.stderr
            .contains(&format!("{name}:3:12: no detector is called `hope`")),
        "{}",
        ran.stderr
    );
    for (words, said) in [
        (["lab", "--fault", "flood"], "no fault is called `flood`"),
        (["lab", "claims", "S99"], "no row is called `S99`"),
        (
            ["lab", "--cells", "list"],
            "`ayt lab list` takes no --cells",
        ),
        (
            ["lab", "--detector", "luck"],
            "no detector is called `luck`",
        ),
        (["lab", "/no/such.toml", "--json"], "/no/such.toml"),
    ] {
        let ran = ayt(words).exits(2);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn the_list_needs_no_rights_and_its_files_are_scenarios() {
    let ran = ayt(["lab", "list"]).exits(0);
    assert!(ran.stdout.contains("silent-drop"), "{}", ran.stdout);
    let ran = ayt(["lab", "list", "--files"]).exits(0);
    assert!(
        ran.stdout.contains("fault = \"silent-drop\""),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_report_and_its_captures_lie_where_they_are_wanted() {
    if !Need::root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (page, packets) = (folder.path().join("page"), folder.path().join("packets"));
    let text = |path: &std::path::Path| path.to_str().expect("a name").to_owned();
    let words = [
        "lab",
        "--fault",
        "peer-killed",
        "--detector",
        "none",
        "--seed",
        "9",
    ];
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let more = [
        "--report".into(),
        text(&page),
        "--pcap".into(),
        text(&packets),
    ];
    let ran = ayt(words.iter().chain(&more)).exits(0);
    assert!(ran.stdout.contains("Written: "), "{}", ran.stdout);
    let html = std::fs::read_to_string(page.join("index.html")).expect("a page");
    for said in [
        "peer-killed",
        "<svg",
        "FIN",
        "peer closed",
        "seed 9",
        "S6: A normal end",
    ] {
        assert!(html.contains(said), "no {said} on the page");
    }
    assert!(!html.contains("pcapng"), "nothing to link to");
    let names = |dir: &std::path::Path| {
        let files = std::fs::read_dir(dir).expect("a folder").flatten();
        files.map(|file| file.file_name()).collect::<Vec<_>>()
    };
    assert_eq!(names(&packets), ["001-peer-killed-none.pcapng"]);
    // Both in one folder: the page leads to the captures.
    let more = ["--report".into(), text(&page), "--pcap".into(), text(&page)];
    ayt(words.iter().chain(&more)).exits(0);
    let html = std::fs::read_to_string(page.join("index.html")).expect("a page");
    assert!(html.contains("href=\"001-peer-killed-none.pcapng\""));
    assert_eq!(names(&page).len(), 2);
    // A folder that cannot be is known, with what to do.
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let more = ["--report".to_owned(), text(&file)];
    let ran = ayt(words.iter().chain(&more)).exits(2);
    assert!(
        ran.stderr.contains("cannot make the folder"),
        "{}",
        ran.stderr
    );
    // Before anything is measured for it.
    assert_eq!(ran.stdout, "");
    let more = ["--report", "/x", "claims", "S25"].map(str::to_owned);
    let ran = ayt(["lab".to_owned()].iter().chain(&more)).exits(2);
    assert!(ran.stderr.contains("takes no --report"), "{}", ran.stderr);
}

#[test]
fn an_ordinary_user_may_as_well() {
    if !Need::root() {
        return;
    }
    let nobody = common::Nobody::new();
    let words = "lab --fault silent-drop --detector heartbeat --detector probe --json";
    let ran = run(nobody.command().args(words.split(' '))).exits(0);
    let rows = ran.rows();
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows.iter().all(|row| row["detected"] == true), "{rows:?}");
}

#[test]
fn ctrl_c_ends_everything() {
    if !Need::root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_ayt"))
        .args(["lab", "--fault", "silent-drop"])
        .args(["--report".as_ref(), folder.path().as_os_str()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let subjects = || children_of(lab.id());
    eventually("cells run", Duration::from_secs(30), || {
        subjects().len() > 4
    });
    let all = subjects();
    let pid = rustix::process::Pid::from_child(&lab);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it lives");
    let status = lab.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    let mut text = String::new();
    let mut out = lab.stdout.take().expect("piped");
    out.read_to_string(&mut text).expect("text");
    // What there is by then is told as that.
    assert!(text.contains("Stopped: "), "{text}");
    let html = std::fs::read_to_string(folder.path().join("index.html")).expect("a page");
    assert!(html.contains("stopped: "), "{html}");
    eventually("they end with it", Duration::from_secs(10), || {
        all.iter()
            .all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())
    });
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let ppid: u32 = stat
            .rsplit(')')
            .next()?
            .split_whitespace()
            .nth(1)?
            .parse()
            .ok()?;
        (ppid == parent).then_some(pid)
    });
    pids.collect()
}
