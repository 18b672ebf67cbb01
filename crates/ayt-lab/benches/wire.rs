//! How many packets a second the wire forwards, beside two hosts that the kernel
//! alone joins by a veth pair, in the same run.
//!
//! ```text
//! cargo bench -p ayt-lab --bench wire [-- --quick] [--strict]
//! ```
fn main() {}
