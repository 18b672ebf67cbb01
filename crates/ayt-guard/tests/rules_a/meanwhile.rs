//! Something that goes on while a test looks.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Does `step` again and again, with this pause, until `work` is done.
pub(crate) fn meanwhile<T>(
    pause: Duration,
    mut step: impl FnMut() -> io::Result<()> + Send,
    work: impl FnOnce() -> T,
) -> T {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let stepping = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                step()?;
                thread::sleep(pause);
            }
            io::Result::Ok(())
        });
        let value = catch_unwind(AssertUnwindSafe(work));
        over.store(true, Ordering::Relaxed);
        let steps = stepping.join().unwrap_or_else(|panic| resume_unwind(panic));
        let value = value.unwrap_or_else(|panic| resume_unwind(panic));
        steps.expect("it goes on");
        value
    })
}
