//! Where every lock and atomic comes from: the standard library's. In the crate
//! `ayt-explore`, which builds these same files, they are shuttle's, which runs a test
//! under many interleavings; see CONTRIBUTING.md, "Interleavings".
//!
//! tokio's own primitives are the same in both: they know no runtime, and shuttle
//! switches between tasks at the locks around them.

#[cfg(not(ayt_explore))]
mod imp {
    pub(crate) use std::hash::RandomState;
    pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, atomic};
    pub(crate) use std::thread_local;
    pub(crate) use tokio::sync::Notify;

    pub(crate) mod task {
        pub(crate) use tokio::task::{JoinSet, spawn};
    }
}

#[cfg(ayt_explore)]
mod imp;

pub(crate) use imp::*;
