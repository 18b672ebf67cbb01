//! Everything we build from may be shipped under our licences and comes from
//! crates.io: `deny.toml`, checked offline. Where cargo-deny is installed it
//! has the last word.

use anyhow::Result;
use serde::Deserialize;

use super::Problem;
use super::metadata::{Package, Packages};
use super::tree::Tree;
use crate::run::{cargo, find_program, say};

const POLICY: &str = "deny.toml";
/// How cargo names crates.io in its metadata and lock file.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Debug, Deserialize)]
struct Policy {
    licenses: Licenses,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

/// Every dependency with a licence or a source that the policy does not allow.
pub(crate) fn check(tree: &Tree, all: &Packages) -> Vec<Problem> {
    let Some(text) = tree.text(POLICY) else {
        return vec![Problem::new(
            POLICY,
            "is missing",
            "write the licences and sources we accept",
        )];
    };
    let policy: Policy = match toml::from_str(text) {
        Ok(policy) => policy,
        Err(error) => return vec![Problem::new(POLICY, error.to_string(), "correct it")],
    };
    let mut problems: Vec<Problem> = all
        .packages
        .iter()
        .flat_map(|package| {
            licence_problem(&policy.licenses, package)
                .into_iter()
                .chain(source_problem(package))
        })
        .collect();
    // The two workspaces share most packages.
    problems.sort_by(|a, b| a.what.cmp(&b.what));
    problems.dedup();
    problems
}

fn problem_of(package: &Package, what: String, remedy: &str) -> Problem {
    Problem::new(
        "Cargo.lock",
        format!("{} {}: {what}", package.name, package.version),
        remedy,
    )
}

fn licence_problem(policy: &Licenses, package: &Package) -> Option<Problem> {
    let remedy = "take another crate, or allow the licence in deny.toml with the reason";
    let Some(text) = package.license.as_deref() else {
        return Some(problem_of(
            package,
            String::from("names no licence"),
            remedy,
        ));
    };
    let expression = match spdx::Expression::parse_mode(text, spdx::ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => {
            return Some(problem_of(
                package,
                format!("licence `{text}`: {}", error.reason),
                remedy,
            ));
        }
    };
    let extra = policy
        .exceptions
        .iter()
        .filter(|exception| exception.name == package.name)
        .flat_map(|exception| &exception.allow);
    let accepted: Vec<spdx::Licensee> = policy
        .allow
        .iter()
        .chain(extra)
        .filter_map(|licence| spdx::Licensee::parse(licence).ok())
        .collect();
    let fine = expression.evaluate(|requirement| {
        accepted
            .iter()
            .any(|licensee| licensee.satisfies(requirement))
    });
    (!fine).then(|| problem_of(package, format!("licence `{text}` is not allowed"), remedy))
}

fn source_problem(package: &Package) -> Option<Problem> {
    let source = package.source.as_deref()?;
    (source != CRATES_IO).then(|| {
        problem_of(
            package,
            format!("comes from {source}"),
            "depend on a release from crates.io",
        )
    })
}

/// The real cargo-deny, where it is installed.
pub(crate) fn run_cargo_deny() -> Result<Vec<Problem>> {
    if find_program("cargo-deny").is_none() {
        println!(
            "tidy: cargo-deny is not installed; licences and sources are checked by our own reading \
             of deny.toml (`cargo install cargo-deny --locked` for the real one)"
        );
        return Ok(Vec::new());
    }
    let mut command = cargo();
    command
        .current_dir(crate::paths::root())
        .args(["deny", "check", "licenses", "bans", "sources"]);
    say(&command);
    Ok(if command.status()?.success() {
        Vec::new()
    } else {
        vec![Problem::new(
            POLICY,
            "cargo-deny found problems (above)",
            "as it says",
        )]
    })
}

#[cfg(test)]
mod tests {
    use super::super::metadata::sample::ours;
    use super::*;

    const POLICY_TEXT: &str = "[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"Unicode-3.0\"]\n\
        exceptions = [{ allow = [\"NCSA\"], crate = \"libfuzzer-sys\" }]\n";

    fn found(name: &str, license: Option<&str>, source: Option<&str>) -> Vec<String> {
        let mut package = ours(name, &[]);
        package.license = license.map(str::to_owned);
        package.source = source.map(str::to_owned);
        let all = Packages {
            packages: vec![package],
        };
        check(&Tree::of(&[(POLICY, POLICY_TEXT)]), &all)
            .into_iter()
            .map(|problem| problem.what)
            .collect()
    }

    #[test]
    fn allowed_licences_pass_alone_chosen_and_in_the_old_spelling() {
        for license in [
            "MIT",
            "MIT/Apache-2.0",
            "Unlicense OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        ] {
            assert_eq!(
                found("a", Some(license), Some(CRATES_IO)),
                [""; 0],
                "{license}"
            );
        }
    }

    #[test]
    fn others_are_named() {
        assert_eq!(
            found("a", Some("GPL-3.0-only"), None),
            ["a 0.1.0: licence `GPL-3.0-only` is not allowed"]
        );
        assert_eq!(found("a", Some("MIT AND NCSA"), None).len(), 1);
        assert_eq!(found("a", None, None), ["a 0.1.0: names no licence"]);
        assert_eq!(found("a", Some("nonsense of mine"), None).len(), 1);
    }

    #[test]
    fn an_exception_is_for_one_crate() {
        assert_eq!(found("libfuzzer-sys", Some("MIT AND NCSA"), None), [""; 0]);
    }

    #[test]
    fn only_crates_io() {
        assert_eq!(
            found("a", Some("MIT"), Some("git+https://example.org/a")),
            ["a 0.1.0: comes from git+https://example.org/a"]
        );
    }

    #[test]
    fn no_policy_is_one_clear_problem() {
        assert_eq!(check(&Tree::of(&[]), &Packages::default()).len(), 1);
    }
}
