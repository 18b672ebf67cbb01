//! A server that was stopped (SIGSTOP, a machine that slept): in paused time a jump of
//! the clock, after which everything is late at once.

use super::*;

#[tokio::test(start_paused = true)]
async fn sessions_that_wait_are_still_there_after_the_server_was_stopped() {
    let server = server();
    let (client, session) = Device::a().enter(&server).await;
    client.vanish();
    until(|| !session.is_connected()).await;
    // Four of its five minutes, and then an hour in which nothing runs.
    tokio::time::sleep(240 * S).await;
    tokio::time::advance(3_600 * S).await;
    tokio::time::sleep(30 * S).await;
    let back = Device::a().resume(&server, &client).await.unwrap();
    assert!(back.welcome.resumed);
    // Where nobody comes, it ends all the same.
    back.vanish();
    let since = tokio::time::Instant::now();
    session.ended().await;
    assert_eq!(since.elapsed().as_secs(), 300);
}
