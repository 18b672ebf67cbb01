//! Sessions between two real kernels: a cable that is pulled and put back, and devices
//! that are gone for good.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ayt::cause::Cause;
use ayt::session::client::{Builder, Client, Event};
use ayt::session::server::{Beats, Limits, Server, SessionEvent};
use ayt_core::tcp_state::TcpState;
use ayt_testbed::{Need, Ns, Side, Veth};
use tokio::time::timeout;

use crate::hosts::{state, tokio_stream};
use crate::{Done, PATIENCE};

const BEAT: Duration = Duration::from_millis(500);

/// A death is found after 2 × 500 ms + 400 ms, by either side.
fn limits(resume_for: Duration) -> Limits {
    let beats = Beats {
        floor: Duration::from_millis(10),
        default: BEAT,
        ceiling: BEAT,
        needed: true,
    };
    Limits {
        client_beat: beats,
        server_beat: beats,
        challenge: Duration::from_millis(400),
        drain: Duration::from_millis(200),
        resume_for,
        ..Limits::default()
    }
}

/// The server's host, the devices', and the cable between them.
struct Net {
    far: Ns,
    near: Ns,
    cable: Veth,
    address: SocketAddr,
    server: Server,
}

fn net(resume_for: Duration) -> Result<Net, Box<dyn std::error::Error>> {
    let (near, far) = (Ns::new()?, Ns::new()?);
    let cable = Veth::join(&near, &far)?;
    let listener = near.run(|| TcpListener::bind((cable.v4(Side::A), 0)))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let server = Server::builder()
        .without_authentication()
        .limits(limits(resume_for))
        .serve(tokio::net::TcpListener::from_std(listener)?)?;
    Ok(Net {
        far,
        near,
        cable,
        address,
        server,
    })
}

impl Net {
    fn device(&self, identity: &str) -> Builder {
        let (far, address) = (self.far.clone(), self.address);
        Client::builder(identity.to_owned())
            .without_authentication()
            .least_beat(Duration::from_millis(10))
            .drain(Duration::from_millis(200))
            .pace(Duration::from_millis(10), Duration::from_millis(200))
            .connect_within(Duration::from_millis(500))
            .connector(move || {
                let far = far.clone();
                async move {
                    // Where the cable is pulled this waits for the kernel's patience.
                    let connect = move || {
                        far.run(|| TcpStream::connect_timeout(&address, Duration::from_millis(500)))
                    };
                    let connected = tokio::task::spawn_blocking(connect).await?;
                    connected.and_then(tokio_stream)
                }
            })
    }
}

/// Waits for an event of this kind.
async fn tells(client: &Client, what: &str, is: impl Fn(&Event) -> bool) -> Done {
    let told = async {
        while let Some(event) = client.event().await {
            if is(&event) {
                return true;
            }
        }
        false
    };
    match timeout(PATIENCE, told).await {
        Ok(true) => Ok(()),
        _ => Err(format!("the client never told: {what}").into()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pulled_cable_is_noticed_by_both_sides_and_nothing_is_lost_when_it_is_back() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let net = net(Duration::from_secs(60))?;
    let client = Arc::new(net.device("meter-17").start()?);
    timeout(PATIENCE, client.registered())
        .await?
        .map_err(|ended| ended.to_string())?;
    let mut session = timeout(PATIENCE, net.server.accept())
        .await?
        .ok_or("no session")?;
    let ghost = session.peer_addr();
    let there = state(&net.near, net.address, ghost);
    assert_eq!(there, Some(TcpState::Established));

    net.cable.cable_pulled()?;
    // Sent into nothing: the kernel takes it, and says nothing.
    client.send("up").await?;
    session.send("down").await?;
    // Each side finds the other's death by itself, and says so.
    tells(&client, "suspicion", |event| {
        matches!(event, Event::Suspect)
    })
    .await?;
    tells(&client, "the loss", |event| {
        matches!(event, Event::Lost(loss) if loss.to_string().starts_with("the heartbeat stayed out"))
    })
    .await?;
    tells(&client, "a wait", |event| {
        matches!(event, Event::Waiting(_))
    })
    .await?;
    let cause = async {
        loop {
            match session.next_event().await {
                Some(SessionEvent::Lost(end)) => return Some(end.cause),
                Some(_) => {}
                None => return None,
            }
        }
    };
    assert_eq!(
        timeout(PATIENCE, cause).await?,
        Some(Cause::HeartbeatMissed)
    );
    assert!(!session.is_connected());

    net.cable.heal()?;
    tells(&client, "the return", |event| {
        matches!(event, Event::Registered { resumed: true, .. })
    })
    .await?;
    let up = timeout(PATIENCE, session.recv()).await?;
    assert_eq!(up.as_deref(), Some(&b"up"[..]));
    let down = timeout(PATIENCE, client.recv()).await?;
    assert_eq!(down.as_deref(), Some(&b"down"[..]));
    let stats = net.server.stats();
    assert_eq!((stats.registered, stats.takeovers), (1, 0), "{stats:?}");
    assert!(stats.resumed >= 1, "{stats:?}");
    // The missed heartbeat is counted.
    let counted = |(cause, n): &(Cause, u64)| *cause == Cause::HeartbeatMissed && *n > 0;
    assert!(stats.lost.iter().any(counted), "{stats:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_are_gone_for_good_end_with_their_cause_and_leave_nothing() -> Done {
    const DEVICES: usize = 50;
    if !Need::root() {
        return Ok(());
    }
    let net = net(Duration::from_millis(300))?;
    let baseline = net.server.stats().now;
    let mut clients = Vec::new();
    let mut sessions = Vec::new();
    for n in 0..DEVICES {
        let client = net.device(&format!("meter-{n}")).start()?;
        client.send("I am here").await?;
        let mut session = timeout(PATIENCE, net.server.accept())
            .await?
            .ok_or("no session")?;
        let hello = timeout(PATIENCE, session.recv()).await?;
        assert_eq!(hello.as_deref(), Some(&b"I am here"[..]));
        session.done();
        clients.push(client);
        sessions.push((session.peer_addr(), session));
    }
    assert_eq!(net.server.stats().now.connections, DEVICES);

    net.cable.cable_pulled()?;
    let mut peers = Vec::new();
    for (peer, session) in sessions {
        let end = timeout(PATIENCE, session.ended()).await?;
        assert_eq!(end.cause, Cause::HeartbeatMissed, "{end:?}");
        peers.push(peer);
    }
    let freed = async {
        while net.server.stats().now != baseline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let freed = timeout(PATIENCE, freed).await;
    assert!(freed.is_ok(), "{:?}", net.server.stats());
    // What is left in the kernel only says goodbye into nothing.
    for peer in peers {
        let left = state(&net.near, net.address, peer);
        assert_ne!(left, Some(TcpState::Established), "{peer}");
        assert_ne!(left, Some(TcpState::CloseWait), "{peer}");
    }
    let stats = net.server.stats();
    assert_eq!(stats.ended(Cause::HeartbeatMissed), DEVICES as u64);
    drop(clients);
    Ok(())
}
