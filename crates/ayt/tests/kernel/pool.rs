//! Pools whose servers close, reset, talk out of turn, hang, or vanish.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ayt::cause::Cause;
use ayt::connect::{ConnectError, Connector};
use ayt::pool::{Check, Manager, Pooled, Unfit};
use ayt::watched::{Never, Watched};
use ayt_core::probe::{Exchange, Knock};
use ayt_sys::wire::packet::FourTuple;
use ayt_sys::{Netns, RawSockets};
use ayt_testbed::{Keepalive, Need, Side};
use rustix::net::sockopt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::hosts::{Hosts, tokio_stream};
use crate::{Done, PATIENCE};

type Client = Watched<TcpStream>;

/// Nothing but the look.
const LOOK: Check = Check {
    max_idle: None,
    ask_after: None,
    // A busy machine may take long to answer itself.
    patience: Duration::from_secs(3),
};
/// Asks at every check.
const ASK: Check = Check {
    ask_after: Some(Duration::ZERO),
    ..LOOK
};

async fn until_unfit(check: &Check, client: &mut Client) -> Unfit {
    let found = timeout(PATIENCE, async {
        loop {
            match check.run(client).await {
                Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(unfit) => return unfit,
            }
        }
    });
    found.await.expect("it is found in time")
}

fn pair() -> std::io::Result<(Client, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = tokio_stream(std::net::TcpStream::connect(listener.local_addr()?)?)?;
    let server = tokio_stream(listener.accept()?.0)?;
    Ok((Watched::tcp(client, Never), server))
}

#[tokio::test]
async fn a_look_finds_close_reset_and_uncalled_for_bytes_and_reads_nothing() -> Done {
    let (mut client, server) = pair()?;
    assert_eq!(LOOK.run(&mut client).await, Ok(()));
    drop(server);
    let unfit = until_unfit(&LOOK, &mut client).await;
    assert_eq!(unfit, Unfit::Ended(Cause::PeerClosed));

    let (mut client, server) = pair()?;
    let _ = ayt::close::abortive(server);
    let unfit = until_unfit(&LOOK, &mut client).await;
    assert_eq!(unfit, Unfit::Ended(Cause::PeerReset));

    let (mut client, mut server) = pair()?;
    server.write_all(b"bye").await?;
    assert_eq!(until_unfit(&LOOK, &mut client).await, Unfit::Unexpected);
    let mut heard = [0; 3];
    client.read_exact(&mut heard).await?;
    assert_eq!(&heard, b"bye", "the look has left them there");

    let (mut client, _server) = pair()?;
    client.shutdown().await?;
    let unfit = until_unfit(&LOOK, &mut client).await;
    assert_eq!(unfit, Unfit::Ended(Cause::LocalClose));
    Ok(())
}

#[tokio::test]
async fn what_the_peer_would_soon_close_is_not_handed_out() -> Done {
    let (mut client, _server) = pair()?;
    let check = Check {
        max_idle: Some(Duration::from_millis(100)),
        ..LOOK
    };
    assert_eq!(check.run(&mut client).await, Ok(()));
    let unfit = until_unfit(&check, &mut client).await;
    assert!(matches!(unfit, Unfit::Idle { idle, .. } if idle > Duration::from_millis(100)));
    Ok(())
}

#[tokio::test]
async fn a_pulled_cable_shows_only_when_the_kernel_is_asked() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (client, _server) = hosts.connect()?;
    let before = settings(&client)?;
    let mut client = Watched::tcp(client, Never);
    let mark = hosts.wire.mark();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(ASK.run(&mut client).await, Ok(()), "it lives");
    let asked = hosts.wire.packets_since(mark);
    assert_eq!(asked.len(), 2, "a probe and its answer: {asked:?}");
    assert!(
        asked
            .iter()
            .all(|p| p.tcp().is_some_and(|tcp| tcp.payload <= 1))
    );
    assert_eq!(settings(client.get_ref())?, before, "all as it was");

    hosts.wire.cut();
    assert_eq!(LOOK.run(&mut client).await, Ok(()), "nothing shows");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let unfit = ASK.run(&mut client).await;
    assert!(matches!(unfit, Err(Unfit::Unanswered { .. })), "{unfit:?}");
    assert_eq!(settings(client.get_ref())?, before);
    // From now on the kernel itself knows of a question that was not answered.
    let unfit = LOOK.run(&mut client).await;
    assert!(
        matches!(unfit, Err(Unfit::Doubtful { probes: 1, .. })),
        "{unfit:?}"
    );
    Ok(())
}

