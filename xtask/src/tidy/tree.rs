//! Every file of the repository, in memory, so that checks are pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::output_of;

/// Paths from the top of the repository, with `/`, and the text of each.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    directories: BTreeSet<String>,
}

impl Tree {
    /// Everything git tracks, and what it would track after `git add .`, so that
    /// a file forgotten so far is checked before CI sees it.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let listing = output_of(Command::new("git").current_dir(root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let mut tree = Self::default();
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            let full = root.join(path);
            // Deleted but not yet told to git.
            if !full.is_file() {
                continue;
            }
            let bytes = std::fs::read(&full).with_context(|| path.to_owned())?;
            tree.add(path, String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(tree)
    }

    fn add(&mut self, path: &str, text: String) {
        let mut rest = path;
        while let Some((directory, _)) = rest.rsplit_once('/') {
            self.directories.insert(directory.to_owned());
            rest = directory;
        }
        self.files.insert(path.to_owned(), text);
    }

    /// A made-up tree.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path, (*text).to_owned());
        }
        tree
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether a file or a directory is there.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.directories.contains(path)
    }

    /// Whether a file or directory is there whose path ends in these components.
    pub(crate) fn exists_somewhere(&self, path: &str) -> bool {
        let suffix = format!("/{path}");
        self.exists(path)
            || self.files.keys().any(|file| file.ends_with(&suffix))
            || self
                .directories
                .iter()
                .any(|directory| directory.ends_with(&suffix))
    }

    /// Every file.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every file with this extension.
    pub(crate) fn with_extension(&self, extension: &str) -> impl Iterator<Item = (&str, &str)> {
        let ending = format!(".{extension}");
        self.files()
            .filter(move |(path, _)| path.ends_with(&ending))
    }

    /// The files directly in a directory, by name.
    pub(crate) fn directly_in(&self, directory: &str) -> impl Iterator<Item = (&str, &str)> {
        let prefix = format!("{directory}/");
        self.files().filter_map(move |(path, text)| {
            let name = path.strip_prefix(&prefix)?;
            (!name.contains('/')).then_some((name, text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_exist_by_their_files() {
        let tree = Tree::of(&[("a/b/c.rs", ""), ("d.md", "")]);
        assert!(tree.exists("a") && tree.exists("a/b") && tree.exists("a/b/c.rs"));
        assert!(!tree.exists("b") && tree.exists_somewhere("b/c.rs"));
        assert!(!tree.exists_somewhere(".rs"));
    }

    #[test]
    fn directly_in_does_not_descend() {
        let tree = Tree::of(&[("r/a.rs", ""), ("r/x/b.rs", ""), ("ra/c.rs", "")]);
        let names: Vec<_> = tree.directly_in("r").map(|(name, _)| name).collect();
        assert_eq!(names, ["a.rs"]);
    }
}
