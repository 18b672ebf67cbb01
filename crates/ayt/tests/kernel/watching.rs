//! What the kernel watches on a session's sockets: what is set, and which cause it gives
//! where heartbeats say nothing.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ayt::cause::Cause;
use ayt::keepalive::{Fact, Policy, Settings};
use ayt::session::client::{Builder, Client, Event, Loss};
use ayt::session::server::{Server, ServerBuilder, Session, SessionEvent};
use ayt_core::facts::Socket;
use ayt_testbed::{Need, Side};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::hosts::{Hosts, socket};
use crate::{Done, PATIENCE};

const HOUR: Duration = Duration::from_secs(3_600);

/// Duplicates of the sockets that were accepted or connected.
#[derive(Clone, Default)]
struct Sockets(Arc<Mutex<Vec<OwnedFd>>>);

impl Sockets {
    fn keep(
        &self,
    ) -> impl Fn(&tokio::net::TcpStream) -> std::io::Result<()> + Send + Sync + 'static {
        let kept = Arc::clone(&self.0);
        move |socket| {
            let duplicate = std::os::fd::AsFd::as_fd(socket).try_clone_to_owned()?;
            kept.lock().expect("no panic").push(duplicate);
            Ok(())
        }
    }

    /// As it is in effect on each of them: `60/10/6 U=1m55s`, and whether it is on.
    fn settings(&self) -> Vec<(bool, String)> {
        let kept = self.0.lock().expect("no panic");
        kept.iter().map(|socket| shown(&read(socket))).collect()
    }
}

fn read(socket: &OwnedFd) -> Settings {
    ayt::keepalive::read(socket).expect("a TCP socket")
}

fn shown(settings: &Settings) -> (bool, String) {
    fn known<T: Copy>(fact: &Fact<T>) -> T {
        *fact.known().expect("Linux tells")
    }
    let (idle, interval) = (known(&settings.idle), known(&settings.interval));
    let policy = Policy::new(idle, interval, known(&settings.count)).expect("as read");
    let policy = match known(&settings.user_timeout) {
        Some(time) if !time.is_zero() => policy.with_user_timeout(time).expect("as read"),
        _ => policy,
    };
    (known(&settings.enabled), policy.to_string())
}

fn device(address: SocketAddr) -> Builder {
    Client::builder("device")
        .without_authentication()
        .address(address.to_string())
        .pace(Duration::from_millis(10), Duration::from_millis(100))
}

fn server() -> ServerBuilder {
    Server::builder().without_authentication()
}

/// Registers once, and says what both sockets have then.
async fn both(
    server: ServerBuilder,
    device: impl Fn(SocketAddr) -> Builder,
) -> Result<[(bool, String); 2], Box<dyn std::error::Error>> {
    let (near, far) = (Sockets::default(), Sockets::default());
    let server = server.on_socket(near.keep()).bind("127.0.0.1:0").await?;
    let address = server.local_addr().ok_or("no listener")?;
    let client = device(address).on_socket(far.keep()).start()?;
    timeout(PATIENCE, client.registered())
        .await?
        .map_err(|ended| ended.to_string())?;
    let spare = timeout(PATIENCE, client.spare()).await??;
    // On a spare a silence is one.
    for sockets in [&near, &far] {
        assert!(!sockets.settings()[1].0, "{:?}", sockets.settings());
    }
    drop(spare);
    let settings = [near.settings()[0].clone(), far.settings()[0].clone()];
    client.close().await;
    Ok(settings)
}

#[tokio::test]
async fn by_default_the_kernel_watches_as_the_heartbeats_allow() -> Done {
    let default = (true, Policy::default().to_string());
    assert_eq!(both(server(), device).await?, [default.clone(), default]);
    // Nine minutes apart, and nothing in between.
    let rare = |address| {
        device(address)
            .client_beat(HOUR)
            .server_beat(Duration::ZERO)
    };
    for (probes, settings) in both(server(), rare).await? {
        assert!(!probes);
        assert!(settings.ends_with(" U=15m"), "{settings}");
    }
    Ok(())
}

