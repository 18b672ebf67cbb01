//! shuttle's locks, under the names of the standard library's.

pub(crate) use shuttle::sync::{Mutex, MutexGuard, PoisonError, atomic};
pub(crate) use shuttle::thread_local;

/// The order of a map's entries is the same each time.
pub(crate) type RandomState = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// As [`std::sync::OnceLock`], which shuttle has not: others may run before each call.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    turn: atomic::AtomicBool,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self {
            value: std::sync::OnceLock::new(),
            turn: atomic::AtomicBool::new(false),
        }
    }
}

impl<T> OnceLock<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        self.turn.load(atomic::Ordering::SeqCst);
        self.value.get()
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.turn.store(true, atomic::Ordering::SeqCst);
        self.value.get_or_init(make)
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.turn.store(true, atomic::Ordering::SeqCst);
        self.value.set(value)
    }
}

/// tokio's; others may run before each call, as they may between any two steps of tasks
/// on several threads.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    notify: tokio::sync::Notify,
    turn: atomic::AtomicBool,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notified(&self) -> tokio::sync::futures::Notified<'_> {
        self.turn.load(atomic::Ordering::SeqCst);
        self.notify.notified()
    }

    pub(crate) fn notify_one(&self) {
        self.turn.store(true, atomic::Ordering::SeqCst);
        self.notify.notify_one();
    }

    pub(crate) fn notify_waiters(&self) {
        self.turn.store(true, atomic::Ordering::SeqCst);
        self.notify.notify_waiters();
    }
}

/// Tasks that shuttle runs.
pub(crate) mod task {
    use std::future::Future;

    use shuttle::future::{JoinError, JoinHandle};

    /// As tokio's. A scenario ends when all of these have.
    pub(crate) fn spawn<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        #[cfg(test)]
        let task = crate::explore::counted(task);
        shuttle::future::spawn(task)
    }

    /// As much of [`tokio::task::JoinSet`] as is used.
    #[derive(Debug)]
    pub(crate) struct JoinSet<T> {
        tasks: Vec<JoinHandle<T>>,
    }

    impl<T: Send + 'static> JoinSet<T> {
        pub(crate) const fn new() -> Self {
            Self { tasks: Vec::new() }
        }

        pub(crate) const fn len(&self) -> usize {
            self.tasks.len()
        }

        pub(crate) fn spawn(&mut self, task: impl Future<Output = T> + Send + 'static) {
            self.tasks.push(spawn(task));
        }

        pub(crate) fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
            let done = self.tasks.iter().position(JoinHandle::is_finished)?;
            Some(shuttle::future::block_on(self.tasks.swap_remove(done)))
        }
    }

    impl<T> JoinSet<T> {
        pub(crate) async fn shutdown(&mut self) {
            for task in &self.tasks {
                task.abort();
            }
            for task in self.tasks.drain(..) {
                let _ = task.await;
            }
        }
    }

    impl<T> Drop for JoinSet<T> {
        fn drop(&mut self) {
            for task in &self.tasks {
                task.abort();
            }
        }
    }
}
