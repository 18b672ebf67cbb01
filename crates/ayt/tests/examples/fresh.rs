//! The examples' programs, never older than their sources.
//!
//! `cargo test` builds the examples beside the tests; `cargo test --test examples` does
//! not, and would run what an earlier build has left. Cargo writes beside each program
//! which files of the workspace it was made of: where one of those is newer, cargo is
//! asked, once, to build the examples.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The program of this example.
#[track_caller]
pub(super) fn program(name: &str) -> PathBuf {
    static FRESH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match FRESH.get_or_init(fresh) {
        Ok(folder) => folder.join(name),
        // For people to read: as an error of the test it would be one long line.
        Err(why) => panic!("{why}"),
    }
}

/// The folder of the programs, when all are as new as their sources.
fn fresh() -> Result<PathBuf, String> {
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    // TARGET/debug/deps/examples-1234, TARGET/debug/examples/NAME
    let profile = test.ancestors().nth(2).ok_or("no target folder")?;
    let folder = profile.join("examples");
    if stale(&folder)?.is_none() {
        return Ok(folder);
    }
    build(profile)?;
    match stale(&folder)? {
        None => Ok(folder),
        Some(why) => Err(format!(
            "{why}, and building the examples did not help: run `cargo test -p ayt`, which \
             builds them beside their test"
        )),
    }
}

/// Why an example is not to be run, if one is not.
fn stale(folder: &Path) -> Result<Option<String>, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let sources =
        std::fs::read_dir(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    for source in sources.flatten() {
        let Some(name) = source.path().file_stem().map(PathBuf::from) else {
            continue;
        };
        let program = folder.join(name);
        let why = newer(&program, &program.with_extension("d"));
        if why.is_some() {
            return Ok(why);
        }
    }
    Ok(None)
}

/// A file of this list of cargo's that is newer than the program.
fn newer(program: &Path, list: &Path) -> Option<String> {
    let (Some(made), Ok(list)) = (changed(program), std::fs::read_to_string(list)) else {
        return Some(format!("{} is missing", program.display()));
    };
    let newer = files(&list).find(|file| changed(file).is_none_or(|changed| changed > made))?;
    let (program, file) = (program.display(), newer.display());
    Some(format!("{program} is older than {file}"))
}

fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).ok()?.modified().ok()
}

/// What a rule of make, `PROGRAM: FILE FILE`, names; spaces within a name are escaped.
fn files(rule: &str) -> impl Iterator<Item = PathBuf> {
    let files = rule.split_once(": ").map_or("", |(_, files)| files);
    let files = files.trim_end().replace("\\ ", "\0");
    let files: Vec<PathBuf> = files
        .split(' ')
        .filter(|file| !file.is_empty())
        .map(|file| file.replace('\0', " ").into())
        .collect();
    files.into_iter()
}

/// As `cargo test` does, with what is here.
fn build(profile: &Path) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let named = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = profile.parent().ok_or("no target folder")?;
    let built = Command::new(cargo)
        .args(["build", "--offline", "--quiet", "--package", "ayt"])
        .args(["--examples", "--profile", named, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| format!("cargo, to build the examples: {error}"))?;
    if built.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&built.stderr);
    Err(format!("the examples do not build:\n{said}"))
}

#[test]
fn the_files_of_a_rule_are_read_with_their_spaces() {
    let rule = "/t/pool: /a/pool.rs /a/my\\ lib/x.rs\n";
    let read: Vec<PathBuf> = files(rule).collect();
    assert_eq!(read, ["/a/pool.rs", "/a/my lib/x.rs"].map(PathBuf::from));
    assert_eq!(files("").count(), 0);
}

#[test]
fn a_program_is_stale_by_a_newer_a_missing_and_an_unknown_file() {
    let folder = std::env::temp_dir().join(format!("ayt-fresh-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder of its own");
    let [program, list, source] = ["pool", "pool.d", "pool.rs"].map(|name| folder.join(name));
    let write = |file: &Path, text: &str| std::fs::write(file, text).expect("it is written");
    let age = |file: &Path, seconds: u64| {
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let file = std::fs::File::options().write(true).open(file);
        file.and_then(|file| file.set_modified(at))
            .expect("it is there");
    };
    assert!(newer(&program, &list).is_some_and(|why| why.ends_with("is missing")));
    write(&program, "");
    write(&source, "");
    let rule = format!("{}: {}\n", program.display(), source.display());
    write(&list, &rule);
    age(&source, 1_000);
    age(&program, 1_001);
    assert_eq!(newer(&program, &list), None);
    age(&source, 1_002);
    let why = newer(&program, &list);
    assert!(why.is_some_and(|why| why.ends_with("pool.rs")));
    std::fs::remove_file(&source).expect("it was there");
    assert!(newer(&program, &list).is_some());
    std::fs::remove_dir_all(&folder).expect("it was there");
}
