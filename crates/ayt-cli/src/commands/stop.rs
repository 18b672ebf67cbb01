//! SIGINT and SIGTERM during work that must be put back: a flag, and which it
//! was. A second signal ends the process at once (the journal remembers).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::exit::ExitCode;

/// Watches for signals while it lives.
#[derive(Debug)]
pub(crate) struct Stop {
    flag: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// Begins to watch.
    pub(crate) fn watch() -> Self {
        let stop = Self {
            flag: Arc::new(AtomicBool::new(false)),
            signal: Arc::new(AtomicUsize::new(0)),
        };
        stop.register();
        stop
    }

    #[cfg(unix)]
    fn register(&self) {
        use signal_hook::consts::{SIGINT, SIGTERM};
        use signal_hook::flag;
        for signal in [SIGINT, SIGTERM] {
            // Without a handler the signal ends the process, and the next run
            // puts back what was left: no reason not to go on.
            let _ = flag::register_conditional_shutdown(signal, 128 + signal, self.flag.clone());
            let number = usize::try_from(signal).unwrap_or_default();
            let _ = flag::register_usize(signal, self.signal.clone(), number);
            let _ = flag::register(signal, self.flag.clone());
        }
    }

    #[cfg(not(unix))]
    fn register(&self) {}

    /// The flag that is set when a signal comes.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    /// The exit code, if a signal came.
    pub(crate) fn exit(&self) -> Option<ExitCode> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(ExitCode::Signal(u8::try_from(signal).unwrap_or(u8::MAX))),
        }
    }
}
