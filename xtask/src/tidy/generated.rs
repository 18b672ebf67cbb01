//! Pages written by a program are what that program writes today.

use std::path::Path;

use anyhow::{Context, Result};

use super::Problem;
use super::tree::Tree;
use crate::run::{cargo, output_of};

/// A page and what `cargo` is told to write it to standard output.
const PAGES: &[(&str, &[&str])] = &[
    (
        "docs/cli.md",
        &["run", "-q", "-p", "ayt-cli", "--", "docs", "cli"],
    ),
    (
        "docs/rules.md",
        &["run", "-q", "-p", "ayt-cli", "--", "docs", "rules"],
    ),
];

/// Every page that is not fresh; with `write`, they are made so instead.
pub(crate) fn check(root: &Path, tree: &Tree, write: bool) -> Result<Vec<Problem>> {
    check_pages(PAGES, tree, write.then_some(root), |arguments| {
        output_of(cargo().current_dir(root).args(arguments))
    })
}

fn check_pages(
    pages: &[(&str, &[&str])],
    tree: &Tree,
    write_under: Option<&Path>,
    generate: impl Fn(&[&str]) -> Result<String>,
) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for &(page, arguments) in pages {
        let fresh = generate(arguments).with_context(|| format!("while generating {page}"))?;
        let Some(line) = first_difference(tree.text(page).unwrap_or_default(), &fresh) else {
            continue;
        };
        if let Some(root) = write_under {
            std::fs::write(root.join(page), fresh).with_context(|| page.to_owned())?;
        } else {
            problems.push(
                Problem::new(
                    page,
                    format!("is not what `cargo {}` writes", arguments.join(" ")),
                    "run `cargo xtask tidy --write` and commit the page",
                )
                .at(line),
            );
        }
    }
    Ok(problems)
}

/// The first line, from 1, in which two texts differ.
fn first_difference(old: &str, new: &str) -> Option<usize> {
    if old == new {
        return None;
    }
    let same = old
        .lines()
        .zip(new.lines())
        .take_while(|(old, new)| old == new)
        .count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[(&str, &[&str])] = &[("docs/a.md", &["run", "docs"])];

    #[test]
    fn a_fresh_page_passes_and_a_stale_one_tells_the_line() {
        let tree = Tree::of(&[("docs/a.md", "one\ntwo\n")]);
        let same = |_: &[&str]| Ok(String::from("one\ntwo\n"));
        assert_eq!(check_pages(ONE, &tree, None, same).unwrap(), []);
        let newer = |_: &[&str]| Ok(String::from("one\n2\n"));
        assert_eq!(
            check_pages(ONE, &tree, None, newer).unwrap()[0].line,
            Some(2)
        );
    }

    #[test]
    fn write_makes_it_fresh() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("docs")).unwrap();
        let newer = |_: &[&str]| Ok(String::from("new\n"));
        let problems = check_pages(ONE, &Tree::of(&[]), Some(root.path()), newer).unwrap();
        assert_eq!(problems, []);
        let page = std::fs::read_to_string(root.path().join("docs/a.md")).unwrap();
        assert_eq!(page, "new\n");
    }

    #[test]
    fn a_generator_that_fails_is_an_error_not_a_pass() {
        let fails = |_: &[&str]| anyhow::bail!("broken");
        assert!(check_pages(ONE, &Tree::of(&[]), None, fails).is_err());
    }
}
