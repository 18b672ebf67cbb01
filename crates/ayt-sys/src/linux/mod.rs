//! The Linux side: system calls and files.

mod bpf;
mod clocks;
mod descriptors;
mod diag_socket;
mod filter;
mod hold;
mod inside;
pub mod lab;
mod narrow;
mod netns;
pub mod own;
mod packet_socket;
mod process;
mod raw;
mod runtime;
mod scan;
mod settings;
mod sockopt;
mod stack;
mod stamps;
mod witness;

pub use clocks::{Clocks, monotonic_now};
pub use descriptors::Descriptors;
pub use diag_socket::DiagSocket;
pub use hold::Hold;
pub use inside::{read_children, read_inside};
pub use netns::Netns;
pub use process::{process_start, read_process, read_threads};
pub use raw::RawSockets;
pub use runtime::{
    boot_id, clock_ticks_per_second, have_net_admin, have_net_raw, prepare_runtime_dir, runtime_dir,
};
pub use scan::scan_proc;
pub use settings::{read_counters, read_socket_counts, read_sysctls};
pub use witness::Witness;