/// Another ayt has this host's kernel show a connection's numbers by segments in
/// the peer's name, which the kernel counts as received.
#[tokio::test]
async fn segments_in_the_peers_name_do_not_pass_for_its_answer() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (client, _server) = hosts.connect()?;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    hosts.wire.cut();
    let connection = FourTuple {
        local: client.local_addr()?,
        remote: client.peer_addr()?,
    };
    let mut sockets = RawSockets::open(&Netns::at(&hosts.near.path())?)?;
    let counted = |client: &TcpStream| {
        let end = ayt_sys::own::at_end(client).expect("its account");
        end.tcp.segs_in.expect("a kernel that counts")
    };
    let before = counted(&client);
    let exchange = Exchange::new(7);
    let (unfit, ()) = tokio::join!(ASK.ask_kernel(&client), async {
        let knock = exchange.knock(Knock::SynAck);
        sockets.knock(&connection, 0, &knock).expect("a knock");
    });
    assert!(counted(&client) > before, "it was counted");
    assert!(matches!(unfit, Err(Unfit::Unanswered { .. })), "{unfit:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_was_rebooted_is_found_by_its_reset() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (client, _server) = hosts.connect()?;
    let mut client = Watched::tcp(client, Never);
    let _fresh = hosts.wire.reboot(Side::B)?;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let unfit = ASK.run(&mut client).await;
    assert_eq!(unfit, Err(Unfit::Ended(Cause::PeerReset)));
    Ok(())
}

#[tokio::test]
async fn who_was_heard_within_a_second_is_not_asked() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (client, mut server) = hosts.connect()?;
    let mut client = Watched::tcp(client, Never);
    // A busy machine may take longer than that between the two lines.
    for _ in 0..10 {
        server.write_all(b"x").await?;
        client.read_exact(&mut [0]).await?;
        let idle_before = client.idle();
        let keepalive = |client: &Client| settings(client.get_ref()).map(|all| all.0);
        assert!(!keepalive(&client)?);
        let asking = ASK.ask_kernel(client.get_ref());
        // An answer without a wait is one without a question.
        if let Ok(fit) = timeout(Duration::ZERO, asking).await {
            assert_eq!(fit, Ok(()));
            return Ok(());
        }
        assert!(client.idle() > idle_before);
    }
    Err("it asked, ten times".into())
}

/// Keepalive on, and its three values.
fn settings(stream: &TcpStream) -> std::io::Result<(bool, Duration, Duration, u32)> {
    Ok((
        sockopt::socket_keepalive(stream)?,
        sockopt::tcp_keepidle(stream)?,
        sockopt::tcp_keepintvl(stream)?,
        sockopt::tcp_keepcnt(stream)?,
    ))
}

#[tokio::test]
async fn an_ask_leaves_keepalive_of_ones_own_as_it_was() -> Done {
    let (mut client, _server) = pair()?;
    let own = Keepalive {
        idle: 300,
        interval: 20,
        count: 4,
    };
    own.apply(client.get_ref())?;
    let before = settings(client.get_ref())?;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(ASK.run(&mut client).await, Ok(()));
    assert_eq!(settings(client.get_ref())?, before);
    // Dropped in the middle as well.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    // Polled once, whatever the machine is doing: the answer is looked for later.
    tokio::select! {
        biased;
        fit = ASK.ask_kernel(client.get_ref()) => panic!("it was not asked: {fit:?}"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(settings(client.get_ref())?, before);
    Ok(())
}

/// A client with a ping of its own, which the server may ignore.
struct Pinging(Client);

impl Pooled for Pinging {
    fn tcp(&self) -> &TcpStream {
        self.0.get_ref()
    }

    fn idle(&self) -> Duration {
        self.0.idle()
    }

    async fn ask(&mut self) -> Result<(), Unfit> {
        let ask = async {
            self.0.write_all(b"ping").await?;
            self.0.read_exact(&mut [0; 4]).await
        };
        match timeout(LOOK.patience, ask).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Unfit::Application(error.to_string())),
            Err(_) => Err(Unfit::Application("no answer to the ping".to_owned())),
        }
    }
}

