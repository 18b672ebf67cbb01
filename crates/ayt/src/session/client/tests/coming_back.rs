//! When a client comes back, and when it does not.

use ayt_core::session::frame::{Method, Reason, Retry};
use ayt_core::session::reconnect::Stop;

use super::super::{Loss, Stopped};
use super::server::Plan;
use super::*;

/// The waits between attempts.
fn waits(server: &Server) -> Vec<Duration> {
    server.asked().windows(2).map(|w| w[1] - w[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_random_below_a_bound_that_doubles_up_to_the_cap() {
    // Over many clients the waits fill the range below the bound: drawn after the
    // cap, not before.
    let mut largest = [Duration::ZERO; 12];
    let mut smallest = [Duration::MAX; 12];
    for seed in 0..200 {
        let server = Server::new();
        server.plan(vec![Plan::Unreachable; 12]);
        let client = builder(&server, seed).start().unwrap();
        client.registered().await.unwrap();
        for (n, wait) in waits(&server).into_iter().enumerate() {
            largest[n] = largest[n].max(wait);
            smallest[n] = smallest[n].min(wait);
        }
    }
    for n in 0..12 {
        let bound = (MS(500) * (1 << n)).min(S(60));
        assert!(largest[n] <= bound + MS(1), "{n}: {:?}", largest[n]);
        assert!(largest[n] > bound * 9 / 10, "{n}: {:?}", largest[n]);
        assert!(smallest[n] < bound / 10, "{n}: {:?}", smallest[n]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_obeyed_and_the_random_part_comes_on_top() {
    let server = Server::new();
    server.plan([
        Plan::Refuse(Reason::Overloaded, Retry::After(30_000)),
        Plan::Refuse(Reason::IdentityInUse, Retry::After(7_000)),
        Plan::Refuse(Reason::Flapping, Retry::After(60_000)),
    ]);
    let client = client(&server);
    client.registered().await.unwrap();
    for ((wait, hint), bound) in waits(&server)
        .iter()
        .zip([30, 7, 60])
        .zip([500, 1_000, 2_000])
    {
        assert!(
            *wait >= S(hint) && *wait <= S(hint) + MS(bound + 1),
            "{wait:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_shuts_down_is_come_back_to_after_its_hint() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    let core = server.core().await;
    let since = server.now();
    core.end(Reason::ShuttingDown, Retry::After(20_000));
    let loss = event(&client, |event| match event {
        Event::Lost(loss) => Some(loss.to_string()),
        _ => None,
    });
    assert_eq!(loss.await, "the server said goodbye: it is shutting down");
    client.send("meanwhile").await.unwrap();
    assert!(registered(&client).await, "resumed");
    let away = server.now() - since;
    assert!(away >= S(20) && away <= MS(20_501), "{away:?}");
    assert_eq!(core.recv().await.unwrap(), "meanwhile");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_falls_at_once_is_no_success() {
    let server = Server::new();
    let client = client(&server);
    for _ in 0..10 {
        registered(&client).await;
        server.cut();
    }
    registered(&client).await;
    let total: Duration = waits(&server).iter().sum();
    // Bounds of 0.5 s each would sum up to 5 s at most.
    assert!(total > S(30), "{total:?}");
    // After it has stood for the cap, the pace begins anew.
    tokio::time::sleep(S(61)).await;
    server.cut();
    let since = server.now();
    registered(&client).await;
    assert!(server.now() - since <= MS(501));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_get_better_stops_the_client_and_tells_its_user() {
    for (reason, retry, stop) in [
        (Reason::NotAuthorised, Retry::Never, Stop::NotAuthorised),
        (Reason::Version, Retry::Never, Stop::Version),
        (
            Reason::Overloaded,
            Retry::Never,
            Stop::ToldNever(Reason::Overloaded),
        ),
    ] {
        let server = Server::new();
        server.plan([Plan::Refuse(reason, retry)]);
        let client = client(&server);
        let ended = client.registered().await.unwrap_err();
        assert_eq!(ended.stopped, Stopped::Server(stop));
        assert_eq!(ended.text, "planned");
        let story = story(&client).await;
        assert!(story[1].starts_with("not connected: the server refused"));
        assert!(story[2].starts_with("stopped: "), "{story:?}");
        assert_eq!(client.recv().await, None);
        assert!(client.send("x").await.is_err());
        tokio::time::sleep(S(3_600)).await;
        assert_eq!(server.asked().len(), 1, "it does not come back");
    }
}

#[tokio::test(start_paused = true)]
async fn being_superseded_or_kicked_stops_a_registered_client() {
    for (reason, retry, stop) in [
        (Reason::Superseded, Retry::Never, Stop::Superseded),
        (Reason::Kicked, Retry::After(0), Stop::Kicked),
    ] {
        let server = Server::new();
        let client = client(&server);
        client.registered().await.unwrap();
        let core = server.core().await;
        core.send(number(7)).await.unwrap();
        while core.numbers().sent < 1 {
            tokio::task::yield_now().await;
        }
        core.bye(reason, retry, "somebody else\u{1b}[2J");
        assert_eq!(client.recv().await, Some(number(7)), "what came is drained");
        assert_eq!(client.recv().await, None);
        let ended = client.ended().await;
        assert_eq!(ended.stopped, Stopped::Server(stop));
        assert!(!ended.to_string().contains('\u{1b}'), "shown escaped");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_kicked_with_a_hint_comes_back_with_a_new_session() {
    let server = Server::new();
    let client = client(&server);
    client.registered().await.unwrap();
    let core = server.core().await;
    client.send("not taken").await.unwrap();
    core.bye(Reason::Kicked, Retry::After(1_000), "");
    let (undelivered, numbers) = event(&client, |event| match event {
        Event::NotResumed {
            undelivered,
            numbers,
            ..
        } => Some((undelivered, numbers)),
        _ => None,
    })
    .await;
    assert_eq!((undelivered, numbers.accepted), (1, 1));
    client.send("while away").await.unwrap();
    assert!(!registered(&client).await, "a new session");
    assert_eq!(server.core().await.recv().await.unwrap(), "while away");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_the_key_is_refused() {
    let server = Server::new();
    server.plan([Plan::WrongMac]);
    let client = client(&server);
    client.send("secret").await.unwrap();
    let loss = event(&client, |event| match event {
        Event::Lost(Loss::Registration(error)) => Some(error.to_string()),
        _ => None,
    })
    .await;
    assert!(loss.contains("did not prove"), "{loss}");
    assert!(!registered(&client).await);
    assert_eq!(server.core().await.recv().await.unwrap(), "secret");
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_key_does_not_let_itself_be_talked_out_of_it() {
    for method in [Method::None, Method::Certificate] {
        let server = Server::new();
        server.plan([Plan::Ask(method)]);
        let client = client(&server);
        let lost = event(&client, |event| match event {
            Event::Lost(Loss::Registration(error)) => Some(error.to_string()),
            Event::Registered { .. } => panic!("it went on with {method:?}"),
            _ => None,
        });
        assert!(lost.await.contains("set up for the proof of a key"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up_at_the_deadline() {
    let server = Server::new();
    server.plan([Plan::Mute]);
    let client = builder(&server, 1)
        .registration_deadline(S(3))
        .start()
        .unwrap();
    client.registered().await.unwrap();
    let wait = waits(&server)[0];
    assert!(wait >= S(3) && wait <= MS(3_501), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_never_made_is_given_up() {
    let client = Client::builder("device")
        .without_authentication()
        .connector(std::future::pending::<std::io::Result<tokio::io::DuplexStream>>)
        .connect_within(S(2))
        .start()
        .unwrap();
    let loss = event(&client, |event| match event {
        Event::Lost(loss) => Some(loss),
        _ => None,
    });
    assert!(matches!(loss.await, Loss::ConnectTimeout(time) if time == S(2)));
}

#[tokio::test(start_paused = true)]
async fn a_doubting_client_takes_never_for_its_longest_wait() {
    let server = Server::new();
    server.plan([Plan::Refuse(Reason::NotAuthorised, Retry::Never)]);
    let client = builder(&server, 1).doubt_refusals().start().unwrap();
    client.registered().await.unwrap();
    assert!(waits(&server)[0] >= S(60));
}
