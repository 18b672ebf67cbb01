//! What a client can be set up with.

use super::super::BadClient;
use super::*;

fn base() -> Builder {
    Client::builder("device")
        .without_authentication()
        .address("127.0.0.1:9")
}

#[tokio::test(start_paused = true)]
async fn what_only_the_program_knows_must_be_said() {
    let bare = Client::builder("device");
    assert_eq!(bare.start().unwrap_err(), BadClient::NoAddress);
    let bare = Client::builder("device").address("127.0.0.1:9");
    assert_eq!(bare.start().unwrap_err(), BadClient::NoCredential);
    let both = builder(&Server::new(), 1).address("127.0.0.1:9");
    assert_eq!(both.start().unwrap_err(), BadClient::TwoWays);
    for (length, fine) in [(0, false), (1, true), (128, true), (129, false)] {
        let identity = vec![b'x'; length];
        let client = Client::builder(identity)
            .without_authentication()
            .address("127.0.0.1:9")
            .start();
        assert_eq!(client.is_ok(), fine, "{length}");
    }
    let bare = Client::builder("device").certificate();
    let open = bare.address("127.0.0.1:9").start();
    assert_eq!(open.unwrap_err(), BadClient::CertificateWithoutTls);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_can_never_be_connected_to_is_told_at_the_start() {
    for (address, fine) in [
        ("hub.example:7117", true),
        ("[2001:db8::1]:7117", true),
        ("hub.example", false),
        ("hub.example:http", false),
        ("hub.example:70000", false),
        (":7117", false),
        ("", false),
    ] {
        let client = Client::builder("device").without_authentication();
        let started = client.address(address).start();
        assert_eq!(started.is_ok(), fine, "{address}");
        if let Err(error) = started {
            assert_eq!(error, BadClient::Address(address.to_owned()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_from_a_damaged_file_is_refused_and_panics_nowhere() {
    let saved = |acknowledged, handed_over| super::super::Saved {
        session: [1; 16],
        secret: ayt_core::session::proof::Secret::new([2; 16]),
        epoch: u64::MAX,
        acknowledged,
        handed_over,
        messages: vec!["kept".into()],
        peer_max_payload: 65_544,
        peer_window: 1 << 20,
    };
    for (acknowledged, handed_over) in [(u64::MAX, 0), (0, u64::MAX), (u64::MAX, u64::MAX)] {
        let client = base().restore(saved(acknowledged, handed_over)).start();
        assert_eq!(client.unwrap_err(), BadClient::Saved);
    }
    assert!(base().restore(saved(7, 9)).start().is_ok());
}

#[tokio::test(start_paused = true)]
async fn every_range_is_that_of_the_protocol() {
    type Set = fn(Builder, Duration) -> Builder;
    let h = S(3_600);
    let times: [(Set, Duration, Duration); 10] = [
        (Builder::client_beat, MS(10), h),
        (Builder::server_beat, MS(10), h),
        (Builder::least_beat, MS(10), h),
        (Builder::registration_deadline, MS(100), S(60)),
        (Builder::connect_within, MS(100), S(300)),
        (Builder::ack_delay, MS(0), MS(200)),
        (Builder::drain, MS(0), S(60)),
        (Builder::close_within, MS(0), h),
        (|b, cap| b.pace(MS(10), cap), MS(10), h),
        (|b, base| b.pace(base, S(3_600)), MS(10), h),
    ];
    let nano = Duration::from_nanos(1);
    for (index, (set, least, most)) in times.into_iter().enumerate() {
        assert!(set(base(), least).start().is_ok(), "{index}: {least:?}");
        assert!(set(base(), most).start().is_ok(), "{index}: {most:?}");
        let error = set(base(), most + nano).start().unwrap_err();
        assert!(error.to_string().contains("out of range"), "{error}");
        if !least.is_zero() {
            assert!(set(base(), least - nano).start().is_err(), "{index}");
        }
    }
    assert!(base().client_beat(Duration::ZERO).start().is_ok());
    assert!(
        base().pace(S(2), S(1)).start().is_err(),
        "base beyond the cap"
    );
    type Size = fn(Builder, u32) -> Builder;
    let sizes: [(Size, u32, u32); 3] = [
        (Builder::max_payload, 1_024, 16_777_215),
        (Builder::window, 4_096, 1 << 30),
        (Builder::replay_bound, 4_096, 1 << 30),
    ];
    for (set, least, most) in sizes {
        assert!(set(base(), least).start().is_ok() && set(base(), most).start().is_ok());
        assert!(set(base(), least - 1).start().is_err() && set(base(), most + 1).start().is_err());
    }
}
