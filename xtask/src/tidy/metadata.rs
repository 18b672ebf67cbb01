//! What cargo knows of our packages and of everything they depend on.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::run::{cargo, output_of};

/// Packages, ours and others'.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Packages {
    pub(crate) packages: Vec<Package>,
}

/// One package.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    /// None for ours.
    pub(crate) source: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependency tables.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// None, "dev" or "build".
    pub(crate) kind: Option<String>,
    /// Set for ours.
    pub(crate) path: Option<String>,
}

impl Packages {
    /// Takes those of another workspace in as well.
    pub(crate) fn add(&mut self, other: Self) {
        self.packages.extend(other.packages);
    }
}

/// Asks cargo, without changing the lock file.
pub(crate) fn load(manifest: &Path) -> Result<Packages> {
    let json = output_of(
        cargo()
            .args(["metadata", "--format-version", "1", "--locked"])
            .arg("--manifest-path")
            .arg(manifest),
    )?;
    serde_json::from_str(&json).context("cargo metadata")
}

#[cfg(test)]
pub(crate) mod sample {
    use super::{Dependency, Package};

    /// One of our packages; a dependency is "name" or "kind:name".
    pub(crate) fn ours(name: &str, dependencies: &[&str]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|text| {
                let (kind, name) = text
                    .split_once(':')
                    .map_or((None, *text), |(kind, name)| (Some(kind), name));
                Dependency {
                    name: name.to_owned(),
                    kind: kind.map(str::to_owned),
                    path: Some(String::from("somewhere")),
                }
            })
            .collect();
        Package {
            name: name.to_owned(),
            version: String::from("0.1.0"),
            license: Some(String::from("MIT OR Apache-2.0")),
            source: None,
            dependencies,
        }
    }
}
