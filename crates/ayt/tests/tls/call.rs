//! gRPC as a whole: tonic's server behind the listener over TLS, tonic's client over the
//! connector, and two hosts between which the line goes dead.

use std::sync::{Arc, Mutex};

use ayt::connect::Connector;
use ayt::listener::{Listener, TlsConnectInfo};
use ayt::watched::Handle;
use ayt_core::cause::Cause;
use ayt_testbed::{Need, Ns, Side, Wire};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Server};
use tonic::{Request, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::authority::Authority;
use super::*;
use crate::common::within;

/// Nothing for so long is dead, on both sides.
const LIMIT: Duration = Duration::from_secs(2);

/// HTTP/2 pings are what an idle stream says, in both directions.
const PING: Duration = Duration::from_millis(200);

const PATIENCE: Duration = Duration::from_secs(30);

fn device() -> Request<HealthCheckRequest> {
    Request::new(HealthCheckRequest {
        service: "device".to_owned(),
    })
}

async fn next(stream: &mut Streaming<HealthCheckResponse>) -> Result<Option<i32>, Status> {
    let message = timeout(PATIENCE, stream.message()).await;
    let message = message.expect("a message or an end in time")?;
    Ok(message.map(|message| message.status))
}

/// A call, a stream, and what ended it. Says when it has begun to wait for its end.
async fn client(
    endpoint: Endpoint,
    change: oneshot::Sender<()>,
    cut: oneshot::Sender<()>,
) -> Status {
    let connector = Connector::new().detector(|_| within(LIMIT));
    let channel = endpoint.connect_with_connector(connector).await.unwrap();
    let mut client = HealthClient::new(channel);
    let answer = client.check(device()).await.unwrap().into_inner();
    assert_eq!(answer.status, ServingStatus::Serving as i32);

    let mut stream = client.watch(device()).await.unwrap().into_inner();
    let serving = Some(ServingStatus::Serving as i32);
    assert_eq!(next(&mut stream).await.unwrap(), serving);
    change.send(()).unwrap();
    let not_serving = Some(ServingStatus::NotServing as i32);
    assert_eq!(next(&mut stream).await.unwrap(), not_serving);
    // For longer than the limit there is nothing to say, and nobody is accused.
    let more = timeout(LIMIT * 2, stream.message()).await;
    assert!(more.is_err(), "{more:?}");
    cut.send(()).unwrap();
    next(&mut stream).await.unwrap_err()
}

#[tokio::test]
async fn a_call_and_a_stream_over_tls_and_both_sides_learn_why_they_ended() {
    if !Need::tun() {
        return;
    }
    let (near, far) = (Ns::new().unwrap(), Ns::new().unwrap());
    let wire = Wire::join(&near, &far).unwrap();
    let at = (wire.v4(Side::A), 0);
    let listener = near.run(|| std::net::TcpListener::bind(at)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();

    let authority = Authority::new();
    let mut config = authority.server_with(authority.of("localhost"));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let listener = Listener::new(listener)
        .detector(|_| within(LIMIT))
        .tls(Arc::new(config));
    let stopper = listener.stopper();
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_service_status("device", ServingStatus::Serving)
        .await;
    let connection = Arc::new(Mutex::new(None::<Handle>));
    let seen = Arc::clone(&connection);
    let see = move |request: Request<()>| {
        let info = request.extensions().get::<TlsConnectInfo>();
        *seen.lock().unwrap() = info.map(|info| info.handle.clone());
        Ok(request)
    };
    let stop = stopper.clone();
    let serving = tokio::spawn(async move {
        Server::builder()
            .http2_keepalive_interval(Some(PING))
            .http2_keepalive_timeout(Some(PATIENCE))
            .add_service(InterceptedService::new(health, see))
            .serve_with_incoming_shutdown(listener.incoming(), async move { stop.stopped().await })
            .await
    });

    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authority.pem()))
        .domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    let endpoint = endpoint.tls_config(tls).unwrap();
    let ((change, changed), (cut, is_cut)) = (oneshot::channel(), oneshot::channel());
    let calling = tokio::task::spawn_blocking(move || {
        far.run(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(client(endpoint, change, cut))
        })
    });

    changed.await.expect("the client has seen the first status");
    reporter
        .set_service_status("device", ServingStatus::NotServing)
        .await;
    is_cut.await.expect("the stream lives");
    // Nobody registered it but its first byte.
    let stats = stopper.stats();
    assert_eq!((stats.accepted, stats.unregistered, stats.live), (1, 0, 1));
    let connection = connection.lock().unwrap().take().expect("its handle");
    assert_eq!(connection.cause(), None);

    wire.cut();
    let status = calling.await.unwrap();
    assert_eq!(
        ayt::cause::find(&status),
        Some(Cause::HeartbeatMissed),
        "{status:?}"
    );
    let ended = timeout(PATIENCE, connection.ended()).await.unwrap();
    assert_eq!(ended, Cause::HeartbeatMissed);
    until(|| stopper.stats().live == 0).await;
    stopper.stop();
    timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
}
