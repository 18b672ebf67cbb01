//! `unsafe` and the platform live in one crate, so that they can be read there.

use super::Problem;
use super::rust_text::{lines_with_word, split};
use super::tree::Tree;

const HOME: &str = "crates/ayt-sys/";
const TEST_SUPPORT: &str = "crates/ayt-testbed/";

/// Every `unsafe`, and every look at the target system in product code, outside
/// of its home.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.with_extension("rs") {
        if path.starts_with(HOME) {
            continue;
        }
        let code = split(text).code;
        for line in lines_with_word(&code, "unsafe") {
            problems.push(
                Problem::new(
                    path,
                    "`unsafe` outside of crates/ayt-sys",
                    "call a safe function of ayt-sys (or rustix); add it there if there is none",
                )
                .at(line),
            );
        }
        if is_product(path) {
            for line in lines_with_word(&code, "target_os") {
                problems.push(platform(path, line));
            }
        }
    }
    for (path, text) in tree.with_extension("toml") {
        if !path.ends_with("/Cargo.toml") || path.starts_with(HOME) || !is_product(path) {
            continue;
        }
        for line in lines_with_word(text, "target_os") {
            problems.push(platform(path, line));
        }
    }
    problems
}

fn platform(path: &str, line: usize) -> Problem {
    Problem::new(
        path,
        "asks for the target system outside of crates/ayt-sys",
        "let ayt-sys answer `Unsupported(reason)` and handle that value here",
    )
    .at(line)
}

/// Our crates but the test support, without their integration tests: those may
/// be for one system only.
fn is_product(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.next() == Some("crates")
        && !path.starts_with(TEST_SUPPORT)
        && !parts
            .nth(1)
            .is_some_and(|part| matches!(part, "tests" | "benches"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<Option<usize>> {
        check(&Tree::of(&[(path, text)]))
            .into_iter()
            .map(|problem| problem.line)
            .collect()
    }

    #[test]
    fn unsafe_has_one_home() {
        let text = "\nfn f() { unsafe { g() } }\n";
        assert_eq!(found("crates/ayt-sys/src/a.rs", text), []);
        for path in [
            "crates/ayt-guard/src/a.rs",
            "xtask/src/a.rs",
            "fuzz/fuzz_targets/a.rs",
        ] {
            assert_eq!(found(path, text), [Some(2)], "{path}");
        }
    }

    #[test]
    fn words_in_comments_strings_and_lint_names_are_not_code() {
        let text = "#![forbid(unsafe_code)]\n// unsafe\nconst A: &str = \"unsafe target_os\";";
        assert_eq!(found("crates/ayt-core/src/a.rs", text), []);
    }

    #[test]
    fn the_platform_has_one_home_in_product_code() {
        let text = "#[cfg(any(unix, target_os = \"linux\"))]\nfn f() {}";
        assert_eq!(found("crates/ayt-cli/src/a.rs", text), [Some(1)]);
        for path in [
            "crates/ayt-sys/src/a.rs",
            "crates/ayt-testbed/src/a.rs",
            "crates/ayt-guard/tests/a.rs",
            "xtask/src/a.rs",
        ] {
            assert_eq!(found(path, text), [], "{path}");
        }
        let manifest = "[target.'cfg(target_os = \"linux\")'.dependencies]";
        assert_eq!(found("crates/ayt-cli/Cargo.toml", manifest), [Some(1)]);
        assert_eq!(found("crates/ayt-sys/Cargo.toml", manifest), []);
    }
}
