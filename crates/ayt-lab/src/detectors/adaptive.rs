//! A session of the library whose client searches for the longest silence that the way
//! lets live, and beats as seldom as that allows.

use std::time::Duration;

use ayt_core::detectors::Terms;
use ayt_core::detectors::adaptive::SearchTerms;
use ayt_core::duration;

use super::{Setting, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "adaptive",
    summary: "a session whose client searches for its interval, between F and L",
    notation: "F..L/M/C",
    usual: "500ms..1s/2/500ms",
    parse,
};

/// In a lab an answer takes milliseconds: what is lost is known to be so soon.
const ANSWER: Duration = Duration::from_millis(400);
/// To open a spare connection.
const OPEN: Duration = Duration::from_secs(2);

fn parse(text: &str) -> Result<Setting, String> {
    let form = || format!("`{text}` is no search: write F..L/M/C, such as 500ms..1s/2/500ms");
    let time = |text: &str| duration::parse(text).map_err(|error| error.to_string());
    let (floor, rest) = text.split_once("..").ok_or_else(form)?;
    let (ceiling, rest) = rest.split_once('/').ok_or_else(form)?;
    let (misses, challenge) = rest.split_once('/').ok_or_else(form)?;
    let search = SearchTerms::new(time(floor)?, time(ceiling)?)
        .map_err(|error| error.to_string())?
        .with_patience(ANSWER, OPEN);
    let (misses, challenge) = (misses.parse().map_err(|_| form())?, time(challenge)?);
    for interval in [search.floor(), search.ceiling()] {
        Terms::new(interval, misses, challenge).map_err(|error| error.to_string())?;
    }
    Ok(Setting::Adaptive {
        search,
        misses,
        challenge,
    })
}
