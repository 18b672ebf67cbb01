//! `cargo xtask bench host`: the commands that look at a host, at scale.

use anyhow::{Result, bail};

/// Not built yet; an error, so that nobody takes silence for a measurement.
pub(crate) fn run() -> Result<()> {
    bail!("bench host: not built yet")
}
