//! Who stays where the older connection is asked first: time stands still, so that an
//! answer which nobody waits for any more, or a question that nobody asks, shows as a
//! task that is never woken.

use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::frame::Reason;
use shuttle::future::JoinHandle;

use super::device::{Attempt, Connected, register};
use super::program::{Does, serve};
use super::{Left, Policy, Server, first_of, is_settled, server_with, stay};
use crate::explore::{block_on, explore, spawn};
use crate::session::store::Memory;

fn server() -> Arc<Server> {
    server_with(Arc::new(Memory::new()), 0, Policy::Verify)
}

async fn enters(server: &Server) -> Connected {
    match register(server).await {
        Attempt::In(device) => device,
        other => panic!("{other:?}"),
    }
}

/// Registers, and stays; or why it was refused.
fn comes(server: &Arc<Server>, from: u64) -> JoinHandle<Result<Left, Reason>> {
    let server = server.clone();
    spawn(async move {
        match register(&server).await {
            Attempt::In(device) => Ok(stay(device, from..from + 2).await),
            Attempt::Refused(refuse) => Err(refuse.reason),
            Attempt::Gone => Err(Reason::ShuttingDown),
        }
    })
}

#[test]
fn the_older_answers_and_stays_however_many_come() {
    explore(400, || {
        let server = server();
        let program = serve(&server, Does::Nothing);
        block_on(async {
            let older = enters(&server).await;
            let older = spawn(stay(older, 0..2));
            let mut others = Vec::from([10, 20].map(|from| comes(&server, from)));
            while !others.is_empty() {
                let other = first_of(&mut others).await;
                assert!(matches!(other, Err(Reason::IdentityInUse)), "{other:?}");
            }
            assert_eq!(server.stats().takeovers, 0);
            server.shutdown(Duration::ZERO).await;
            let left = older.await.unwrap();
            let end = left.end.clone().expect("it was not moved");
            assert_eq!(end.reason, Some(Reason::ShuttingDown));
            let stories = program.await.unwrap();
            is_settled(&server, &stories, &[left]);
            assert_eq!(stories.len(), 1);
        });
    });
}

/// The older loses its connection at any moment while the newer registers: one of both
/// has the session, and nobody waits for a question that cannot be answered.
#[test]
fn one_that_is_lost_while_it_is_asked_holds_up_nobody() {
    explore(400, || {
        let server = server();
        let program = serve(&server, Does::Nothing);
        block_on(async {
            let older = enters(&server).await;
            let scissors = older.scissors.clone();
            let older = spawn(stay(older, 0..2));
            let cut = spawn(async move { scissors.cut() });
            let newer = comes(&server, 10);
            cut.await.unwrap();
            let mut left = vec![older.await.unwrap()];
            server.shutdown(Duration::ZERO).await;
            match newer.await.unwrap() {
                Ok(newer) => {
                    assert!(newer.epoch > left[0].epoch);
                    left.push(newer);
                }
                Err(reason) => assert!(
                    matches!(reason, Reason::IdentityInUse | Reason::ShuttingDown),
                    "{reason:?}"
                ),
            }
            is_settled(&server, &program.await.unwrap(), &left);
        });
    });
}

/// The program ends the older's session while it is asked.
fn one_that_is_ended_while_it_is_asked(does: Does) {
    let server = server();
    let program = serve(&server, does);
    block_on(async {
        let older = enters(&server).await;
        let older = spawn(stay(older, 0..2));
        let newer = comes(&server, 10);
        let mut left = vec![older.await.unwrap()];
        server.shutdown(Duration::ZERO).await;
        match newer.await.unwrap() {
            Ok(newer) => left.push(newer),
            Err(reason) => assert!(
                matches!(reason, Reason::IdentityInUse | Reason::ShuttingDown),
                "{reason:?}"
            ),
        }
        is_settled(&server, &program.await.unwrap(), &left);
    });
}

#[test]
fn nor_does_one_that_is_kicked() {
    explore(400, || one_that_is_ended_while_it_is_asked(Does::Kick));
}

#[test]
fn nor_does_one_that_is_closed() {
    explore(400, || one_that_is_ended_while_it_is_asked(Does::Close));
}
