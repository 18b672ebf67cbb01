//! Heartbeats of both sides.

use std::time::Duration;

use ayt::detectors::Terms;

use super::beats::{Beats, Expects};
use super::{Claim, Scene, claim};
use crate::detectors::Setting;
use crate::error::LabError;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    show: Some(show),
    ..claim(
        "S8",
        "With heartbeats both ways each side finds the other's death, at the time of its \
         own terms.",
    )
};

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let beat = Duration::from_millis(300);
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let (server, client) = pair.connection(&listener)?;
    let mut sides = Vec::new();
    for (who, stream, misses) in [("server", &server, 2), ("client", &client, 3)] {
        let terms = Terms::new(beat, misses, beat)
            .map_err(|error| LabError::other("terms", error.to_string(), None))?
            .one_way();
        let beats = Beats::start(stream, beat)?;
        sides.push((who, terms, beats, Expects::start(stream, terms)?));
    }
    let beats = |side| pair.segments(side, 0, |tcp| tcp.payload > 0);
    scene.until(beat * 30, || Ok(beats(Side::A) > 6 && beats(Side::B) > 6))?;
    let cut = pair.wire.cut()?.at;
    for (who, terms, _beats, expects) in &sides {
        let given = expects.end(scene, cut + terms.detection() + Duration::from_secs(2))?;
        match (given, scene.planned_of(&Setting::Heartbeat(*terms))) {
            (Some(given), Some(span)) => {
                let cause = given.cause.map_or("no cause", |cause| cause.name());
                let what = format!("the {who}, patient for {} beats: {cause}", terms.misses() + 1);
                scene.timed(&pair, &what, given.at - given.last, span, cut);
            }
            _ => scene.fact(false, format!("the {who}: it does not find it")),
        }
    }
    let (a, b) = (beats(Side::A), beats(Side::B));
    scene.fact(a > 4 && b > 4, format!("heartbeats sent by server and client: {a} and {b}"));
    Ok(())
}