#[tokio::test]
async fn what_the_kernel_watches_can_be_replaced_and_switched_off() -> Done {
    let policy: Policy = "20/5/4".parse()?;
    let on = |settings: &str| (true, settings.to_owned());
    let server_side = server().keepalive(policy);
    let replaced = both(server_side, |address| {
        device(address)
            .keepalive(policy)
            .user_timeout(Duration::from_secs(30))
    });
    assert_eq!(replaced.await?, [on("20/5/4"), on("20/5/4 U=30s")]);
    let off = both(server().without_keepalive(), |address| {
        device(address).user_timeout(None)
    });
    let [near, far] = off.await?;
    assert!(!near.0 && !near.1.contains("U="), "{near:?}");
    assert_eq!(far, on("60/10/6"));
    Ok(())
}

#[tokio::test]
async fn a_socket_that_cannot_be_set_up_is_not_taken() -> Done {
    let refuses = |_: &tokio::net::TcpStream| Err(std::io::Error::other("not this one"));
    let server = server().on_socket(refuses).bind("127.0.0.1:0").await?;
    let address = server.local_addr().ok_or("no listener")?;
    let client = device(address).start()?;
    let lost = async {
        while let Some(event) = client.event().await {
            if matches!(event, Event::Lost(_)) {
                return;
            }
        }
    };
    timeout(PATIENCE, lost).await?;
    let stats = server.stats();
    assert!(
        stats.accept_errors > 0 && stats.registered == 0,
        "{stats:?}"
    );
    drop((client, server));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let client = device(address).on_socket(refuses).start()?;
    let told = async {
        loop {
            if let Some(Event::Lost(loss)) = client.event().await {
                return loss.to_string();
            }
        }
    };
    let told = timeout(PATIENCE, told).await?;
    assert_eq!(
        told,
        format!("set up the socket connected to {address}: not this one")
    );
    Ok(())
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_at_the_start() {
    let half = Duration::from_millis(500);
    let policy = Policy::new(half, half, 3).unwrap();
    let refused = server().keepalive(policy).start().unwrap_err();
    assert!(refused.to_string().contains("whole seconds"), "{refused}");
    let device = device(([127, 0, 0, 1], 7).into());
    let refused = device.user_timeout(Duration::ZERO).start().unwrap_err();
    assert!(refused.to_string().contains("user timeout"), "{refused}");
}

/// A server at the near end, in a runtime of its own.
struct Net {
    hosts: Hosts,
    runtime: Runtime,
    address: SocketAddr,
    server: Server,
}

fn net(builder: ServerBuilder) -> Result<Net, Box<dyn std::error::Error>> {
    let hosts = Hosts::new()?;
    let at = hosts.wire.v4(Side::A);
    let listener = hosts.near.run(|| TcpListener::bind((at, 0)))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Runtime::new()?;
    let inside = runtime.enter();
    let server = builder.serve(tokio::net::TcpListener::from_std(listener)?)?;
    drop(inside);
    Ok(Net {
        hosts,
        runtime,
        address,
        server,
    })
}

impl Net {
    /// Something that was sent is not acknowledged.
    fn in_flight(&self, device: SocketAddr) -> bool {
        let Net { hosts, address, .. } = self;
        let ends = [
            socket(&hosts.near, *address, device),
            socket(&hosts.far, device, *address),
        ];
        let quiet = |end: &Option<Socket>| end.as_ref().is_some_and(|end| end.send_queue == 0);
        !ends.iter().all(quiet)
    }

    /// A device at the far end, and its session; the wire is cut when both are there.
    /// Gives what `then` makes of them.
    fn cut<T: Send>(
        &self,
        builder: impl FnOnce(Builder) -> Builder + Send,
        then: impl AsyncFnOnce(&Client, &mut Session) -> T + Send,
    ) -> T {
        let builder = builder(device(self.address));
        self.hosts.far.run(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let client = builder.start().expect("a client");
                let registered = timeout(PATIENCE, client.registered()).await;
                registered.expect("in time").expect("registered");
                let mut session = self.server.accept().await.expect("a session");
                // Keepalive sleeps while something is in flight.
                while self.in_flight(session.peer_addr()) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                self.hosts.wire.cut();
                then(&client, &mut session).await
            })
        })
    }
}

