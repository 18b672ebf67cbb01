//! A diagnosis rule is one file, registered by name, and proved on a real
//! condition, not only on made-up facts.

use super::Problem;
use super::rust_text::{has_word, split};
use super::tree::Tree;

const RULES: &str = "crates/ayt-core/src/doctor/rules";
const REGISTERS: &[&str] = &[
    "crates/ayt-core/src/doctor/rules/mod.rs",
    "crates/ayt-core/src/doctor/mod.rs",
];
const TESTS: &str = "crates/ayt-guard/tests/";

/// Every rule that nobody would run, or that no real condition has tried.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (file, _) in tree.directly_in(RULES) {
        let Some(name) = file.strip_suffix(".rs").filter(|name| *name != "mod") else {
            continue;
        };
        let path = format!("{RULES}/{file}");
        if !is_registered(tree, name) {
            problems.push(Problem::new(
                &path,
                "the rule is not registered",
                format!("add `{name}` to the list in {}", REGISTERS[0]),
            ));
        }
        if !is_tested(tree, name) {
            problems.push(Problem::new(
                &path,
                "no test makes the real condition",
                format!(
                    "write {TESTS}rules/{name}.rs: fires, silent on the healthy twin, fact unknown"
                ),
            ));
        }
    }
    problems
}

/// Named in a register other than by a plain `mod name;`, which only compiles it.
fn is_registered(tree: &Tree, name: &str) -> bool {
    REGISTERS
        .iter()
        .filter_map(|path| tree.text(path))
        .any(|text| {
            let code = split(text).code;
            code.lines()
                .filter(|line| !line.trim_end().ends_with(&format!("mod {name};")))
                .any(|line| has_word(line, name))
        })
}

/// Has a file of its own with a test in it, or is named by id in another test.
fn is_tested(tree: &Tree, name: &str) -> bool {
    let id = format!("\"{}\"", name.replace('_', "-"));
    let own = format!("rules/{name}.rs");
    tree.with_extension("rs")
        .filter_map(|(path, text)| Some((path.strip_prefix(TESTS)?, text)))
        .any(|(path, text)| (path == own || text.contains(&id)) && text.contains("#[test]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: (&str, &str) = ("crates/ayt-core/src/doctor/rules/half_open.rs", "");
    const REGISTER: &str = "crates/ayt-core/src/doctor/rules/mod.rs";
    const LISTED: (&str, &str) = (REGISTER, "rules! {\n    half_open,\n}");
    const OWN_TEST: (&str, &str) = (
        "crates/ayt-guard/tests/rules/half_open.rs",
        "#[test]\nfn t() {}",
    );

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files))
            .into_iter()
            .map(|problem| problem.what)
            .collect()
    }

    #[test]
    fn a_registered_rule_with_its_test_passes() {
        assert_eq!(found(&[RULE, LISTED, OWN_TEST]), [""; 0]);
        let shared = (
            "crates/ayt-guard/tests/doctor.rs",
            "#[test]\nfn t() { fires(\"half-open\") }",
        );
        assert_eq!(found(&[RULE, LISTED, shared]), [""; 0]);
    }

    #[test]
    fn compiled_is_not_yet_registered() {
        for text in [
            "pub mod half_open;",
            "mod half_open;\n// half_open",
            "half_opened,",
            "",
        ] {
            assert_eq!(
                found(&[RULE, (REGISTER, text), OWN_TEST]),
                ["the rule is not registered"],
                "{text}"
            );
        }
        let both = "mod half_open;\npub const ALL: &[&Rule] = &[&half_open::RULE];";
        assert_eq!(found(&[RULE, (REGISTER, both), OWN_TEST]), [""; 0]);
    }

    #[test]
    fn a_rule_without_a_real_test_is_named() {
        let empty = ("crates/ayt-guard/tests/rules/half_open.rs", "// later");
        for files in [vec![RULE, LISTED], vec![RULE, LISTED, empty]] {
            assert_eq!(found(&files), ["no test makes the real condition"]);
        }
    }
}
