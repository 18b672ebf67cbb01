//! Dropped futures lose nothing.

use tokio::time::timeout;

use super::server::Plan;
use super::*;

#[tokio::test(start_paused = true)]
async fn select_loops_lose_and_repeat_nothing() {
    const N: u64 = 2_000;
    let server = Server::new();
    let client = builder(&server, 5).replay_bound(4_096).start().unwrap();
    client.registered().await.unwrap();
    let core = server.core().await;
    let far = async {
        let (mut sent, mut came) = (0, 0);
        while sent < N || came < N {
            tokio::select! {
                message = core.recv(), if came < N => {
                    assert_eq!(message.unwrap(), number(came));
                    came += 1;
                }
                sending = core.send(number(sent)), if sent < N => {
                    sending.unwrap();
                    sent += 1;
                }
            }
        }
        core.done();
    };
    let near = async {
        let (mut sent, mut came, mut tick) =
            (0, 0, tokio::time::interval(Duration::from_micros(30)));
        while sent < N || came < N {
            // Whatever is ready first; the others are dropped.
            tokio::select! {
                message = client.recv(), if came < N => {
                    assert_eq!(message.unwrap(), number(came));
                    came += 1;
                }
                sending = client.send(number(sent)), if sent < N => {
                    sending.unwrap();
                    sent += 1;
                }
                _ = client.event() => {}
                _ = tick.tick() => {
                    if came % 500 == 250 {
                        server.cut();
                    }
                }
            }
        }
    };
    tokio::join!(far, near);
    assert!(client.close().await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_given_up_was_not_taken() {
    let server = Server::new();
    server.plan([Plan::Unreachable]);
    let client = builder(&server, 1).replay_bound(4_096).start().unwrap();
    while client.try_send(vec![0; 1_000]).is_ok() {}
    let before = client.state().numbers.accepted;
    assert!(
        timeout(Duration::ZERO, client.send(vec![1; 1_000]))
            .await
            .is_err()
    );
    assert_eq!(client.state().numbers.accepted, before);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_not_asked_for_after_is_not_acknowledged() {
    let server = Server::new();
    let client = client(&server);
    let core = server.core().await;
    core.send("in hand".into()).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), "in hand");
    tokio::time::sleep(S(10)).await;
    assert_eq!(core.numbers().acknowledged, 0);
    client.done();
    tokio::time::sleep(S(1)).await;
    assert_eq!(core.numbers().acknowledged, 1);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_awaited_goes_on() {
    let server = Server::new();
    let client = client(&server);
    client.send("x").await.unwrap();
    client.registered().await.unwrap();
    assert!(timeout(Duration::ZERO, client.close()).await.is_err());
    assert!(client.try_send("no more").is_err());
    let core = server.core().await;
    assert_eq!(core.recv().await.unwrap(), "x");
    core.done();
    assert!(client.ended().await.is_clean());
}
