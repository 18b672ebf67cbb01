//! A thousand cuts, at any byte of anything that goes over the wire.

use super::cut::Dice;
use super::server::Plan;
use super::*;
use crate::session::driver::Core;

const CUTS: usize = 1_000;

/// Near the beginning, where the handshake is, or anywhere.
pub(super) const PLACES: [usize; 4] = [120, 400, 4_000, 60_000];

/// The n-th message of a direction: its number, and a length that follows from it.
pub(super) fn message(n: u64, salt: u64) -> Bytes {
    let length = (n.wrapping_mul(salt) % 3_001) as usize;
    let mut bytes = n.to_be_bytes().to_vec();
    bytes.resize(8 + length, n as u8);
    bytes.into()
}

async fn transfer(seed: u64, cuts: usize) -> usize {
    let server = Server::new();
    let mut dice = Dice(seed);
    server.plan((0..cuts).map(|_| Plan::Cut(dice.bytes(PLACES))));
    let client = builder(&server, seed)
        .pace(MS(10), MS(10))
        .replay_bound(64 * 1024)
        .window(64 * 1024)
        .start()
        .unwrap();
    let core = server.core().await;
    let over = || server.asked().len() > cuts;
    let sending = async {
        let mut n = 0;
        while !over() {
            client.send(message(n, 7_919)).await.unwrap();
            n += 1;
        }
        client.send("end").await.unwrap();
        n
    };
    let answering = async {
        let mut n = 0;
        while !over() {
            core.send(message(n, 104_729)).await.unwrap();
            n += 1;
        }
        core.send("end".into()).await.unwrap();
        n
    };
    let server_takes = async {
        let mut n = 0;
        loop {
            let came = core.recv().await.unwrap();
            if came == "end" {
                core.done();
                break n;
            }
            assert_eq!(came, message(n, 7_919), "{n} at the server");
            assert!(held(&core) <= 2 * (1 << 20), "memory at the server");
            n += 1;
        }
    };
    let client_takes = async {
        let mut n = 0;
        loop {
            let came = client.recv().await.unwrap();
            if came == "end" {
                client.done();
                break n;
            }
            assert_eq!(came, message(n, 104_729), "{n} at the client");
            assert!(held(&client.shared.current()) <= 2 * 64 * 1024, "memory");
            n += 1;
        }
    };
    let events = async {
        let mut lost = 0;
        loop {
            match client.event().await {
                Some(Event::Lost(_)) => lost += 1,
                Some(Event::NotResumed { .. }) => panic!("a session was lost"),
                Some(_) => {}
                None => break lost,
            }
        }
    };
    let all = async {
        let all = tokio::join!(sending, answering, server_takes, client_takes);
        assert!(client.close().await.is_clean());
        all
    };
    let ((up, down, came_up, came_down), lost) = tokio::join!(all, events);
    assert_eq!((up, down), (came_up, came_down));
    assert!(up > 0 && down > 0);
    lost
}

fn held(core: &std::sync::Arc<Core>) -> u64 {
    core.cost()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_cuts_lose_repeat_and_reorder_nothing() {
    assert!(transfer(1, CUTS).await >= CUTS);
}

#[tokio::test(start_paused = true)]
async fn nor_do_a_hundred_with_other_seeds() {
    for seed in 2..12 {
        assert!(transfer(seed, 100).await >= 100, "seed {seed}");
    }
}
