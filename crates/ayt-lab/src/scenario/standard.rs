//! The scenarios that come with the program.

use super::{BadScenario, Cell, parse};

macro_rules! files {
    ($($name:literal,)*) => {
        /// The files, by name and text.
        pub const FILES: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!("../../scenarios/", $name)),
        ),)*];
    };
}

files! {
    "silent-drop.toml",
    "peer-killed.toml",
    "peer-rebooted.toml",
}

/// Every cell that comes with the program.
///
/// # Errors
/// Never in a program that was tested.
pub fn standard() -> Result<Vec<Cell>, BadScenario> {
    let mut all = Vec::new();
    for (name, text) in FILES {
        all.extend(parse(name, text)?);
    }
    Ok(all)
}
