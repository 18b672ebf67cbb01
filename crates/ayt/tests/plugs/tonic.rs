//! tonic: a call through `Listener::incoming` and `connect_with_connector`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ::tonic::service::interceptor::InterceptedService;
use ::tonic::transport::{Endpoint, Server};
use ::tonic::{Request, Status};
use ayt::cause::{self, Cause};
use ayt::connect::Connector;
use ayt::listener::{ConnectInfo, Listener};
use tokio::time::timeout;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::common::within;
use crate::{Done, PATIENCE, SHORT};

#[tokio::test]
async fn a_call_is_served_and_its_service_registers_the_connection() -> Done {
    let listener = Listener::bind("127.0.0.1:0").await?.register_explicitly();
    let (address, stopper) = (listener.local_addr()?, listener.stopper());
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_service_status("device", ServingStatus::Serving)
        .await;
    let registered = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&registered);
    let register = move |request: Request<()>| {
        let Some(info) = request.extensions().get::<ConnectInfo>() else {
            return Err(Status::internal("no connection info"));
        };
        assert!(info.tcp.remote_addr().is_some());
        if info.handle.registered() {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(request)
    };
    let server = Server::builder()
        .add_service(InterceptedService::new(health, register))
        .serve_with_incoming(listener.incoming());
    let server = tokio::spawn(server);

    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    let channel = endpoint.connect_with_connector(Connector::new()).await?;
    let mut client = HealthClient::new(channel);
    for _ in 0..2 {
        let request = HealthCheckRequest {
            service: "device".to_owned(),
        };
        let status = client.check(request).await?.into_inner().status;
        assert_eq!(status, ServingStatus::Serving as i32);
    }
    assert_eq!(registered.load(Ordering::Relaxed), 1, "once");
    assert_eq!(stopper.stats().unregistered, 0);
    drop(client);
    stopper.stop();
    timeout(PATIENCE, server).await???;
    Ok(())
}

#[tokio::test]
async fn a_server_that_never_answers_fails_the_call_with_the_cause() -> Done {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr()?))?;
    let connector = Connector::new().detector(|_| within(SHORT));
    let channel = endpoint.connect_with_connector(connector).await?;
    let mut client = HealthClient::new(channel);
    let call = client.check(HealthCheckRequest::default());
    let mut held = Vec::new();
    let status = tokio::select! {
        status = timeout(PATIENCE, call) => status?.expect_err("no answer"),
        () = async { loop { held.push(listener.accept().await) } } => unreachable!(),
    };
    assert_eq!(
        cause::find(&status),
        Some(Cause::HeartbeatMissed),
        "{status:?}"
    );
    Ok(())
}
