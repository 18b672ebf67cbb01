//! Sessions that cannot be resumed: what is told on both sides is all there is.

use ayt_core::session::handshake::Purpose;

use super::client::Client;
use super::*;

/// A client of which ten messages came, and the server's program has taken three and
/// has the fourth in hand.
async fn unread(server: &Server) -> (Client, Session) {
    let (client, mut session) = Device::a().enter(server).await;
    for n in 1..=10u8 {
        client.core.send(vec![n].into()).await.unwrap();
    }
    for n in 1..=4u8 {
        assert_eq!(session.recv().await.unwrap()[..], [n]);
    }
    until(|| session.numbers().received == 10).await;
    (client, session)
}

/// The client comes back, is told that its session is gone, and sends what it was told
/// did not arrive: all of it comes once.
async fn told(server: &Server, client: &Client, mut old: Session) {
    let device = Device::a();
    client.core.part();
    let back = device.resume(server, client).await.unwrap();
    let welcome = &back.welcome;
    assert!(!welcome.resumed && welcome.known);
    assert_eq!(welcome.received, 3, "what is in hand is not done with");
    let mut new = server.accept().await.unwrap();
    for n in welcome.received + 1..=10 {
        back.core.send(vec![n as u8].into()).await.unwrap();
    }
    // Nothing comes out of the old one any more, also for a program that asks late.
    assert_eq!(old.recv().await, None);
    assert_eq!(old.numbers().handed_over, 3);
    for n in 4..=10u8 {
        assert_eq!(new.recv().await.unwrap()[..], [n]);
    }
    let before = new.predecessor().unwrap();
    assert_eq!((before.peer_received, before.numbers.handed_over), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn of_an_expired_session() {
    let server = server();
    let (client, session) = unread(&server).await;
    client.vanish();
    session.ended().await;
    told(&server, &client, session).await;
}

#[tokio::test(start_paused = true)]
async fn of_one_whose_program_goes_on_taking_until_the_client_is_told() {
    let server = server();
    let (client, mut session) = unread(&server).await;
    client.vanish();
    session.ended().await;
    for n in 5..=7u8 {
        assert_eq!(session.recv().await.unwrap()[..], [n]);
    }
    let back = Device::a().resume(&server, &client).await.unwrap();
    assert_eq!(back.welcome.received, 6);
    assert_eq!(session.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn of_one_that_does_not_fit_and_was_connected() {
    let server = server();
    let (client, mut old) = unread(&server).await;
    let mut device = Device::a();
    device.settings.window = 4_096;
    let mut io = device.dial(&server);
    let purpose = Device::resumption(&client);
    let (welcome, _) = device.shake(&mut io, purpose).await.unwrap();
    assert!(!welcome.resumed && welcome.known);
    assert_eq!(welcome.received, 3);
    assert_eq!(old.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn of_one_that_was_superseded() {
    let server = server();
    let (client, session) = unread(&server).await;
    client.vanish();
    until(|| !session.is_connected()).await;
    let mut io = Device::a().dial(&server);
    let (_, _) = Device::a().shake(&mut io, Purpose::Register).await.unwrap();
    let _other = server.accept().await.unwrap();
    told(&server, &client, session).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_registers_anew_is_told_nothing_and_nothing_is_dropped() {
    let server = server();
    let (client, mut old) = unread(&server).await;
    client.vanish();
    until(|| !old.is_connected()).await;
    let (_back, _new) = Device::a().enter(&server).await;
    for n in 5..=10u8 {
        assert_eq!(old.recv().await.unwrap()[..], [n]);
    }
    assert_eq!(old.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_bye_tells_what_never_came() {
    use crate::session::wire::write_frame;
    use ayt_core::session::codec::Decoder;
    use ayt_core::session::frame::{Bye, Frame, Retry};
    let server = server();
    let device = Device::a();
    let mut io = device.dial(&server);
    let (_welcome, _): (_, Decoder) = device.shake(&mut io, Purpose::Register).await.unwrap();
    let mut session = server.accept().await.unwrap();
    let data = Frame::Data {
        seq: 1,
        message: Bytes::from("came"),
    };
    write_frame(&mut io, &data).await.unwrap();
    let bye = Frame::Bye(Bye {
        reason: Reason::Done,
        retry: Retry::After(0),
        last: 4,
        text: String::new(),
    });
    write_frame(&mut io, &bye).await.unwrap();
    assert_eq!(session.recv().await.unwrap(), "came");
    session.done();
    let end = session.ended().await;
    assert_eq!((end.missing, end.numbers.received), (3, 1));
}
