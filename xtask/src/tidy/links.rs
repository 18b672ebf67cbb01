//! A link that leads nowhere is worse than none.

use super::Problem;
use super::markdown;
use super::tree::Tree;

/// Every relative link, in any page, whose file or heading is not there.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (page, text) in tree.with_extension("md") {
        for target in markdown::targets(text) {
            if let Some(what) = broken(tree, page, &target.text) {
                problems.push(
                    Problem::new(page, what, "correct the link, or restore what it names")
                        .at(target.line),
                );
            }
        }
    }
    problems
}

fn broken(tree: &Tree, page: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target
        .split_once('#')
        .map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let path = path.split('?').next().unwrap_or_default();
    let file = if path.is_empty() {
        page.to_owned()
    } else {
        match resolve(page, path) {
            Some(file) => file,
            None => return Some(format!("link `{target}` leads out of the repository")),
        }
    };
    if !file.is_empty() && !tree.exists(&file) {
        return Some(format!("link `{target}`: there is no {file}"));
    }
    let anchor = anchor.filter(|_| file.ends_with(".md"))?;
    let known = markdown::anchors(tree.text(&file)?);
    (!known.iter().any(|heading| heading == anchor))
        .then(|| format!("link `{target}`: {file} has no heading with the anchor #{anchor}"))
}

/// The path from the top of the repository; None when it leaves it.
fn resolve(page: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = match path.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => page
            .split('/')
            .rev()
            .skip(1)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect(),
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files))
            .into_iter()
            .map(|problem| {
                problem
                    .to_string()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn good_links_pass() {
        let page = "[a](docs/a.md) [b](docs/) [c](#top) [d](https://x.y/z) [e](/docs/a.md#deep-one) [f](.)\n# Top\n";
        assert_eq!(
            found(&[
                ("README.md", page),
                ("docs/a.md", "# Deep one\n[up](../README.md)")
            ]),
            [""; 0]
        );
    }

    #[test]
    fn broken_ones_are_named_with_their_line() {
        assert_eq!(
            found(&[("docs/p.md", "x\n\n[a](gone.md)\n[b](../../etc)\n[c](#no)\n")]),
            [
                "docs/p.md:3: link `gone.md`: there is no docs/gone.md",
                "docs/p.md:4: link `../../etc` leads out of the repository",
                "docs/p.md:5: link `#no`: docs/p.md has no heading with the anchor #no",
            ]
        );
    }
}
