//! For bb8's pools.

use std::fmt::Debug;
use std::future::Future;

use super::{Manager, PoolError, Pooled};

/// `is_valid`, which bb8 asks before it hands out a connection (its
/// `test_on_check_out`, on by default), runs the whole check; `has_broken`, which
/// it asks when one comes back, looks.
impl<F, Fut, C, E> ::bb8::ManageConnection for Manager<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<C, E>> + Send,
    C: Pooled,
    E: Debug + Send + 'static,
{
    type Connection = C;
    type Error = PoolError<E>;

    async fn connect(&self) -> Result<C, Self::Error> {
        self.make().await
    }

    async fn is_valid(&self, connection: &mut C) -> Result<(), Self::Error> {
        self.check().run(connection).await.map_err(PoolError::Unfit)
    }

    fn has_broken(&self, connection: &mut C) -> bool {
        self.check()
            .look(connection.tcp(), connection.idle())
            .is_err()
    }
}
