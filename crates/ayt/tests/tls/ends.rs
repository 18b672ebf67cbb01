//! What ends a connection over TLS, and what does not end its session.

use ayt::session::Fate;
use ayt::session::server::{Server, Session, SessionEvent};
use ayt_core::cause::Cause;
use ayt_core::session::frame::{Bye, Frame, Reason, Retry};
use ayt_core::session::link::End;
use tokio::io::AsyncWriteExt as _;

use super::authority::Authority;
use super::raw::{Tls, connected, next, register, say};
use super::*;

async fn joined() -> (Server, Session, Tls, ayt_core::session::codec::Decoder) {
    let authority = Authority::new();
    let builder = Server::builder().keys(keys()).tls(authority.server());
    let server = builder.start().unwrap();
    let mut tls = connected(&server, &authority).await;
    let decoder = register(&mut tls, 30_000).await;
    let session = server.accept().await.unwrap();
    (server, session, tls, decoder)
}

async fn lost(session: &Session) -> End {
    loop {
        if let SessionEvent::Lost(end) = session.next_event().await.expect("an event") {
            return end;
        }
    }
}

fn data(seq: u64, message: &'static str) -> Frame {
    Frame::Data {
        seq,
        message: message.into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_short_is_a_loss_of_its_own_kind() {
    let (_server, session, tls, _) = joined().await;
    drop(tls);
    let end = lost(&session).await;
    assert_eq!((end.cause, end.fate), (Cause::Truncated, Fate::Stays));
}

#[tokio::test(start_paused = true)]
async fn close_notify_without_bye_is_a_loss_as_well() {
    let (_server, session, mut tls, _) = joined().await;
    tls.shutdown().await.unwrap();
    let end = lost(&session).await;
    assert_eq!((end.cause, end.fate), (Cause::PeerClosed, Fate::Stays));
}

#[tokio::test(start_paused = true)]
async fn after_bye_the_end_of_tls_does_not_matter() {
    for orderly in [true, false] {
        let (_server, mut session, mut tls, _) = joined().await;
        say(&mut tls, &data(1, "last")).await;
        let bye = Bye {
            reason: Reason::Done,
            retry: Retry::After(0),
            last: 1,
            text: String::new(),
        };
        say(&mut tls, &Frame::Bye(bye)).await;
        if orderly {
            tls.shutdown().await.unwrap();
        }
        drop(tls);
        assert_eq!(session.recv().await.unwrap(), "last");
        assert_eq!(session.recv().await, None);
        let end = session.ended().await;
        assert_eq!(
            (end.cause, end.reason),
            (Cause::PeerClosed, Some(Reason::Done))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn close_notify_closes_one_direction_and_what_is_in_flight_still_comes() {
    let (server, mut session, mut tls, mut decoder) = joined().await;
    session.kick(Retry::Never, "enough");
    let bye = next(&mut tls, &mut decoder).await;
    assert!(matches!(bye, Some(Frame::Bye(bye)) if bye.reason == Reason::Kicked));
    assert_eq!(next(&mut tls, &mut decoder).await, None, "close_notify");
    // The other direction still stands.
    say(&mut tls, &data(1, "in flight")).await;
    assert_eq!(session.recv().await.unwrap(), "in flight");
    tls.shutdown().await.unwrap();
    assert_eq!(session.recv().await, None);
    until(|| server.stats().now.connections == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_changed_on_its_way_ends_the_connection_only() {
    let (_server, session, mut tls, _) = joined().await;
    // Application data that nobody has encrypted.
    let forged = [0x17, 3, 3, 0, 32];
    let (below, _) = tls.get_mut();
    below.write_all(&forged).await.unwrap();
    below.write_all(&[0; 32]).await.unwrap();
    let end = lost(&session).await;
    assert_eq!((end.cause, end.fate), (Cause::Failed, Fate::Stays));
}
