//! A device that restarts again and again.

use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ayt::session::Client;
use ayt::session::server::{Limits, Server};
use ayt_core::tcp_state::TcpState;

use super::pair::{PATIENCE, Pair};
use super::scene::did;
use super::{Claim, Scene, cell, claim};
use crate::detectors::Detector;
use crate::error::LabError;
use crate::faults::Fault;
use crate::packet::Side;
use crate::sync::lock;

pub(super) const CLAIM: Claim = Claim {
    cells: &[
        cell("a plain server gathers ghosts", Fault::Restarts, Detector::None),
        cell("with keepalive they go", Fault::Restarts, Detector::Keepalive),
    ],
    show: Some(show),
    ..claim(
        "S11",
        "A device that restarts leaves a ghost each time. A server that knows its identity \
         lets the newer connection take over: never more than one live session and one \
         that is drained.",
    )
};

const RESTARTS: usize = 3;
/// How long an older connection is still read.
const DRAIN: Duration = Duration::from_millis(500);

/// What is seen of the server while the device restarts.
#[derive(Debug, Default)]
struct Watch {
    over: AtomicBool,
    registered: AtomicUsize,
    takeovers: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
    failed: Mutex<Option<String>>,
}

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let address = did("look", listener.local_addr())?.to_string();
    let watch = Watch::default();
    let mut ghosts = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| watch.note(serve(listener, &watch)));
        let mut lives = || -> Result<(), LabError> {
            for life in 0..=RESTARTS {
                if life > 0 {
                    // What is not acknowledged would be sent again, and a host that
                    // knows nothing of it answers with RST: then nobody is left to be
                    // taken over from.
                    pair.quiet();
                    pair.reboot_client()?;
                }
                scope.spawn(|| watch.note(device(&pair, &address, &watch)));
                let registered = || Ok(watch.registered.load(Ordering::Acquire) > life);
                if !scene.until(PATIENCE, registered)? {
                    return Err(LabError::other("the device", "it does not register", None));
                }
                ghosts = ghosts.max(pair.count(Side::A, TcpState::Established)?);
            }
            // The server may be the last to have noticed.
            let alone = || {
                let takeovers = watch.takeovers.load(Ordering::Acquire);
                Ok(takeovers == RESTARTS && watch.now.load(Ordering::Acquire) == 1)
            };
            scene.until(PATIENCE, alone).map(drop)
        };
        let lived = lives();
        watch.over.store(true, Ordering::Release);
        lived
    })?;
    if let Some(why) = lock(&watch.failed).take() {
        return Err(LabError::other("the session", why, None));
    }
    let load = |count: &AtomicUsize| count.load(Ordering::Acquire);
    let takeovers = load(&watch.takeovers);
    let text = format!("the library's server: {RESTARTS} restarts, {takeovers} takeovers");
    scene.fact(takeovers == RESTARTS, text);
    let most = load(&watch.most);
    let text = format!("at most {most} connections of the device at a time, {ghosts} ESTABLISHED");
    scene.fact((1..=2).contains(&most) && (1..=2).contains(&ghosts), text);
    let now = load(&watch.now);
    scene.fact(now == 1, format!("once drained, {now} is left"));
    Ok(())
}

type Ran = Result<(), Box<dyn std::error::Error>>;

impl Watch {
    fn note(&self, ran: Ran) {
        if let Err(error) = ran {
            *lock(&self.failed) = Some(error.to_string());
        }
    }

    async fn wait(&self) {
        while !self.over.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The server, as a program would have it.
fn serve(listener: TcpListener, watch: &Watch) -> Ran {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    listener.set_nonblocking(true)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let limits = Limits {
            drain: DRAIN,
            ..Limits::default()
        };
        let server = Server::builder()
            .without_authentication()
            .limits(limits)
            .serve(listener)?;
        let mut sessions = Vec::new();
        while !watch.over.load(Ordering::Acquire) {
            let soon = Duration::from_millis(2);
            if let Ok(Some(session)) = tokio::time::timeout(soon, server.accept()).await {
                sessions.push(session);
            }
            let stats = server.stats();
            watch.now.store(stats.now.connections, Ordering::Release);
            watch.most.fetch_max(stats.now.connections, Ordering::AcqRel);
            let takeovers = usize::try_from(stats.takeovers)?;
            watch.takeovers.store(takeovers, Ordering::Release);
        }
        Ok(())
    })
}

/// One life of the device; its connection is left as it is until all is over.
fn device(pair: &Pair, address: &str, watch: &Watch) -> Ran {
    let live = || -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let client = Client::builder("device-7")
                .without_authentication()
                .address(address)
                // The next life is to come, not this one again.
                .pace(Duration::from_secs(60), Duration::from_secs(60))
                .start()
                .map_err(|error| error.to_string())?;
            tokio::select! {
                registered = client.registered() => {
                    registered.map_err(|ended| format!("{ended:?}"))?;
                    watch.registered.fetch_add(1, Ordering::AcqRel);
                }
                () = watch.wait() => {}
            }
            watch.wait().await;
            client.abort();
            Ok(())
        })
    };
    Ok(pair.client.enter(live)??)
}
