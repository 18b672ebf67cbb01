//! `cargo xtask tidy`: the house rules that no compiler checks, the same here
//! and in CI.
//!
//! A check is one small file: a pure function over the [`tree::Tree`] (every
//! tracked file, in memory) or over cargo's metadata, that gives [`Problem`]s.
//! To add one, write the file and a line in [`run`]. All problems are printed,
//! not only the first.

mod confined;
mod fuzz_targets;
mod generated;
mod layers;
mod leftovers;
mod length;
mod licences;
mod links;
mod map;
mod markdown;
mod metadata;
mod msrv;
mod rules;
mod rust_text;
mod tree;

use std::fmt;

use anyhow::{Result, bail};

use crate::paths;

/// What may be said to `tidy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rewrite generated pages that are not fresh
    #[arg(long)]
    write: bool,
}

/// Something that is not as the house rules want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    file: String,
    line: Option<usize>,
    what: String,
    remedy: String,
}

impl Problem {
    /// A problem of a whole file.
    fn new(file: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: None,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// At this line, the first being 1.
    fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}\n    remedy: {}", self.what, self.remedy)
    }
}

/// Runs every check and prints every problem.
pub(crate) fn run(args: &Args) -> Result<()> {
    let root = paths::root();
    let tree = tree::Tree::load(&root)?;
    let workspace = metadata::load(&root.join("Cargo.toml"))?;
    let mut all = metadata::Packages::default();
    all.add(workspace.clone());
    if tree.exists("fuzz/Cargo.toml") {
        all.add(metadata::load(&root.join("fuzz/Cargo.toml"))?);
    }

    let checks = [
        ("layers", layers::check(&workspace)),
        ("length", length::check(&tree)),
        ("map", map::check(&tree)),
        ("links", links::check(&tree)),
        ("msrv", msrv::check(&tree)),
        ("rules", rules::check(&tree)),
        ("confined", confined::check(&tree)),
        ("leftovers", leftovers::check(&tree)),
        ("fuzz targets", fuzz_targets::check(&tree)),
        ("licences", licences::check(&tree, &all)),
        ("cargo-deny", licences::run_cargo_deny()?),
        ("generated", generated::check(&root, &tree, args.write)?),
    ];
    println!("tidy: {}", length::summary(&tree));
    let mut count = 0;
    for (name, problems) in &checks {
        for problem in problems {
            println!("[{name}] {problem}");
        }
        count += problems.len();
    }
    if count > 0 {
        bail!("tidy: {count} problem(s)");
    }
    println!("tidy: {} checks, nothing to say", checks.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_place_and_remedy() {
        let problem = Problem::new("a.rs", "is odd", "make it even").at(7);
        assert_eq!(
            problem.to_string(),
            "a.rs:7: is odd\n    remedy: make it even"
        );
    }
}
