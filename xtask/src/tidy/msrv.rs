//! The oldest Rust that builds us is said once in Cargo.toml and told in README.

use super::Problem;
use super::tree::Tree;

const MANIFEST: &str = "Cargo.toml";
const PAGES: &[(&str, bool)] = &[("README.md", true), ("README.zh-CN.md", false)];

/// Where a page names no Rust version, or another than Cargo.toml.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(wanted) = tree.text(MANIFEST).and_then(rust_version) else {
        return vec![Problem::new(
            MANIFEST,
            "names no rust-version",
            "set rust-version under [workspace.package]",
        )];
    };
    let mut problems = Vec::new();
    for &(page, required) in PAGES {
        let Some(text) = tree.text(page) else {
            if required {
                problems.push(Problem::new(
                    page,
                    "is missing",
                    "write it; its first screen is one sentence, one picture, two commands",
                ));
            }
            continue;
        };
        let named = versions(text);
        if named.is_empty() && required {
            problems.push(Problem::new(
                page,
                "does not say which Rust builds this",
                format!("write \"Rust {wanted}\" where it says how to build"),
            ));
        }
        for (line, version) in named {
            if version != wanted {
                problems.push(
                    Problem::new(
                        page,
                        format!("says Rust {version}, Cargo.toml says {wanted}"),
                        "make them equal",
                    )
                    .at(line),
                );
            }
        }
    }
    problems
}

fn rust_version(manifest: &str) -> Option<String> {
    let manifest: toml::Table = manifest.parse().ok()?;
    let version = manifest
        .get("workspace")?
        .get("package")?
        .get("rust-version")?;
    version.as_str().map(str::to_owned)
}

/// Every "Rust 1.x" and "rustc 1.x" of a page, with its line.
fn versions(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in page.lines().enumerate() {
        let lower = line.to_lowercase();
        for (at, word) in lower.match_indices("rust") {
            let rest = lower[at + word.len()..]
                .trim_start_matches('c')
                .trim_start_matches([' ', '*', '`', '-', '≥', '>', '=', '+', '_']);
            let version: String = rest
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == '.')
                .collect();
            let version = version.trim_end_matches('.');
            if version.starts_with("1.") {
                found.push((index + 1, version.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST_TEXT: &str = "[workspace.package]\nrust-version = \"1.95\"\n";

    fn found(readme: Option<&str>) -> Vec<String> {
        let mut files = vec![(MANIFEST, MANIFEST_TEXT)];
        files.extend(readme.map(|text| ("README.md", text)));
        check(&Tree::of(&files))
            .into_iter()
            .map(|problem| problem.what)
            .collect()
    }

    #[test]
    fn the_same_version_passes_however_it_is_set() {
        assert_eq!(
            found(Some(
                "Needs **Rust 1.95** or newer.\nrustc ≥ 1.95.\nRust is nice. badge/rust-1.95+-blue"
            )),
            [""; 0]
        );
    }

    #[test]
    fn another_version_or_none_is_a_problem() {
        assert_eq!(
            found(Some("Rust 1.80")),
            ["says Rust 1.80, Cargo.toml says 1.95"]
        );
        assert_eq!(found(Some("Rust")), ["does not say which Rust builds this"]);
        assert_eq!(found(None), ["is missing"]);
    }

    #[test]
    fn a_manifest_without_a_version_is_a_problem() {
        assert_eq!(
            check(&Tree::of(&[(MANIFEST, "[workspace]")]))[0].what,
            "names no rust-version"
        );
    }
}
