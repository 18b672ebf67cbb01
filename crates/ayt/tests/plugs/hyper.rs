//! hyper's servers, and hyper-util's client.

use std::convert::Infallible;

use ::hyper::server::conn::http1;
use ::hyper::service::service_fn;
use ::hyper::{Request, Response};
use ayt::cause::{self, Cause};
use ayt::connect::Connector;
use ayt::listener::Listener;
use ayt::watched::Watched;
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::common::within;
use crate::{Done, PATIENCE, SHORT};

type Body = Full<&'static [u8]>;

async fn hello<B>(_request: Request<B>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Full::new(b"hello")))
}

#[tokio::test]
async fn a_server_of_ones_own_serves_through_accept_io() -> Done {
    let mut listener = Listener::bind("127.0.0.1:0").await?;
    let (address, stopper) = (listener.local_addr()?, listener.stopper());
    let server = tokio::spawn(async move {
        while let Ok(io) = listener.accept_io().await {
            tokio::spawn(http1::Builder::new().serve_connection(io, service_fn(hello)));
        }
    });
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<&[u8]>>(Connector::new());
    let answer = client.get(format!("http://{address}/").parse()?).await?;
    assert_eq!(answer.into_body().collect().await?.to_bytes(), "hello");
    let stats = stopper.stats();
    assert_eq!((stats.live, stats.unregistered), (1, 0));
    stopper.stop();
    timeout(PATIENCE, server).await??;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_with_its_cause_in_hypers_error() -> Done {
    let limit = Duration::from_secs(30);
    let (near, mut far) = duplex(1024);
    let io = TokioIo::new(Watched::new(near, within(limit)));
    let connection = http1::Builder::new().serve_connection(io, service_fn(hello));
    let client = async {
        far.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await?;
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await?;
        Ok::<_, std::io::Error>(heard)
    };
    let start = Instant::now();
    let (served, heard) = tokio::join!(connection, client);
    let heard = String::from_utf8(heard?)?;
    assert!(heard.ends_with("hello"), "{heard}");
    assert_eq!(start.elapsed(), limit);
    // hyper takes an idle connection's end for a regular one.
    if let Err(error) = served {
        assert_eq!(cause::find(&error), Some(Cause::HeartbeatMissed));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_holds_the_detector() -> Done {
    let (near, mut far) = duplex(1024);
    let stream = Watched::new(near, within(Duration::from_secs(30)));
    let handle = stream.handle();
    let slow = |_request: Request<::hyper::body::Incoming>| {
        // The client has said its part: its silence is ours.
        let hold = handle.hold();
        async move {
            sleep(Duration::from_secs(3600)).await;
            drop(hold);
            Ok::<_, Infallible>(Response::new(Full::new(&b"at last"[..])))
        }
    };
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(slow));
    let client = async {
        far.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await?;
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await?;
        Ok::<_, std::io::Error>(heard)
    };
    let (_, heard) = tokio::join!(connection, client);
    let heard = String::from_utf8(heard?)?;
    assert!(heard.ends_with("at last"), "{heard}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_never_answers_fails_the_request_with_the_cause() -> Done {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let connector = Connector::new().detector(|_| within(SHORT));
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<&[u8]>>(connector);
    let request = client.get(format!("http://{address}/").parse()?);
    let error = timeout(PATIENCE, request).await?.expect_err("no answer");
    assert_eq!(
        cause::find(&error),
        Some(Cause::HeartbeatMissed),
        "{error:?}"
    );
    Ok(())
}
