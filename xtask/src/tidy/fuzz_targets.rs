//! Every fuzz target is built and run: its file is named in fuzz/Cargo.toml.

use super::Problem;
use super::tree::Tree;

const MANIFEST: &str = "fuzz/Cargo.toml";
const TARGETS: &str = "fuzz/fuzz_targets";

/// Targets that the manifest does not know, and entries without a file.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(manifest) = tree.text(MANIFEST) else {
        return Vec::new();
    };
    let listed = listed(manifest);
    let files: Vec<&str> = tree
        .directly_in(TARGETS)
        .filter_map(|(name, _)| name.strip_suffix(".rs"))
        .collect();
    let missing = files
        .iter()
        .filter(|name| !listed.iter().any(|other| other == *name))
        .map(|name| {
            Problem::new(
                format!("{TARGETS}/{name}.rs"),
                "is no [[bin]] of fuzz/Cargo.toml",
                format!("add one named \"{name}\" with test, doc and bench = false"),
            )
        });
    let gone = listed
        .iter()
        .filter(|name| !files.contains(&name.as_str()))
        .map(|name| {
            Problem::new(
                MANIFEST,
                format!("[[bin]] {name} has no file {TARGETS}/{name}.rs"),
                "remove the entry, or restore the file",
            )
        });
    missing.chain(gone).collect()
}

fn listed(manifest: &str) -> Vec<String> {
    let table: toml::Table = manifest.parse().unwrap_or_default();
    table
        .get("bin")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|bin| bin.get("name")?.as_str())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_entries_must_match() {
        let manifest = "[[bin]]\nname = \"a\"\n[[bin]]\nname = \"gone\"\n";
        let found: Vec<String> = check(&Tree::of(&[
            (MANIFEST, manifest),
            ("fuzz/fuzz_targets/a.rs", ""),
            ("fuzz/fuzz_targets/b.rs", ""),
        ]))
        .into_iter()
        .map(|problem| problem.file)
        .collect();
        assert_eq!(found, ["fuzz/fuzz_targets/b.rs", "fuzz/Cargo.toml"]);
        assert_eq!(check(&Tree::of(&[])), []);
    }
}
