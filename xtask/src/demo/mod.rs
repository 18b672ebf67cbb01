//! `cargo xtask demo`: a host with real trouble, to try ayt on.

mod scene;

use std::io::{BufRead, Write};

use anyhow::{Result, bail};
use ayt_testbed::Need;

pub(crate) use scene::{NETNS, Scene};

/// Sets the scene and keeps it until Enter is pressed.
pub(crate) fn run() -> Result<()> {
    if !Need::root() {
        bail!("the demo makes network namespaces: run it as root");
    }
    let mut scene = Scene::set()?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "In the network namespace {NETNS} there are now:\n\
         \x20 - redis-server with ten clients whose cable has been pulled (ghosts);\n\
         \x20 - leaky-server, which never closes what its peers have closed;\n\
         \x20 - stuck-server, which hangs in a read of a client that has vanished behind\n\
         \x20   two routers, while others wait.\n\n\
         In another terminal, as root:\n\n\
         \x20 target/release/ayt doctor --probe --netns {NETNS}\n\
         \x20 target/release/ayt why :7000 --netns {NETNS}\n\
         \x20 target/release/ayt trace --netns {NETNS} --command stuck-server\n\n\
         `pull` and Enter pulls the cable of one more redis client; Enter ends it all."
    )?;
    for line in std::io::stdin().lock().lines() {
        match line?.trim() {
            "pull" => {
                scene.pull()?;
                writeln!(out, "pulled")?;
            }
            "" => break,
            other => writeln!(out, "`{other}`? Write `pull`, or nothing to end")?,
        }
    }
    Ok(())
}
