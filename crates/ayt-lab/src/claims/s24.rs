//! Settings that outlive a restart.

use std::fs;
use std::time::Duration;

use ayt_core::plan::{Report, Target, Wish, emit};
use socket2::SockRef;

use super::scene::did;
use super::{Claim, Scene, claim};
use crate::error::LabError;
use crate::host::Host;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("`sysctl -p` makes the settings last."),
    show: Some(show),
    ..claim(
        "S24",
        "It loads them once. After a restart the kernel has its own values again; what lasts \
         is the file, where every start loads it. `ayt plan --emit sysctl` writes it.",
    )
};

const SETTINGS: &str = "60/5/3";
const NAMES: [&str; 3] = [
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
];

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let failed = |why: String| LabError::other("the plan", why, None);
    let (policy, _) = scene.planned(SETTINGS)?;
    let wish = Wish::new(Duration::from_secs(120), scene.ground());
    let report = Report::explained(wish, policy).map_err(|error| failed(error.to_string()))?;
    let emitted = emit(Target::Sysctl, &report).map_err(|error| failed(error.to_string()))?;
    let folder = did("make a folder", tempfile::tempdir())?;
    let file = folder.path().join("60-keepalive.conf");
    did("write the file", fs::write(&file, &emitted.text))?;
    let host = {
        let _one = crate::sync::lock(&scene.shared.making);
        Host::new("restarted")?
    };
    let usual = values(&host)?;
    load(&host, &did("read the file", fs::read_to_string(&file))?)?;
    let loaded = values(&host)?;
    let text = format!("the host has {usual}; the file is loaded: {loaded}");
    scene.fact(loaded == SETTINGS && usual != loaded, text);
    let seen = host.enter(|| -> std::io::Result<String> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
        SockRef::from(&stream).set_keepalive(true)?;
        let now = ayt_sys::own::at_end(&stream).map_err(std::io::Error::other)?;
        Ok(now.keepalive.to_string())
    })?;
    let seen = did("connect", seen)?;
    let text = format!("a socket that turns keepalive on has {seen}");
    scene.fact(seen == SETTINGS, text);
    host.reboot()?;
    let after = values(&host)?;
    scene.fact(after == usual, format!("after a restart: {after}"));
    load(&host, &did("read the file", fs::read_to_string(&file))?)?;
    let again = values(&host)?;
    scene.fact(again == SETTINGS, format!("the same file loaded again: {again}"));
    Ok(())
}

/// As sysctl(8) reads its files: `name = value`, comments from # or ;.
fn load(host: &Host, text: &str) -> Result<(), LabError> {
    let lines = text.lines().map(str::trim);
    let settings = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    for line in settings {
        let Some((name, value)) = line.split_once('=') else {
            return Err(LabError::other("the file", format!("no setting: {line}"), None));
        };
        host.set_sysctl(name.trim(), value.trim())?;
    }
    Ok(())
}

/// `7200/75/9`.
fn values(host: &Host) -> Result<String, LabError> {
    let values: Result<Vec<String>, LabError> = NAMES.iter().map(|name| host.sysctl(name)).collect();
    Ok(values?.join("/"))
}