#[tokio::test]
async fn a_hung_program_is_found_by_a_ping_of_ones_own() -> Done {
    let (client, mut server) = pair()?;
    let mut client = Pinging(client);
    let answer = async {
        server.read_exact(&mut [0; 4]).await?;
        server.write_all(b"pong").await
    };
    let (fit, answered) = tokio::join!(ASK.run(&mut client), answer);
    answered?;
    assert_eq!(fit, Ok(()));
    let unfit = ASK.run(&mut client).await;
    assert!(matches!(unfit, Err(Unfit::Application(_))), "{unfit:?}");
    Ok(())
}

/// A server that gives each connection a number when asked, and whose connections
/// can be closed.
struct Server {
    address: String,
    accepted: Arc<AtomicU32>,
    close: Arc<tokio::sync::Notify>,
}

async fn numbering_server() -> std::io::Result<Server> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let accepted = Arc::new(AtomicU32::new(0));
    let close = Arc::new(tokio::sync::Notify::new());
    let (count, closing) = (Arc::clone(&accepted), Arc::clone(&close));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let closing = Arc::clone(&closing);
            tokio::spawn(async move {
                let serve = async {
                    while stream.read_u8().await.is_ok() {
                        if stream.write_u32(number).await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = serve => {}
                    () = closing.notified() => {}
                }
            });
        }
    });
    Ok(Server {
        address,
        accepted,
        close,
    })
}

async fn ask_number(client: &mut Client) -> std::io::Result<u32> {
    client.write_u8(0).await?;
    client.read_u32().await
}

/// Until the client's kernel has the server's FIN.
async fn until_fin(client: &TcpStream) {
    let known = || LOOK.look(client, Duration::ZERO).is_err();
    timeout(PATIENCE, async {
        while !known() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the FIN arrives");
}

#[tokio::test]
async fn bb8_hands_out_the_living_again_and_the_dead_never() -> Done {
    let server = numbering_server().await?;
    let address = server.address.clone();
    let connect = move || {
        let address = address.clone();
        async move { Connector::new().connect(&address).await }
    };
    let manager = Manager::new(connect, Check::default());
    let pool = bb8::Pool::builder().max_size(1).build(manager).await?;
    for _ in 0..3 {
        assert_eq!(ask_number(&mut *pool.get().await?).await?, 1, "reused");
    }
    for expected in 2..30 {
        // The server closes it while it rests.
        let watched = {
            let held = pool.get().await?;
            socket2::SockRef::from(held.get_ref()).try_clone_for_test()?
        };
        server.close.notify_waiters();
        until_fin(&watched).await;
        let number = ask_number(&mut *pool.get().await?).await?;
        assert_eq!(number, expected, "a new one, at the first attempt");
    }
    assert_eq!(server.accepted.load(Ordering::SeqCst), 29);
    // And what broke in one's hands does not go back.
    let mut held = pool.get().await?;
    held.shutdown().await?;
    drop(held);
    assert_eq!(ask_number(&mut *pool.get().await?).await?, 30);
    Ok(())
}

#[tokio::test]
async fn deadpool_hands_out_the_living_again_and_the_dead_never() -> Done {
    let server = numbering_server().await?;
    let address = server.address.clone();
    let connect = move || {
        let address = address.clone();
        async move { Connector::new().connect(&address).await }
    };
    let manager = Manager::new(connect, Check::default());
    let pool: deadpool::managed::Pool<_> = deadpool::managed::Pool::builder(manager)
        .max_size(1)
        .build()?;
    let number = |error: deadpool::managed::PoolError<ayt::pool::PoolError<ConnectError>>| {
        std::io::Error::other(error.to_string())
    };
    for _ in 0..3 {
        assert_eq!(
            ask_number(&mut *pool.get().await.map_err(number)?).await?,
            1
        );
    }
    for expected in 2..30 {
        let watched = {
            let held = pool.get().await.map_err(number)?;
            socket2::SockRef::from(held.get_ref()).try_clone_for_test()?
        };
        server.close.notify_waiters();
        until_fin(&watched).await;
        let mut held = pool.get().await.map_err(number)?;
        assert_eq!(ask_number(&mut held).await?, expected);
    }
    Ok(())
}

/// A second descriptor of a pooled connection, to see when its end has arrived.
trait TryCloneForTest {
    fn try_clone_for_test(&self) -> std::io::Result<TcpStream>;
}

impl TryCloneForTest for socket2::SockRef<'_> {
    fn try_clone_for_test(&self) -> std::io::Result<TcpStream> {
        let stream: std::net::TcpStream = self.try_clone()?.into();
        TcpStream::from_std(stream)
    }
}
