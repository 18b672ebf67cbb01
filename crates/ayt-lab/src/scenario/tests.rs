//! What is refused, and how it reads.

use super::*;

/// A file with this in its only run, whose fault is `fault`.
fn refused(text: &str) -> String {
    match parse("mine.toml", text) {
        Ok(cells) => panic!("{text}\nis taken: {cells:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_wrong_is_told_with_file_line_and_column() {
    let run = |fault: &str, lines: &str| format!("fault = \"{fault}\"\n\n[[run]]\n{lines}\n");
    let texts = [
        "fault = \"silent-drop\n".to_owned(),
        "shows = []\n".to_owned(),
        run("silent-drip", "detector = \"none\""),
        run("silent-drop", "detector = \"hope\""),
        run("silent-drop", "detektor = \"none\""),
        run(
            "silent-drop",
            "detector = \"keepalive\"\nsettings = \"0/1/2\"",
        ),
        run(
            "silent-drop",
            "detector = \"keepalive\"\n  settings = \"2/1\"",
        ),
        run(
            "silent-drop",
            "detector = \"heartbeat\"\nsettings = \"1s/2\"",
        ),
        run("silent-drop", "detector = \"none\"\nsettings = \"2/1/2\""),
        run("silent-drop", "detector = \"none\"\npath = \"busy\""),
        run("silent-drop", "detector = \"none\"\nseed = -1"),
        run("silent-drop", "detector = \"none\"\nexpect = \"doom\""),
        run("silent-drop", "detector = \"none\"\nloss = \"5%\""),
        run("loss", "detector = \"none\"\nloss = \"120%\""),
        run("jitter", "detector = \"none\"\ndelay = \"2h\""),
        run("peer-killed", "detector = \"none\"\npath = \"in-flight\""),
        run("slow-reader", "detector = \"none\""),
        "fault = \"silent-drop\"\nshows = [\"row 5\"]\nrun = []\n".to_owned(),
    ];
    let told: Vec<String> = texts.iter().map(|text| refused(text)).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_left_out_is_as_usual() {
    let text = "fault = \"silent-drop\"\n[[run]]\ndetector = \"keepalive\"\n";
    let cells = parse("mine.toml", text).unwrap();
    let [cell] = cells.as_slice() else {
        panic!("{cells:?}");
    };
    assert_eq!(cell.settings, Detector::Keepalive.spec().usual);
    assert_eq!((cell.path, cell.seed, cell.slow), (Path::Idle, 1, false));
    assert_eq!(cell.expect, None);
}

#[test]
fn the_standard_set_is_read() {
    let cells = standard().unwrap();
    assert!(cells.len() > 150, "{}", cells.len());
}
