//! Places that are taken, given back and waited for at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shuttle::future::JoinHandle;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::Stopper;
use super::bounds::{Bounds, Places};
use crate::cause::Cause;
use crate::explore::{advance, block_on, explore, spawn, yield_now};
use crate::watched::{Never, Watched};

const BOUNDS: Bounds = Bounds {
    total: 2,
    per_address: 2,
    age: Duration::from_secs(10),
};

/// As [`super::Listener::accept`] hands one out; `None` where it is refused.
fn accept(places: &Arc<Places>) -> Option<(Watched<DuplexStream, Never>, DuplexStream)> {
    let peer = SocketAddr::from(([192, 0, 2, 1], 1));
    let place = places.take(peer, &BOUNDS).ok()?;
    let (near, far) = duplex(8);
    let mut connection = Watched::new(near, Never);
    place.seat(&mut connection, BOUNDS.age, true);
    let stats = places.stats();
    assert!(stats.unregistered <= BOUNDS.total, "{stats:?}");
    Some((connection, far))
}

/// One connection, which reads a byte, is registered by somebody else too, and ends.
fn live(places: &Arc<Places>) -> JoinHandle<bool> {
    let places = places.clone();
    spawn(async move {
        let Some((mut connection, mut far)) = accept(&places) else {
            return false;
        };
        let handle = connection.handle();
        let registering = [(); 2].map(|()| {
            let handle = handle.clone();
            spawn(async move { handle.registered() })
        });
        let peer = spawn(async move { far.write_all(b"x").await.map(|()| far) });
        let _ = connection.read(&mut [0; 1]).await;
        drop(connection);
        let mut news = 0;
        for one in registering {
            news += u32::from(one.await.unwrap());
        }
        assert!(news <= 1, "registered twice");
        let _ = peer.await;
        true
    })
}

fn is_empty(places: &Places) {
    let stats = places.stats();
    assert_eq!((stats.unregistered, stats.live), (0, 0), "{stats:?}");
}

#[test]
fn every_place_comes_back_once_and_none_is_given_twice() {
    explore(1_000, || {
        let places = Arc::new(Places::default());
        let tasks = [(); 3].map(|()| live(&places));
        block_on(async {
            let mut in_all = 0;
            for task in tasks {
                in_all += u64::from(task.await.unwrap());
            }
            is_empty(&places);
            let stats = places.stats();
            assert_eq!(stats.accepted, in_all);
            assert_eq!(stats.refused_total + in_all, 3);
        });
    });
}

#[test]
fn who_stops_is_told_when_the_last_has_gone() {
    explore(1_000, || {
        let places = Arc::new(Places::default());
        let stopper = Stopper::new(places.clone());
        let tasks = [(); 2].map(|()| live(&places));
        block_on(async {
            // Time stands still.
            assert_eq!(stopper.stop_within(Duration::from_secs(5)).await, 0);
            for task in tasks {
                task.await.unwrap();
            }
            is_empty(&places);
        });
    });
}

#[test]
fn who_stops_waits_for_the_last_and_ends_the_rest() {
    explore(1_000, || {
        let places = Arc::new(Places::default());
        let stopper = Stopper::new(places.clone());
        let stays = accept(&places).map(|(mut connection, far)| {
            spawn(async move {
                // Nothing comes: it is ended, by the stop or because it never registers.
                let ended = connection.read(&mut [0; 1]).await.is_err();
                drop(far);
                (ended, connection.cause())
            })
        });
        let goes = live(&places);
        let stopping = spawn(async move { stopper.stop_within(Duration::from_secs(5)).await });
        block_on(async {
            goes.await.unwrap();
            while !stopping.is_finished() {
                advance(Duration::from_secs(1));
                yield_now().await;
            }
            let by_force = stopping.await.unwrap();
            let (ended, cause) = stays.unwrap().await.unwrap();
            assert!(ended);
            let forced = cause == Some(Cause::LocalClose);
            assert!(forced || cause == Some(Cause::NeverRegistered), "{cause:?}");
            assert_eq!(by_force, usize::from(forced));
            is_empty(&places);
        });
    });
}
