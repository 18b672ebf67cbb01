//! A heartbeat of one side only.

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
        "S7",
        "A one-way heartbeat finds the sender's death without an answer: the server sends \
         no byte, only its kernel acknowledges. A deadline does it, not a poll.",
    )
};

const BEAT: Duration = Duration::from_millis(300);

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let terms = Terms::new(BEAT, 2, BEAT)
        .map_err(|error| LabError::other("terms", error.to_string(), None))?
        .one_way();
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let (server, client) = pair.connection(&listener)?;
    pair.quiet();
    let mark = pair.wire.mark();
    let expects = Expects::start(&server, terms)?;
    let _beats = Beats::start(&client, BEAT)?;
    scene.until(BEAT * 30, || {
        Ok(pair.segments(Side::B, mark, |tcp| tcp.payload > 0) >= 8)
    })?;
    let cut = pair.wire.cut()?.at;
    let until = cut + terms.detection() + Duration::from_secs(2);
    let given = expects.end(scene, until)?;
    match (given, scene.planned_of(&Setting::Heartbeat(terms))) {
        (Some(given), Some(span)) => {
            let cause = given.cause.map_or("no cause", |cause| cause.name());
            let what = format!("the silent client: {cause}");
            scene.timed(&pair, &what, given.at - given.last, span, cut);
        }
        _ => scene.fact(false, "the silent client: not found"),
    }
    let beats = pair.segments(Side::B, mark, |tcp| tcp.payload > 0);
    let answers = pair.segments(Side::A, mark, |tcp| tcp.payload > 0);
    let acknowledged = pair.segments(Side::A, mark, crate::packet::Tcp::is_pure_ack);
    let text = format!(
        "{beats} segments with data from the client, {answers} from the server, and \
         {acknowledged} bare acknowledgements of its kernel"
    );
    scene.fact(beats >= 8 && answers == 0 && acknowledged > 0, text);
    Ok(())
}
