//! Which of our crates may depend on which: data flows from the kernel's facts
//! to what is shown, never back up.

use super::Problem;
use super::metadata::{Package, Packages};

const CORE: &str = "ayt-core";
const SYS: &str = "ayt-sys";
const LIBRARY: &str = "ayt";
const GUARD: &str = "ayt-guard";
const GATEWAY: &str = "ayt-gateway";
const LAB: &str = "ayt-lab";
const CLI: &str = "ayt-cli";
const TESTBED: &str = "ayt-testbed";
const EXPLORE: &str = "ayt-explore";
const XTASK: &str = "xtask";

/// Each product crate, and those of ours it may depend on.
const PRODUCT: &[(&str, &[&str])] = &[
    (CORE, &[]),
    (SYS, &[CORE]),
    (LIBRARY, &[CORE, SYS]),
    (GUARD, &[CORE, SYS]),
    (GATEWAY, &[CORE, LIBRARY]),
    (LAB, &[CORE, SYS, LIBRARY, GATEWAY]),
    (CLI, &[CORE, SYS, LIBRARY, GUARD, GATEWAY, LAB]),
];

/// Every dependency among our crates that the table does not allow.
pub(crate) fn check(workspace: &Packages) -> Vec<Problem> {
    workspace
        .packages
        .iter()
        .filter(|package| package.source.is_none())
        .flat_map(check_package)
        .collect()
}

fn check_package(package: &Package) -> Vec<Problem> {
    let manifest = if package.name == XTASK {
        format!("{XTASK}/Cargo.toml")
    } else {
        format!("crates/{}/Cargo.toml", package.name)
    };
    let product = PRODUCT.iter().find(|(name, _)| *name == package.name);
    let allowed: &[&str] = match (product, package.name.as_str()) {
        (Some((_, allowed)), _) => allowed,
        // The library's files once more, for tests only: what the library may.
        (None, TESTBED | EXPLORE) => &[CORE, SYS],
        // The chores are not part of the product; they may use any of it.
        (None, XTASK) => return Vec::new(),
        (None, name) => {
            return vec![Problem::new(
                manifest,
                format!("crate {name} is in no layer"),
                "say what it may depend on in xtask/src/tidy/layers.rs and in ARCHITECTURE.md",
            )];
        }
    };
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.path.is_some())
        .filter(|dependency| !allowed.contains(&dependency.name.as_str()))
        .filter_map(|dependency| {
            let dev = dependency.kind.as_deref() == Some("dev");
            if [TESTBED, EXPLORE].contains(&dependency.name.as_str()) && product.is_some() {
                return (!dev).then(|| {
                    Problem::new(
                        &manifest,
                        format!(
                            "{} is test support, but {} ships it",
                            dependency.name, package.name
                        ),
                        "move it to [dev-dependencies]",
                    )
                });
            }
            // A crate may use itself in its own tests and benches.
            (dependency.name != package.name).then(|| {
                Problem::new(
                    &manifest,
                    format!("{} may not depend on {}", package.name, dependency.name),
                    format!(
                        "of ours it may use [{}]; pass facts or decisions down as values instead",
                        allowed.join(", ")
                    ),
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::metadata::sample::ours;
    use super::*;

    fn problems(packages: Vec<Package>) -> Vec<String> {
        check(&Packages { packages })
            .into_iter()
            .map(|problem| format!("{}: {}", problem.file, problem.what))
            .collect()
    }

    #[test]
    fn the_table_as_designed_passes() {
        let found = problems(vec![
            ours(CORE, &["dev:ayt-testbed"]),
            ours(SYS, &[CORE]),
            ours(GUARD, &[CORE, SYS, "dev:ayt-testbed"]),
            ours(CLI, &[CORE, SYS, GUARD]),
            ours(TESTBED, &[CORE, SYS]),
            ours(XTASK, &[TESTBED, SYS]),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn every_step_back_up_is_named() {
        let found = problems(vec![
            ours(CORE, &[SYS, "dev:ayt-guard"]),
            ours(SYS, &["build:ayt-cli"]),
        ]);
        assert_eq!(
            found,
            [
                "crates/ayt-core/Cargo.toml: ayt-core may not depend on ayt-sys",
                "crates/ayt-core/Cargo.toml: ayt-core may not depend on ayt-guard",
                "crates/ayt-sys/Cargo.toml: ayt-sys may not depend on ayt-cli",
            ]
        );
    }

    #[test]
    fn test_support_is_never_shipped() {
        assert_eq!(problems(vec![ours(GUARD, &[TESTBED])]).len(), 1);
        assert_eq!(problems(vec![ours(CLI, &[EXPLORE])]).len(), 1);
        assert_eq!(problems(vec![ours(TESTBED, &[GUARD])]).len(), 1);
    }

    #[test]
    fn an_unknown_crate_must_be_given_a_layer() {
        assert!(problems(vec![ours("ayt-new", &[])])[0].contains("in no layer"));
    }
}
