//! A transfer over connections that are cut at seeded places, in both directions.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ayt::session::server::{SessionReceiver, SessionSender};

use super::child::Device;
use super::relay::{Cut, How, Relay};
use super::rng::{Rng, message};
use super::*;

const UP: u64 = 1;
const DOWN: u64 = 2;

/// Somewhere in one direction, or both: a third of the cuts in the registration or
/// just after, the others in the midst of messages.
fn cut(rng: &mut Rng) -> Cut {
    let mut at = || match rng.between(0, 2) {
        0 => rng.between(1, 300),
        _ => rng.between(1, 30_000),
    };
    let (up, down) = (at(), at());
    let (up, down) = match rng.between(0, 2) {
        0 => (up, u64::MAX),
        1 => (u64::MAX, down),
        _ => (up, down),
    };
    let how = match rng.between(0, 2) {
        0 => How::Close,
        1 => How::Reset,
        _ => How::Swallow(MS(rng.between(1, 20))),
    };
    Cut { up, down, how }
}

/// A relay whose first connection stands until the session is there, and whose next
/// ones are cut.
async fn breaking(server: &Server, seed: u64, cuts: usize) -> (Relay, Arc<AtomicUsize>) {
    let made = Arc::<AtomicUsize>::default();
    let (count, mut rng) = (made.clone(), Rng(seed));
    let relay = Relay::to(server.local_addr().unwrap(), move |n| {
        count.store(n + 1, Ordering::Relaxed);
        match n {
            0 => Cut {
                up: 5_000,
                down: u64::MAX,
                how: How::Reset,
            },
            n if n < cuts => cut(&mut rng),
            _ => Cut::NEVER,
        }
    });
    (relay.await, made)
}

async fn sends(sender: &SessionSender, over: impl Fn() -> bool) -> u64 {
    let mut n = 0;
    while !over() {
        sender.send(message(n, DOWN)).await.unwrap();
        n += 1;
    }
    sender.send("end").await.unwrap();
    n
}

async fn takes(receiver: &mut SessionReceiver) -> u64 {
    let mut n = 0;
    loop {
        let came = soon("a message of the device's", receiver.recv())
            .await
            .unwrap();
        if came == "end" {
            receiver.done();
            return n;
        }
        assert_eq!(came, message(n, UP), "message {n} at the server");
        n += 1;
    }
}

/// The device's lines until "end".
async fn prints(device: &mut Device) -> u64 {
    let mut n = 0;
    loop {
        let line = device.line().await;
        if line == "end" {
            return n;
        }
        assert_eq!(line, message(n, DOWN), "message {n} at the device");
        n += 1;
    }
}

async fn transfer(seed: u64, cuts: usize) {
    let server = server(limits()).await;
    let (relay, made) = breaking(&server, seed, cuts).await;
    let mut device = Device::start(relay.address, &[]);
    let mut stdin = device.stdin();
    let over = {
        let made = made.clone();
        move || made.load(Ordering::Relaxed) > cuts
    };
    let typing = {
        let over = over.clone();
        std::thread::spawn(move || {
            let mut n = 0;
            while !over() {
                writeln!(stdin, "{}", message(n, UP)).unwrap();
                n += 1;
            }
            writeln!(stdin, "end").unwrap();
            (n, stdin)
        })
    };
    let (sender, mut receiver) = accept(&server).await.split();
    let (down, came_up, came_down) = tokio::join!(
        sends(&sender, over),
        takes(&mut receiver),
        prints(&mut device)
    );
    let (up, stdin) = typing.join().unwrap();
    assert_eq!((up, down), (came_up, came_down), "seed {seed}");
    assert!(up > 0 && down > 0);
    // The end of stdin ends the session, in both directions.
    drop(stdin);
    let end = soon("the end", sender.ended()).await;
    assert_eq!((end.missing, end.numbers.unacknowledged()), (0, 0));
    let (code, told) = device.exit().await;
    assert_eq!(code, Some(0), "{told:?}");
    let resumed = told.iter().filter(|line| line.starts_with("resumed"));
    assert!(resumed.count() > cuts / 4, "{told:?}");
    for word in ["lost", "unsure", "arrived", "fault"] {
        assert!(!told.iter().any(|line| line.starts_with(word)), "{told:?}");
    }
    let stats = server.stats();
    assert_eq!((stats.registered, stats.ended.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_cuts_lose_repeat_and_reorder_nothing() {
    if !python() {
        return;
    }
    transfer(1, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_other_places() {
    if !python() {
        return;
    }
    for seed in 2..6 {
        transfer(seed, 40).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_whose_power_goes_again_and_again_sends_each_message_once() {
    if !python() {
        return;
    }
    const MESSAGES: u64 = 150;
    let server = server(limits()).await;
    let (relay, _) = breaking(&server, 7, 20).await;
    let state = std::env::temp_dir().join(format!("ayt-device-{}", std::process::id()));
    let path = state.to_str().unwrap();
    let count = MESSAGES.to_string();
    let words = ["--count", &*count, "--every", "0.001", "--state", path];
    let mut device = Device::start(relay.address, &words);
    let mut session = accept(&server).await;
    let (mut rng, mut kills) = (Rng(8), 0);
    let mut next_kill = rng.between(1, 30);
    for n in 1..=MESSAGES {
        assert_eq!(recv(&mut session).await, n.to_string());
        if n == next_kill {
            device.kill();
            kills += 1;
            next_kill += rng.between(1, 30);
            device = Device::start(relay.address, &words);
        }
    }
    assert!(kills > 4, "{kills}");
    session.done();
    assert_eq!(soon("nothing more", session.recv()).await, None);
    let (code, told) = device.exit().await;
    assert_eq!(code, Some(0), "{told:?}");
    assert!(
        !state.exists(),
        "a session that ended well leaves nothing behind"
    );
    assert_eq!(server.stats().registered, 1);
}
