//! What the lab proves or refutes: sentences found in well-known texts about keepalive,
//! heartbeats and closing, put right, and each shown on real kernels.
//!
//! One file a sentence. It says what is told ([`Claim::folk`], where that is wrong or
//! half the truth), what is so, and shows it: by cells of the standard set, by sockets of
//! its own on hosts of the lab, or it names the test that does where the lab cannot. To
//! add one: a file beside these and its line in the list below.

mod actor;
mod beats;
mod old_segment;
mod pair;
mod reads;
mod run;
mod scene;

use ayt_core::plan::Path;

use crate::detectors::Detector;
use crate::error::LabError;
use crate::faults::Fault;
use crate::scenario::Cell;

pub(crate) use actor::{ROLE as LEAKS, run as leaks};
pub use run::{Shown, Verdict, run};
pub use scene::Scene;

macro_rules! claims {
    ($($module:ident,)*) => {
        $(mod $module;)*

        /// Every claim, by number.
        pub const ALL: &[&Claim] = &[$(&$module::CLAIM,)*];
    };
}

claims! {
    s01, s02, s03, s04, s05, s06, s07, s08, s09, s10,
    s11, s12, s13, s14, s15, s16, s17, s18, s19, s20,
    s21, s22, s23, s24, s25, s26, s27, s28, s29,
}

/// Shows a claim on hosts of its own, and notes facts in the scene.
pub type Show = fn(&mut Scene<'_>) -> Result<(), LabError>;

/// A sentence, and how it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Its number, as scenarios name it.
    pub id: &'static str,
    /// What is told, where that is wrong or only half of it: what is shown refutes it.
    pub folk: Option<&'static str>,
    /// What is so.
    pub truth: &'static str,
    /// Cells of the standard set that show it.
    pub cells: &'static [Shows],
    /// What shows it besides.
    pub show: Option<Show>,
    /// Where it is shown, when not here.
    pub elsewhere: Option<Elsewhere>,
}

/// What shows a claim that the lab cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elsewhere {
    /// Why, and how, in a sentence.
    pub how: &'static str,
    /// The tests: file, counted from the repository's root, and name.
    pub tests: &'static [(&'static str, &'static str)],
}

/// The beginning of most files.
const fn claim(id: &'static str, truth: &'static str) -> Claim {
    Claim {
        id,
        folk: None,
        truth,
        cells: &[],
        show: None,
        elsewhere: None,
    }
}

/// One cell of the standard set, and what it is an example of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shows {
    /// What it is an example of, in a few words.
    pub what: &'static str,
    /// What is broken.
    pub fault: Fault,
    /// Who watches.
    pub detector: Detector,
    /// With which settings; `None`: the usual.
    pub settings: Option<&'static str>,
    /// What was going on.
    pub path: Path,
}

const fn cell(what: &'static str, fault: Fault, detector: Detector) -> Shows {
    Shows {
        what,
        fault,
        detector,
        settings: None,
        path: Path::Idle,
    }
}

impl Shows {
    const fn with(self, settings: &'static str) -> Self {
        Self {
            settings: Some(settings),
            ..self
        }
    }

    const fn in_flight(self) -> Self {
        Self {
            path: Path::InFlight,
            ..self
        }
    }

    /// This is the one.
    #[must_use]
    pub fn is(&self, cell: &Cell) -> bool {
        let settings = self.settings.unwrap_or(self.detector.spec().usual);
        cell.fault == self.fault
            && cell.detector == self.detector
            && cell.settings == settings
            && cell.path == self.path
    }
}

impl Claim {
    /// By its number: `S12` or `s12`.
    #[must_use]
    pub fn named(id: &str) -> Option<&'static Self> {
        ALL.iter()
            .copied()
            .find(|claim| claim.id.eq_ignore_ascii_case(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_there_in_order_and_found_by_its_number() {
        for (at, claim) in ALL.iter().enumerate() {
            assert_eq!(claim.id, format!("S{}", at + 1));
            assert_eq!(Claim::named(&claim.id.to_lowercase()).unwrap().id, claim.id);
        }
        assert_eq!(ALL.len(), 29);
        assert!(Claim::named("S99").is_none());
    }

    #[test]
    fn each_is_shown_here_or_says_where() {
        for claim in ALL {
            let here = !claim.cells.is_empty() || claim.show.is_some();
            assert_ne!(here, claim.elsewhere.is_some(), "{}", claim.id);
            assert!(claim.cells.len() <= 8, "{}: few and exact", claim.id);
        }
    }

    #[test]
    fn each_cell_is_exactly_one_of_the_standard_set() {
        let cells = crate::scenario::standard().unwrap();
        for claim in ALL {
            for shows in claim.cells {
                let found: Vec<&Cell> = cells.iter().filter(|cell| shows.is(cell)).collect();
                assert_eq!(found.len(), 1, "{}: {shows:?}", claim.id);
            }
        }
    }

    #[test]
    fn the_scenario_of_each_cell_names_the_row() {
        let cells = crate::scenario::standard().unwrap();
        for claim in ALL {
            for shows in claim.cells {
                let cell = cells.iter().find(|cell| shows.is(cell)).unwrap();
                let named = cell.shows.iter().any(|row| row == claim.id);
                assert!(named, "{}: {}", claim.id, cell.fault.name());
            }
        }
    }

    #[test]
    fn tests_elsewhere_are_there() {
        let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        for claim in ALL {
            for (file, name) in claim.elsewhere.iter().flat_map(|other| other.tests) {
                let text = std::fs::read_to_string(root.join(file)).unwrap();
                assert!(
                    text.contains(&format!("fn {name}(")),
                    "{}: {file}",
                    claim.id
                );
            }
        }
    }

    #[test]
    fn scenarios_name_rows_that_there_are() {
        for cell in crate::scenario::standard().unwrap() {
            for shown in &cell.shows {
                assert!(Claim::named(shown).is_some(), "{shown}");
            }
        }
    }
}
