//! The test vectors are what their maker, plain Python, would write.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{python, root};

/// Whether `make.py --check` agrees with the files beside it, and what it says.
fn check(folder: &Path) -> (bool, String) {
    let output = Command::new("python3")
        .args(["make.py", "--check"])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

#[test]
fn the_vectors_are_what_their_maker_writes() {
    if !python() {
        return;
    }
    let (same, said) = check(&root().join("docs/protocol/vectors"));
    assert!(same, "{said}");
}

#[test]
fn the_check_finds_every_file_that_differs_or_is_missing() {
    if !python() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("ayt-vectors-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let source = root().join("docs/protocol/vectors");
    let mut files = Vec::new();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let copy = folder.join(path.file_name().unwrap());
        fs::copy(&path, &copy).unwrap();
        if copy.extension().is_some_and(|ending| ending == "json") {
            files.push(copy);
        }
    }
    assert_eq!(files.len(), 4);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let right = fs::read(&file).unwrap();
        let mut wrong = right.clone();
        let at = wrong.len() / 2;
        wrong[at] ^= 1;
        fs::write(&file, wrong).unwrap();
        let (same, said) = check(&folder);
        assert!(!same && said.contains(name), "changed {name}: {said}");
        fs::remove_file(&file).unwrap();
        let (same, said) = check(&folder);
        assert!(!same && said.contains(name), "without {name}: {said}");
        fs::write(&file, right).unwrap();
    }
    let (same, said) = check(&folder);
    assert!(same, "{said}");
    fs::remove_dir_all(&folder).unwrap();
}