/// What the device says of the end of its connection.
async fn cause_of(client: &Client) -> Cause {
    let told = async {
        loop {
            match client.event().await.expect("it goes on") {
                Event::Lost(Loss::Ended(end)) => return end.cause,
                Event::Suspect => panic!("no heartbeat was promised"),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, told).await.expect("it ends")
}

/// What the server says of it.
async fn cause_at(session: &Session) -> Cause {
    let told = async {
        loop {
            match session.next_event().await.expect("it goes on") {
                SessionEvent::Lost(end) => return end.cause,
                SessionEvent::Suspect => panic!("no heartbeat was promised"),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, told).await.expect("it ends")
}

/// No beats either way, for a server that needs none.
fn silent(device: Builder) -> Builder {
    device
        .client_beat(Duration::ZERO)
        .server_beat(Duration::ZERO)
}

fn tolerant() -> ServerBuilder {
    let mut limits = ayt::session::server::Limits::default();
    limits.client_beat.needed = false;
    limits.client_beat.floor = Duration::from_millis(100);
    server().limits(limits)
}

const QUICK: &str = "1/1/2";

#[test]
fn a_one_way_device_finds_a_dead_server_by_keepalive() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let net = net(server())?;
    // It says something once an hour, is never asked, and wishes for no answer.
    let one_way = |device: Builder| {
        device
            .one_way()
            .client_beat(HOUR)
            .server_beat(Duration::ZERO)
            .keepalive(QUICK.parse().unwrap())
    };
    let cause = net.cut(one_way, async |client, _| cause_of(client).await);
    assert_eq!(cause, Cause::KeepaliveTimeout);
    Ok(())
}

#[test]
fn a_one_way_device_finds_a_dead_server_by_its_own_heartbeats_too() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let net = net(tolerant())?;
    let one_way = |device: Builder| {
        device
            .one_way()
            .least_beat(Duration::from_millis(100))
            .client_beat(Duration::from_millis(300))
            .server_beat(Duration::ZERO)
            .user_timeout(Duration::from_secs(1))
    };
    let cause = net.cut(one_way, async |client, _| cause_of(client).await);
    assert_eq!(cause, Cause::UserTimeout);
    Ok(())
}

#[test]
fn a_server_tells_keepalive_from_the_user_timeout() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let policy: Policy = QUICK.parse()?;
    let bounded = policy.with_user_timeout(Duration::from_secs(1))?;
    for (policy, in_flight, expected) in [
        (policy, false, Cause::KeepaliveTimeout),
        (bounded, false, Cause::UserTimeout),
        (bounded, true, Cause::UserTimeout),
    ] {
        let net = net(tolerant().keepalive(policy))?;
        let cause = net.cut(silent, async |_, session| {
            if in_flight {
                session.send("into the void").await.expect("it is taken");
            }
            cause_at(session).await
        });
        assert_eq!(cause, expected, "{policy}, in flight: {in_flight}");
        let counted = |stats: ayt::session::server::Stats| {
            stats
                .lost
                .iter()
                .any(|(cause, n)| *cause == expected && *n == 1)
        };
        assert!(counted(net.server.stats()));
        drop(net.runtime);
    }
    Ok(())
}

#[test]
fn a_server_tells_that_retransmission_gave_up() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    // Keepalive is on, and sleeps while data is in flight.
    let builder = tolerant().keepalive("60/5/3".parse()?);
    let net = net(builder)?;
    net.hosts.near.sysctl("net/ipv4/tcp_retries2", "1")?;
    let cause = net.cut(silent, async |_, session| {
        session.send("into the void").await.expect("it is taken");
        cause_at(session).await
    });
    assert_eq!(cause, Cause::RetransmitTimeout);
    Ok(())
}
