//! TLS, watched from above and from below.

use std::sync::Arc;
use std::time::Duration;

use ayt::cause::{self, Cause};
use ayt::close::{Bounds, By, graceful};
use ayt::watched::Watched;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::Done;
use crate::common::within;

const LIMIT: Duration = Duration::from_secs(30);

async fn handshake<C, S>(
    client: C,
    server: S,
) -> Result<(client::TlsStream<C>, server::TlsStream<S>), Box<dyn std::error::Error>>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let for_client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let for_server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let name = ServerName::try_from("localhost")?;
    let (client, server) = tokio::try_join!(
        TlsConnector::from(Arc::new(for_client)).connect(name, client),
        TlsAcceptor::from(Arc::new(for_server)).accept(server)
    )?;
    Ok((client, server))
}

async fn watched_above() -> Result<
    (
        Watched<client::TlsStream<DuplexStream>, crate::common::Within>,
        server::TlsStream<DuplexStream>,
    ),
    Box<dyn std::error::Error>,
> {
    let (near, far) = duplex(64 << 10);
    let (near, far) = handshake(near, far).await?;
    Ok((Watched::new(near, within(LIMIT)), far))
}

#[tokio::test(start_paused = true)]
async fn an_end_with_close_notify_is_the_peers_close() -> Done {
    let (mut near, mut far) = watched_above().await?;
    far.write_all(b"all of it").await?;
    far.shutdown().await?;
    let mut heard = Vec::new();
    near.read_to_end(&mut heard).await?;
    assert_eq!(heard, b"all of it");
    assert_eq!(near.cause(), Some(Cause::PeerClosed));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_end_without_close_notify_is_its_own_kind() -> Done {
    let (mut near, mut far) = watched_above().await?;
    far.write_all(b"some of it").await?;
    far.flush().await?;
    // The transport ends as if the peer's process had died, or as if somebody on
    // the way had cut the rest off.
    drop(far);
    let mut heard = Vec::new();
    let error = near.read_to_end(&mut heard).await.expect_err("cut short");
    assert_eq!(heard, b"some of it");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(near.cause(), Some(Cause::Truncated));
    assert_eq!(cause::find(&error), Some(Cause::Truncated));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn silence_is_found_above_and_below() -> Done {
    let (mut near, _far) = watched_above().await?;
    let start = Instant::now();
    let error = near.read(&mut [0; 8]).await.expect_err("silent");
    assert_eq!(start.elapsed(), LIMIT);
    assert_eq!(cause::find(&error), Some(Cause::HeartbeatMissed));

    let (near, far) = duplex(64 << 10);
    let near = Watched::new(near, within(LIMIT));
    let handle = near.handle();
    let (mut near, mut far) = handshake(near, far).await?;
    // The records of the handshake were life as well.
    far.write_all(b"x").await?;
    assert_eq!(near.read(&mut [0; 8]).await?, 1);
    let start = Instant::now();
    let error = near.read(&mut [0; 8]).await.expect_err("silent");
    assert_eq!(start.elapsed(), LIMIT);
    assert_eq!(cause::find(&error), Some(Cause::HeartbeatMissed));
    assert_eq!(handle.cause(), Some(Cause::HeartbeatMissed));
    Ok(())
}

/// Says a key update (RFC 8446, 4.6.3), a record of TLS's own, 9 times in 9/10 of the
/// limit each; then nothing.
async fn updates_keys<S>(far: &mut server::TlsStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for _ in 0..9 {
        tokio::time::sleep(LIMIT * 9 / 10).await;
        let _ = far.get_mut().1.refresh_traffic_keys();
        let _ = far.flush().await;
    }
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_record_of_tls_alone_is_life_below_it_and_none_above() -> Done {
    let (mut near, mut far) = watched_above().await?;
    let start = Instant::now();
    let mut byte = [0];
    let error = tokio::select! {
        read = near.read(&mut byte) => read.expect_err("silent"),
        () = updates_keys(&mut far) => unreachable!(),
    };
    assert_eq!(start.elapsed(), LIMIT, "above");
    assert_eq!(cause::find(&error), Some(Cause::HeartbeatMissed));

    let (near, far) = duplex(64 << 10);
    let near = Watched::new(near, within(LIMIT));
    let (mut near, mut far) = handshake(near, far).await?;
    let start = Instant::now();
    let error = tokio::select! {
        read = near.read(&mut byte) => read.expect_err("silent"),
        () = updates_keys(&mut far) => unreachable!(),
    };
    assert_eq!(start.elapsed(), LIMIT * 9 / 10 * 9 + LIMIT, "below");
    assert_eq!(cause::find(&error), Some(Cause::HeartbeatMissed));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_ends_too() -> Done {
    let (near, _far) = duplex(64 << 10);
    let (other, _never_read) = duplex(64 << 10);
    let near = Watched::new(near, within(LIMIT));
    let start = Instant::now();
    let error = handshake(near, other).await.expect_err("nobody answers");
    assert_eq!(start.elapsed(), LIMIT);
    assert_eq!(cause::find(error.as_ref()), Some(Cause::HeartbeatMissed));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn graceful_says_close_notify_and_drains() -> Done {
    let (near, far) = duplex(64 << 10);
    let (near, mut far) = handshake(near, far).await?;
    far.write_all(b"unread").await?;
    far.flush().await?;
    let peer = async {
        let mut heard = Vec::new();
        // With close_notify this is a clean end.
        far.read_to_end(&mut heard).await?;
        far.shutdown().await
    };
    let (closed, peer) = tokio::join!(graceful(near, Bounds::default()), peer);
    peer?;
    assert_eq!((closed.by, closed.drained), (By::Peer, 6));
    Ok(())
}
