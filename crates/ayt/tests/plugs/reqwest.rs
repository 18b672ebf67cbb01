//! reqwest: its own socket options, read back from its sockets.

use ::reqwest::Client;
use ayt::cause::{self, Cause};
use ayt::connect::reqwest::{UserTimeout, settings};
use ayt_core::facts::NsId;
use ayt_core::keepalive::Keepalive;
use ayt_sys::wire::{diag, request};
use ayt_sys::{Descriptors, DiagSocket, Netns, scan_proc};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::Done;

/// What the kernel has for this process's connected socket to `server`.
fn settings_of_socket_to(server: SocketAddr) -> Option<Keepalive> {
    let mut inode = 0;
    let mut diag = DiagSocket::open(&Netns::own().ok()?).ok()?;
    diag.dump(2, request::state_mask(&[]), |payload| {
        if let Ok(Some(socket)) = diag::socket(payload, NsId(0))
            && socket.remote == server
        {
            inode = socket.inode;
        }
        Ok(())
    })
    .ok()?;
    let scan = scan_proc().ok()?;
    let own = std::process::id();
    let owner = scan
        .owners
        .iter()
        .find(|owner| owner.pid == own && owner.inode == inode)?;
    let hold = Descriptors::default().hold(owner).ok()?;
    hold.keepalive().ok()
}

#[tokio::test]
async fn its_sockets_have_the_settings_that_were_asked_for() -> Done {
    let wanted = Keepalive {
        enabled: true,
        idle_s: 41,
        interval_s: 7,
        count: 4,
        user_timeout_ms: 61_000,
    };
    for wanted in [
        wanted,
        Keepalive {
            user_timeout_ms: 0,
            ..wanted
        },
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (builder, user_timeout) = settings(Client::builder(), &wanted);
        assert_eq!(user_timeout, UserTimeout::Set);
        let client = builder.build()?;
        let server = async {
            let (mut stream, _) = listener.accept().await?;
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await?;
            let found = settings_of_socket_to(address);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .await?;
            Ok::<_, std::io::Error>(found)
        };
        let (answer, found) = tokio::join!(client.get(format!("http://{address}/")).send(), server);
        assert_eq!(answer?.text().await?, "ok");
        assert_eq!(found?, Some(wanted));
    }
    Ok(())
}

#[tokio::test]
async fn the_cause_is_found_in_its_error() -> Done {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = Client::new();
    let request = client
        .get(format!("http://{}/", listener.local_addr()?))
        .send();
    let server = async {
        let (stream, _) = listener.accept().await?;
        stream.readable().await?;
        Ok::<_, std::io::Error>(ayt::close::abortive(stream))
    };
    let (answer, closed) = tokio::join!(request, server);
    closed?;
    let error = answer.expect_err("it was reset");
    assert_eq!(cause::find(&error), Some(Cause::PeerReset), "{error:?}");
    Ok(())
}
