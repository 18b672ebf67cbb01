//! Strangers who know an identity and not its key, over real sockets.

mod devices;

use ayt::session::Reason;
use ayt::session::server::Server;
use devices::{Device, IDENTITY, key, keys};

#[test]
fn a_thousand_takeovers_without_the_key_touch_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let builder = Server::builder().keys(keys());
        let server = builder.bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let mut device = Device::register(address, key()).await.unwrap();
        let mut session = server.accept().await.unwrap();
        let wrong = ayt::session::Key::new(&[0x71; 32]).unwrap();
        for n in 1..=1_000 {
            let refused = Device::register(address, wrong.clone()).await.unwrap_err();
            assert_eq!(refused.reason, Reason::NotAuthorised);
            if n % 100 == 0 {
                device.send(n / 100, "still mine").await;
                assert_eq!(session.recv().await.unwrap(), "still mine");
            }
        }
        assert_eq!(session.identity(), IDENTITY);
        assert!(session.is_connected());
        assert_eq!(session.epoch(), device.welcome.epoch);
        let stats = server.stats();
        assert_eq!((stats.registered, stats.takeovers), (1, 0));
        assert_eq!(stats.refused(Reason::NotAuthorised), 1_000);
    });
}
