//! Connections that break below TLS, at any byte of it; the session goes on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ayt::session::server::Server;
use ayt::tls::rustls::pki_types::ServerName;
use bytes::Bytes;
use tokio::io::duplex;

use super::authority::Authority;
use super::cut::{Cut, Dice};
use super::*;

/// In TLS's handshake (some 1,500 bytes), in the registration after it, or anywhere.
const PLACES: [usize; 4] = [800, 2_500, 10_000, 60_000];

/// The n-th message of a direction: its number, and a length that follows from it.
fn message(n: u64, salt: u64) -> Bytes {
    let length = (n.wrapping_mul(salt) % 3_001) as usize;
    let mut bytes = n.to_be_bytes().to_vec();
    bytes.resize(8 + length, n as u8);
    bytes.into()
}

/// Sends until it is over, then says how many.
macro_rules! sends {
    ($sender:expr, $over:expr, $salt:expr) => {
        async {
            let mut n = 0;
            while !$over() {
                $sender.send(message(n, $salt)).await.unwrap();
                n += 1;
            }
            $sender.send("end").await.unwrap();
            n
        }
    };
}

/// Receives to the end: every message once and in order.
macro_rules! takes {
    ($receiver:expr, $salt:expr) => {
        async {
            let mut n = 0;
            loop {
                let came = $receiver.recv().await.expect("the session is over");
                if came == "end" {
                    $receiver.done();
                    break n;
                }
                assert_eq!(came, message(n, $salt), "message {n}");
                n += 1;
            }
        }
    };
}

async fn transfer(seed: u64, cuts: usize) {
    let authority = Authority::new();
    let builder = Server::builder().keys(keys()).tls(authority.server());
    let server = Arc::new(builder.start().unwrap());
    let made = Arc::new(AtomicUsize::new(0));
    let (dice, count, at) = (
        Mutex::new(Dice(seed)),
        Arc::clone(&made),
        Arc::clone(&server),
    );
    let connect = move || {
        let [a, b, c, d] = if count.fetch_add(1, Ordering::Relaxed) < cuts {
            dice.lock().unwrap().bytes(PLACES)
        } else {
            [usize::MAX; 4]
        };
        let (near, far) = duplex(16 * 1024);
        let peer = "192.0.2.1:7".parse().unwrap();
        let taken = at.serve_tls(Cut::new(far, c, d), peer);
        std::future::ready(if taken {
            Ok(Cut::new(near, a, b))
        } else {
            Err(std::io::ErrorKind::ConnectionReset.into())
        })
    };
    let client = device()
        .key(key())
        .connector(connect)
        .tls(authority.client())
        .server_name(ServerName::try_from("localhost").unwrap())
        .start()
        .unwrap();
    let over = || made.load(Ordering::Relaxed) > cuts;
    let far = async {
        let session = server.accept().await.unwrap();
        let (sender, mut receiver) = session.split();
        let (down, came_up) = tokio::join!(sends!(sender, over, 104_729), takes!(receiver, 7_919));
        ((down, came_up), (sender, receiver))
    };
    let watch = async {
        let mut resumed = 0;
        while let Some(event) = client.event().await {
            match event {
                Event::NotResumed { .. } => panic!("a session was lost"),
                Event::Registered { resumed: true, .. } => resumed += 1,
                _ => {}
            }
        }
        resumed
    };
    let all = async {
        let (up, came_down, ((down, came_up), halves)) =
            tokio::join!(sends!(client, over, 7_919), takes!(client, 104_729), far);
        assert_eq!((up, down), (came_up, came_down));
        assert!(up > 0 && down > 0);
        assert!(client.close().await.is_clean());
        drop(halves);
    };
    let ((), resumed) = tokio::join!(all, watch);
    assert!(made.load(Ordering::Relaxed) > cuts && resumed > 0);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_cuts_below_tls_lose_repeat_and_reorder_nothing() {
    transfer(1, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nor_do_a_hundred_others_on_several_threads() {
    transfer(2, 100).await;
}
