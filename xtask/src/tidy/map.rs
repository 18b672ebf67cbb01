//! ARCHITECTURE.md is a map: what it names must be there.

use super::Problem;
use super::markdown;
use super::tree::Tree;

const MAP: &str = "ARCHITECTURE.md";
const EXTENSIONS: &[&str] = &[
    "rs", "md", "toml", "lock", "json", "yml", "yaml", "sh", "svg", "snap",
];

/// Every path on the map that is not in the repository.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(text) = tree.text(MAP) else {
        return vec![Problem::new(
            MAP,
            "is missing",
            "write the map: where things live, the invariants, what is left out on purpose",
        )];
    };
    markdown::code_spans(text)
        .into_iter()
        .filter_map(|span| {
            let path = as_path(tree, &span.text)?;
            (!tree.exists_somewhere(path)).then(|| {
                Problem::new(
                    MAP,
                    format!("`{}`: there is no such path", span.text),
                    "correct the path, or restore what it names",
                )
                .at(span.line)
            })
        })
        .collect()
}

/// The path that a span in backticks means, up to its first placeholder; None
/// when the span is something else: a command, a type, a path on the host.
fn as_path<'a>(tree: &Tree, span: &'a str) -> Option<&'a str> {
    let odd = |c: char| c.is_whitespace() || "()=:$~,;\"'&|@#!?".contains(c);
    if span.starts_with(['/', '-']) || span.contains(odd) {
        return None;
    }
    let first = span.split('/').next()?;
    let known_top = span.contains('/') && !first.is_empty() && tree.exists(first);
    let known_extension = span
        .rsplit_once('.')
        .is_some_and(|(stem, extension)| !stem.is_empty() && EXTENSIONS.contains(&extension));
    if !known_top && !known_extension && !span.ends_with('/') {
        return None;
    }
    let fixed = match span.find(['<', '*', '{', '[']) {
        Some(placeholder) => span[..placeholder].rsplit_once('/')?.0,
        None => span,
    };
    Some(fixed.trim_end_matches('/')).filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(map: &str) -> Vec<String> {
        check(&Tree::of(&[
            (MAP, map),
            ("crates/ayt-core/src/doctor/rules/half_open.rs", ""),
            ("clippy.toml", ""),
            (".ci/run", ""),
        ]))
        .into_iter()
        .map(|problem| problem.what)
        .collect()
    }

    #[test]
    fn what_is_there_passes() {
        let map = "`crates/ayt-core/` `ayt-core/src/doctor/rules/<rule>.rs` `clippy.toml` `half_open.rs` \
                   `doctor/rules/*.rs` `.ci/run`";
        assert_eq!(found(map), [""; 0]);
    }

    #[test]
    fn other_things_in_backticks_are_no_paths() {
        let map = "`/run/ayt` `/proc/net/tcp` `cargo xtask tidy` `crates::doctor` `CLOSE_WAIT/x` `I/V/N/U` \
                   `check(&HostFacts)` `--json` `tcp/ip`";
        assert_eq!(found(map), [""; 0]);
    }

    #[test]
    fn what_is_gone_is_named() {
        let map = "`crates/ayt-old/` `gone.rs` `crates/ayt-core/src/nothing/<x>.rs`";
        assert_eq!(found(map).len(), 3);
    }

    #[test]
    fn no_map_is_one_clear_problem() {
        let problems = check(&Tree::of(&[]));
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].what, "is missing");
    }
}
