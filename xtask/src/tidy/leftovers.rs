//! Nothing is left for later: no work marked as unfinished, no test that does
//! not run.

use super::Problem;
use super::rust_text::{lines_with_word, split};
use super::tree::Tree;

const MARKS: &[&str] = &["TODO", "FIXME", "XXX"];
const MACROS: &[&str] = &["todo", "unimplemented"];

/// Every mark of unfinished work and every switched-off test.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.with_extension("rs") {
        let halves = split(text);
        for mark in MARKS {
            for line in lines_with_word(&halves.comments, mark) {
                problems.push(
                    Problem::new(
                        path,
                        format!("{mark} in a comment"),
                        "do it now, or open an issue and take the mark away",
                    )
                    .at(line),
                );
            }
        }
        for (index, line) in halves.code.lines().enumerate() {
            let squeezed: String = line.split_whitespace().collect();
            for name in MACROS {
                let call = format!("{name}!");
                let starts = squeezed.match_indices(&call).any(|(at, _)| {
                    !squeezed[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                });
                if starts {
                    problems.push(
                        Problem::new(
                            path,
                            format!("`{call}` in code"),
                            "write it, or return an error that says what is missing",
                        )
                        .at(index + 1),
                    );
                }
            }
            if squeezed.contains("#[ignore]")
                || squeezed.contains("#[ignore=")
                || (squeezed.contains("cfg_attr(") && squeezed.contains(",ignore"))
            {
                problems.push(
                    Problem::new(
                        path,
                        "a test that is switched off",
                        "let it run; what it lacks makes it fail, with the reason",
                    )
                    .at(index + 1),
                );
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        check(&Tree::of(&[("a.rs", text)]))
            .into_iter()
            .map(|problem| format!("{}: {}", problem.line.unwrap_or(0), problem.what))
            .collect()
    }

    #[test]
    fn finds_each_kind_with_its_line() {
        assert_eq!(found("\n// TODO: x"), ["2: TODO in a comment"]);
        assert_eq!(found("fn f() {\n    todo! ()\n}"), ["2: `todo!` in code"]);
        assert_eq!(
            found("unimplemented!(\"x\")"),
            ["1: `unimplemented!` in code"]
        );
        assert_eq!(
            found("#[ignore = \"slow\"]"),
            ["1: a test that is switched off"]
        );
        assert_eq!(
            found("#[cfg_attr(miri, ignore)]"),
            ["1: a test that is switched off"]
        );
    }

    #[test]
    fn words_that_only_look_like_it_pass() {
        assert_eq!(
            found("// the TODOS list\nlet a = \"TODO\";\nmy_todo!();\n#[must_use]"),
            [""; 0]
        );
    }
}
