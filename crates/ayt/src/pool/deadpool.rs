//! For deadpool's pools.

use std::fmt::Debug;
use std::future::Future;

use ::deadpool::managed::{self, Metrics, RecycleError, RecycleResult};

use super::{Manager, PoolError, Pooled};

/// `recycle`, which deadpool asks before it hands out a connection again, runs the
/// whole check.
impl<F, Fut, C, E> managed::Manager for Manager<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<C, E>> + Send,
    C: Pooled,
    E: Debug + Send + 'static,
{
    type Type = C;
    type Error = PoolError<E>;

    async fn create(&self) -> Result<C, Self::Error> {
        self.make().await
    }

    async fn recycle(&self, connection: &mut C, _: &Metrics) -> RecycleResult<Self::Error> {
        let checked = self.check().run(connection).await;
        checked.map_err(|unfit| RecycleError::Backend(PoolError::Unfit(unfit)))
    }
}
