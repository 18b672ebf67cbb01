//! What keepalive costs, and what too short settings kill.

use std::time::Duration;

use ayt_core::plan::{Family, MONTH, traffic};

use super::reads::Reads;
use super::{Claim, Scene, cell, claim};
use crate::clock;
use crate::detectors::Detector;
use crate::error::LabError;
use crate::faults::Fault;
use crate::log::Record;

pub(super) const CLAIM: Claim = Claim {
    cells: &[
        cell("loss of 10%, called safe", Fault::Loss, Detector::Keepalive).with("1/1/20"),
        cell("300 ms late at times", Fault::Jitter, Detector::Both),
        cell("living, its window shut", Fault::SlowReader, Detector::UserTimeout).in_flight(),
    ],
    show: Some(show),
    ..claim(
        "S19",
        "Keepalive costs the bytes that the planner says. Settings that it calls safe \
         survive loss and jitter; short ones kill a healthy connection in a short outage.",
    )
};

/// Each with its answer.
const PROBES: usize = 5;
const HOUR: Duration = Duration::from_secs(3_600);
/// 1/1/1 has its only probe in it, 1/1/3 one of three.
const OUTAGE: Duration = Duration::from_millis(1_500);

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    cost(scene)?;
    outage(scene)
}

/// Probes and answers of an idle connection, counted on the wire.
fn cost(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let (_server, client) = pair.connection(&listener)?;
    scene.arm(&client, "1/1/3")?;
    pair.quiet();
    let mark = pair.wire.mark();
    let sent = || -> Vec<(Duration, u32)> {
        pair.wire.log(|log| {
            let segments = log.since(mark).filter(|record| record.tcp().is_some());
            let segments = segments.map(|record: &Record| (record.at, record.summary.length));
            segments.take(2 * PROBES).collect()
        })
    };
    scene.until(Duration::from_secs(15), || Ok(sent().len() == 2 * PROBES))?;
    let sent = sent();
    let bytes: u32 = sent.iter().map(|(_, length)| length).sum();
    let probes = sent.len() / 2;
    // From the first probe to the last: one period less than there were probes.
    let first = sent.first().map(|(at, _)| *at);
    let last = sent.iter().rev().nth(1).map(|(at, _)| *at);
    let span = first.zip(last).map_or(0.0, |(first, last)| (last - first).as_secs_f64());
    let each = f64::from(bytes) / probes.max(1) as f64;
    let measured = each * (probes.saturating_sub(1)) as f64 / span.max(0.001) * HOUR.as_secs_f64();
    let planned = traffic(Duration::from_secs(1), None, Family::V4).keepalive as f64
        * HOUR.as_secs_f64() / MONTH.as_secs_f64();
    let text = format!(
        "1/1/3, idle: {probes} probes with answers, {each:.0} bytes each; {:.0} kB/h, planned \
         {:.0} (a timer that is late probes less)",
        measured / 1e3,
        planned / 1e3
    );
    let near = measured <= planned * 1.01 && measured >= planned * 0.85;
    scene.fact(probes == PROBES && each.round() == 104.0 && near, text);
    Ok(())
}

/// A short outage, with two settings.
fn outage(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let mut servers = Vec::new();
    let mut clients = Vec::new();
    for settings in ["1/1/1", "1/1/3"] {
        let fatal = fatal(scene, settings)?;
        let (server, client) = pair.connection(&listener)?;
        servers.push(server);
        scene.arm(&client, settings)?;
        clients.push((settings, fatal, Reads::start(client)));
    }
    pair.quiet();
    let cut = pair.wire.cut()?;
    scene.pause(OUTAGE)?;
    let healed = pair.wire.remove(cut.value)?.at;
    scene.pause(Duration::from_secs(3))?;
    let outage = healed - cut.at;
    if outage > OUTAGE * 5 / 4 {
        // Longer than it was to be: what it ends is not settled.
        scene.too_slow();
        return Ok(());
    }
    for (settings, fatal, reads) in &clients {
        let end = reads.next(scene, clock::now())?;
        let text = format!(
            "an outage of {:.2} s: {settings} {}; by the planner {:.2} s can be fatal to it",
            outage.as_secs_f64(),
            end.as_ref().map_or("lives".to_owned(), |end| format!("dies, {}", end.text())),
            fatal.as_secs_f64()
        );
        // It begins while nothing is under way, the probe of 1 s falls into it.
        scene.fact(end.is_some() == (outage >= *fatal), text);
    }
    Ok(())
}

/// The shortest outage that can end an idle connection with these settings.
fn fatal(scene: &Scene<'_>, settings: &str) -> Result<Duration, LabError> {
    let none = || LabError::other(settings, "no outage is fatal", None);
    let setting = Detector::Keepalive.parse(settings);
    let setting = setting.map_err(|why| LabError::other(settings, why, None))?;
    let kernel = setting.kernel().ok_or_else(none)?;
    scene.ground().outage(kernel).idle.known().ok_or_else(none)
}
