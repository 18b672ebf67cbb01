//! The peer's heartbeats stay out for a while, and come again.

use std::time::Duration;

use super::{Effect, Spec, fault};
use crate::clock;
use crate::subjects::What;

/// How many beats are late, at least.
const BEATS: u32 = 3;

pub(super) const SPEC: Spec = Spec {
    verify: |bed| {
        if bed.cell.setting.beat().is_none() {
            return Ok(Vec::new());
        }
        let events = bed.agent(bed.observer()).events();
        let asked = events
            .iter()
            .any(|event| matches!(event.what, What::Suspects(_)));
        Ok(vec![("it was suspected and asked, and answered".to_owned(), asked)])
    },
    ..fault(
        "late-heartbeat",
        "the peer's heartbeats stay out for a while",
        Effect::Harmless,
        |bed| {
            let at = clock::now();
            let peer = bed.agent(bed.peer());
            peer.order("quiet")?;
            if let Some(beat) = bed.cell.setting.beat() {
                std::thread::sleep(beat * BEATS + Duration::from_millis(100));
                peer.order("beat")?;
            }
            Ok(at)
        },
    )
};
