//! Runs cells: a fault, a detector, a path; and measures.

mod acts;
mod batch;
mod bed;
mod cell;
pub mod commands;
mod lateness;
mod looks;
mod pool;
mod surroundings;

pub(crate) use acts::reboot;
pub(crate) use batch::batch;
pub use bed::Bed;
pub use cell::{Outcome, Standing};
pub use lateness::Lateness;
pub(crate) use looks::sockets_of;
pub(crate) use pool::CALM;
pub use pool::{Prober, Progress, Tools, run};
pub use surroundings::Surroundings;
