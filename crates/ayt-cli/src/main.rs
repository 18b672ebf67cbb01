//! The `ayt` command.
fn main() {}
