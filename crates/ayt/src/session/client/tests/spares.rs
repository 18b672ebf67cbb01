//! Spare connections.

use super::super::{BadSilence, Silence};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_silence_that_is_survived_is_told_and_the_spare_goes_on() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    let mut spare = client.spare().await.unwrap();
    for length in [MS(10), S(60), S(7_200)] {
        let since = server.now();
        assert_eq!(spare.silence(length).await, Ok(Silence::Spoken));
        assert_eq!(server.now() - since, length);
    }
    assert!(client.answers().await, "the real one stands");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_silence_that_is_not_survived_is_told_after_the_challenge_time() {
    let server = Server::new();
    server.mute_spares();
    let client = client(&server);
    client.registered().await.unwrap();
    let mut spare = client.spare().await.unwrap();
    let since = server.now();
    assert_eq!(spare.silence(S(60)).await, Ok(Silence::NotSpoken));
    assert_eq!(server.now() - since, S(65));
    assert!(client.answers().await, "so it was the silence");
    assert_eq!(spare.silence(S(1)).await, Err(BadSilence::UsedUp));
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_is_closed_shows_nothing() {
    let server = Server::new();
    server.plan([
        server::Plan::Serve,
        server::Plan::Cut([usize::MAX, usize::MAX, 90, usize::MAX]),
    ]);
    let client = client(&server);
    client.registered().await.unwrap();
    // The server's end breaks in the midst of SILENCE.
    let mut spare = client.spare().await.unwrap();
    assert_eq!(spare.silence(S(60)).await, Ok(Silence::Lost));
    // Longer than the server waits between two silences.
    let mut spare = client.spare().await.unwrap();
    tokio::time::sleep(S(11)).await;
    assert_eq!(spare.silence(S(1)).await, Ok(Silence::Lost));
}

#[tokio::test(start_paused = true)]
async fn lengths_have_ends_and_a_dropped_trial_uses_the_spare_up() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    let mut spare = client.spare().await.unwrap();
    for length in [MS(9), S(7_201)] {
        assert_eq!(spare.silence(length).await, Err(BadSilence::Length(length)));
    }
    assert!(
        tokio::time::timeout(S(1), spare.silence(S(5)))
            .await
            .is_err()
    );
    assert_eq!(spare.silence(S(5)).await, Err(BadSilence::UsedUp));
}
