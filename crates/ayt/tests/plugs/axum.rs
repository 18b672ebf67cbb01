//! `axum::serve(listener, app)`.

use std::net::SocketAddr;
use std::time::Duration;

use ::axum::Router;
use ::axum::extract::ConnectInfo;
use ::axum::routing::get;
use ayt::connect::Connector;
use ayt::listener::{Bounds, Listener, Stopper};
use ayt::watched::{Detector, Handle};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::common::within;
use crate::{Done, PATIENCE, SHORT};

async fn hello(ConnectInfo(connection): ConnectInfo<Handle>) -> String {
    let peer = connection.peer().map(|peer| peer.ip().to_string());
    format!(
        "hello {}, registered {}",
        peer.unwrap_or_default(),
        connection.registered()
    )
}

fn serve<D: Detector + Send + 'static>(
    listener: Listener<D>,
) -> std::io::Result<(SocketAddr, Stopper, JoinHandle<std::io::Result<()>>)> {
    let (address, stopper) = (listener.local_addr()?, listener.stopper());
    let app = Router::new()
        .route("/", get(hello))
        .into_make_service_with_connect_info::<Handle>();
    let stop = stopper.clone();
    let server = tokio::spawn(async move {
        ::axum::serve(listener, app)
            .with_graceful_shutdown(async move { stop.stopped().await })
            .await
    });
    Ok((address, stopper, server))
}

#[tokio::test]
async fn a_connection_that_is_in_use_outlives_the_age_of_strangers() -> Done {
    let (address, stopper, _server) = serve(Listener::bind("127.0.0.1:0").await?)?;
    let mut silent = TcpStream::connect(address).await?;
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<&[u8]>>(Connector::new());
    let uri: http::Uri = format!("http://{address}/").parse()?;
    let mut connections = Vec::new();
    for _ in 0..2 {
        let answer = client.get(uri.clone()).await?;
        let handle = answer.extensions().get::<Handle>().ok_or("no handle")?;
        connections.push(handle.clone());
        answer.into_body().collect().await?;
        tokio::time::pause();
        tokio::time::advance(Bounds::default().age * 2).await;
        tokio::time::resume();
    }
    assert!(connections.iter().all(|one| one.cause().is_none()));
    assert_eq!(timeout(PATIENCE, silent.read(&mut [0; 8])).await??, 0);
    let stats = stopper.stats();
    assert_eq!((stats.accepted, stats.unregistered), (2, 0), "{stats:?}");
    Ok(())
}

#[tokio::test]
async fn a_handler_registers_its_connection_where_that_is_explicit() -> Done {
    let listener = Listener::bind("127.0.0.1:0").await?.register_explicitly();
    let (address, stopper, server) = serve(listener)?;
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<&[u8]>>(Connector::new());
    let uri: http::Uri = format!("http://{address}/").parse()?;
    for news in [true, false] {
        let answer = client.get(uri.clone()).await?;
        let handle = answer.extensions().get::<Handle>();
        assert_eq!(handle.and_then(Handle::peer), Some(address));
        let body = answer.into_body().collect().await?.to_bytes();
        assert_eq!(body, format!("hello 127.0.0.1, registered {news}"));
    }
    let stats = stopper.stats();
    assert_eq!((stats.accepted, stats.unregistered), (1, 0));

    // Stopping gracefully: the idle connection is closed, the server returns.
    stopper.stop();
    timeout(PATIENCE, server).await???;
    assert_eq!(stopper.stop_within(PATIENCE).await, 0);
    Ok(())
}

#[tokio::test]
async fn strangers_that_say_nothing_or_too_little_to_register_are_ended_at_their_age() -> Done {
    let bounds = Bounds {
        age: SHORT,
        ..Bounds::default()
    };
    let listener = Listener::bind("127.0.0.1:0").await?.bounds(bounds);
    let (address, stopper, _server) = serve(listener.register_explicitly())?;
    let mut silent = TcpStream::connect(address).await?;
    let mut slow = TcpStream::connect(address).await?;
    let loris = async {
        while slow.write_all(b"G").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut buffer = [0; 8];
    let (read, _) = tokio::join!(
        timeout(PATIENCE, silent.read(&mut buffer)),
        timeout(PATIENCE, loris)
    );
    assert_eq!(read??, 0);
    assert_eq!(stopper.stats().live, 0);
    Ok(())
}

#[tokio::test]
async fn a_client_that_is_silent_for_too_long_is_let_go() -> Done {
    let listener = Listener::bind("127.0.0.1:0")
        .await?
        .detector(|_| within(SHORT));
    let (address, stopper, _server) = serve(listener)?;
    let mut client = TcpStream::connect(address).await?;
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await?;
    let mut heard = String::new();
    timeout(PATIENCE, client.read_to_string(&mut heard)).await??;
    assert!(
        heard.ends_with("hello 127.0.0.1, registered false"),
        "{heard}"
    );
    assert_eq!(stopper.stats().accepted, 1);
    Ok(())
}
