//! In virtual time, over pipes in memory. What a peer sees on a real kernel is in
//! `tests/close.rs`.

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{Instant, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_too_ends_it() {
    let (near, mut far) = duplex(64);
    let peer = async {
        far.write_all(b"tail").await.unwrap();
        assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0, "it sees the end");
        far.write_all(b" and more").await.unwrap();
        far.shutdown().await.unwrap();
    };
    let mut heard = Vec::new();
    let (closed, ()) = tokio::join!(
        half(near, Bounds::default(), |bytes| heard
            .extend_from_slice(bytes)),
        peer
    );
    assert_eq!((closed.by, closed.drained), (By::Peer, 13));
    assert_eq!(heard, b"tail and more");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_closes_is_bounded_in_time() {
    let (near, mut far) = duplex(64);
    let start = Instant::now();
    let late = async {
        sleep(SECOND * 3).await;
        far.write_all(b"late heartbeat").await.unwrap();
        far
    };
    let bounds = Bounds {
        within: SECOND * 5,
        ..Bounds::default()
    };
    let (closed, _far) = tokio::join!(graceful(near, bounds), late);
    assert_eq!((closed.by, closed.drained), (By::Time, 14));
    assert_eq!(start.elapsed(), SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_on_sending_is_bounded_in_bytes() {
    let (near, mut far) = duplex(64);
    let bounds = Bounds {
        bytes: 10_000,
        ..Bounds::default()
    };
    let flood = async { while far.write_all(&[7; 64]).await.is_ok() {} };
    let (closed, ()) = tokio::join!(graceful(near, bounds), flood);
    assert_eq!(closed.by, By::Bytes);
    assert!((10_001..10_001 + 64).contains(&closed.drained));
}

#[tokio::test(start_paused = true)]
async fn what_is_still_to_be_written_does_not_block_the_drain() {
    // Both pipes are full, and the peer reads only after it has written.
    let (near, mut far) = duplex(16);
    let mut near = tokio::io::BufWriter::with_capacity(1024, near);
    near.write_all(&[1; 200]).await.unwrap();
    let peer = async {
        far.write_all(&[2; 200]).await.unwrap();
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        far.shutdown().await.unwrap();
        heard
    };
    let (closed, heard) = tokio::join!(graceful(near, Bounds::default()), peer);
    assert_eq!((closed.by, closed.drained), (By::Peer, 200));
    assert_eq!(heard, [1; 200]);
}
