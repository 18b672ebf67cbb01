//! What others may do through a handle, and registering.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_hold_stops_the_silence_and_begins_a_new_one() {
    let (mut stream, _far) = pair(limit(30));
    let handle = stream.handle();
    let start = Instant::now();
    let work = async {
        sleep(SECOND * 10).await;
        let hold = handle.hold();
        let second = handle.hold();
        sleep(SECOND * 1000).await;
        drop(hold);
        sleep(SECOND * 1000).await;
        drop(second);
    };
    let mut buffer = [0; 8];
    let (read, ()) = tokio::join!(stream.read(&mut buffer), work);
    assert!(read.is_err());
    assert_eq!(start.elapsed(), SECOND * (10 + 2000 + 30));
}

#[tokio::test(start_paused = true)]
async fn a_hold_between_two_polls_counts_too() {
    let (mut stream, _far) = pair(limit(30));
    let handle = stream.handle();
    let start = Instant::now();
    let work = async {
        sleep(SECOND * 20).await;
        drop(handle.hold());
    };
    let mut buffer = [0; 8];
    let (read, ()) = tokio::join!(stream.read(&mut buffer), work);
    assert!(read.is_err());
    assert_eq!(start.elapsed(), SECOND * 50);
}

#[tokio::test(start_paused = true)]
async fn a_handle_ends_reader_and_blocked_writer_at_once() {
    let (stream, _far) = pair(limit(3600));
    let handle = stream.handle();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let start = Instant::now();
    let (read, wrote, ended) = tokio::join!(
        async { reader.read(&mut [0; 8]).await },
        async { writer.write_all(&[0; 4096]).await },
        async {
            sleep(SECOND).await;
            (handle.end(Cause::Superseded), handle.end(Cause::Refused))
        }
    );
    assert_eq!(ended, (true, false), "the first decision stays");
    for error in [read.unwrap_err(), wrote.unwrap_err()] {
        assert_eq!(cause_in(&error), Some(Cause::Superseded));
    }
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_frees_the_blocked_writer_too() {
    let (stream, _far) = pair(limit(30));
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (read, wrote) = tokio::join!(async { reader.read(&mut [0; 8]).await }, async {
        writer.write_all(&[0; 4096]).await
    },);
    for error in [read.unwrap_err(), wrote.unwrap_err()] {
        assert_eq!(cause_in(&error), Some(Cause::HeartbeatMissed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_trickle_does_not_move_the_registration_deadline() {
    let (mut stream, mut far) = pair(limit(3600));
    let left = Arc::new(AtomicU32::new(0));
    let (registered, gone) = (Arc::clone(&left), Arc::clone(&left));
    stream.must_register(
        SECOND * 10,
        false,
        Box::new(move || {
            registered.fetch_add(1, Ordering::Relaxed);
        }),
        Box::new(move || {
            gone.fetch_add(10, Ordering::Relaxed);
        }),
    );
    let trickle = tokio::spawn(async move {
        while far.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
    });
    let start = Instant::now();
    let error = loop {
        match stream.read(&mut [0; 8]).await {
            Ok(_) => assert!(start.elapsed() <= SECOND * 10),
            Err(error) => break error,
        }
    };
    assert_eq!(cause_in(&error), Some(Cause::NeverRegistered));
    assert!(start.elapsed() <= SECOND * 10 + Duration::from_millis(100));
    assert!(!stream.handle().registered(), "too late");
    assert_eq!(
        left.load(Ordering::Relaxed),
        0,
        "its place is taken until it is dropped"
    );
    drop(stream);
    assert_eq!(left.load(Ordering::Relaxed), 11);
    trickle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn registering_takes_the_deadline_off_and_frees_the_place_once() {
    for on_read in [false, true] {
        let (mut stream, mut far) = pair(limit(100));
        let freed = Arc::new(AtomicU32::new(0));
        let registered = Arc::clone(&freed);
        stream.must_register(
            SECOND * 10,
            on_read,
            Box::new(move || {
                registered.fetch_add(1, Ordering::Relaxed);
            }),
            Box::new(|| ()),
        );
        let start = Instant::now();
        far.write_all(b"it is me").await.unwrap();
        stream.read_exact(&mut [0; 8]).await.unwrap();
        assert_eq!(stream.handle().registered(), !on_read);
        assert!(!stream.handle().registered());
        assert_eq!(freed.load(Ordering::Relaxed), 1);
        let error = stream.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(cause_in(&error), Some(Cause::HeartbeatMissed));
        assert_eq!(start.elapsed(), SECOND * 100);
    }
}

#[tokio::test(start_paused = true)]
async fn the_registration_deadline_frees_a_blocked_writer() {
    let (mut stream, _far) = pair(limit(3600));
    stream.must_register(SECOND * 10, false, Box::new(|| ()), Box::new(|| ()));
    let start = Instant::now();
    let error = stream.write_all(&[0; 4096]).await.unwrap_err();
    assert_eq!(cause_in(&error), Some(Cause::NeverRegistered));
    assert_eq!(start.elapsed(), SECOND * 10);
}
