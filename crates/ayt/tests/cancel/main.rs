//! Every public async call, dropped at each of its awaits: what its documentation says
//! of cancel safety.

#![cfg_attr(
    unix,
    expect(clippy::unwrap_used, reason = "in a test a panic is the report")
)]

#[cfg(unix)]
mod sessions;
#[cfg(unix)]
mod sockets;

#[cfg(unix)]
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// Polls a future so many times, each time after it was woken, and drops it where it is
/// not ready by then: at its first await after one poll, and so on.
#[cfg(unix)]
async fn up_to<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx).map(Some);
        left -= 1;
        if polled.is_pending() && left == 0 {
            return Poll::Ready(None);
        }
        polled
    })
    .await
}

/// So many polls are more than any call here needs where nothing holds it up.
#[cfg(unix)]
const MOST: usize = 6;
