//! Every measured time against its planned band.
//!
//! One row a run: on the left the time on a common axis, logarithmic where the times
//! differ by more than eight times; on the right where in its own band it lies, since on
//! the common axis a band is narrow. Widths are percentages, heights pixels.

use std::time::Duration;

use super::escape::shortened;
use super::markup::{Attrs, Markup, class, plain};
use super::matrix::distinct;
use super::{Outcome, Report, Run, units};

/// Runs shown at most.
const ROWS: usize = 300;
/// Pixels of a row, of a fault's name, and above the first.
const ROW: f64 = 34.0;
const HEAD: f64 = 30.0;
const TOP: f64 = 26.0;
/// Where the time axis ends, and where the bands begin and end, in percent. A dot may
/// lie half a band outside.
const AXIS: f64 = 70.0;
const BAND: [f64; 2] = [82.0, 94.0];

/// From times to the axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    from: f64,
    until: f64,
    log: bool,
}

impl Scale {
    /// Holds all of these; `None` for none.
    fn of(times: impl Iterator<Item = Duration>) -> Option<Self> {
        let times: Vec<f64> = times.map(|time| time.as_secs_f64()).collect();
        let most = times.iter().copied().fold(f64::NAN, f64::max);
        if most.is_nan() {
            return None;
        }
        let most = most.max(1e-3);
        let positive = times.iter().copied().filter(|time| *time > 0.0);
        // Four decades below the longest, or as far as there is something.
        let least = positive.fold(most, f64::min).max(1e-4);
        if most / least > 8.0 {
            let (from, until) = (round(least / 1.1, f64::floor), round(most * 1.1, f64::ceil));
            let log = true;
            return Some(Self { from, until, log });
        }
        Some(Self {
            from: 0.0,
            until: most * 1.1,
            log: false,
        })
    }

    /// 0 to 1, for any time.
    fn place(self, time: Duration) -> f64 {
        self.part(time.as_secs_f64())
    }

    fn part(self, time: f64) -> f64 {
        let part = if self.log {
            (time.max(self.from) / self.from).ln() / (self.until / self.from).ln()
        } else {
            (time - self.from) / (self.until - self.from)
        };
        part.clamp(0.0, 1.0)
    }

    fn ticks(self) -> Vec<f64> {
        if self.log {
            let decades = (self.until / self.from).log10();
            let steps: &[f64] = if decades > 2.5 { &[1.0] } else { &[1.0, 3.0] };
            let first = self.from.log10().floor() as i32;
            let last = self.until.log10().ceil() as i32;
            let all = (first..=last).flat_map(|power| {
                let unit = 10f64.powi(power);
                steps.iter().map(move |step| step * unit)
            });
            let inside = |tick: &f64| (self.from * 0.999..=self.until * 1.001).contains(tick);
            return all.filter(inside).collect();
        }
        let rough = self.until / 4.0;
        let unit = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * unit);
        let step = step.into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let count = (self.until / step) as u32;
        (0..=count).map(|at| f64::from(at) * step).collect()
    }
}

/// To a power of ten or three of them.
fn round(value: f64, way: fn(f64) -> f64) -> f64 {
    10f64.powf(way(value.log10() * 2.0) / 2.0)
}

fn tick_name(seconds: f64) -> String {
    if seconds < 0.001 && seconds > 0.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 1.0 && seconds > 0.0 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds.fract() == 0.0 {
        format!("{} s", units::count(seconds as u64))
    } else {
        format!("{seconds:.1} s")
    }
}

/// Draws it; nothing where nothing was measured or planned.
pub(super) fn plot(page: &mut Markup, report: &Report) {
    let told: Vec<&Run> = report
        .runs
        .iter()
        .filter(|run| found(run).is_some() || run.planned.is_some())
        .collect();
    let shown = &told[..told.len().min(ROWS)];
    let times = shown.iter().flat_map(|run| {
        let planned = run.planned.into_iter().flatten();
        planned.chain(found(run))
    });
    let Some(scale) = Scale::of(times) else {
        page.text("p", class("lead"), "No time was measured or planned.");
        return;
    };
    let faults = distinct(shown.iter().map(|run| run.fault.as_str()));
    let height = TOP + shown.len() as f64 * ROW + faults.len() as f64 * HEAD + 12.0;
    let attrs = class("plot")
        .with("role", "group")
        .with("width", "100%")
        .with("height", format_args!("{height:.0}"))
        .with("aria-labelledby", "plot-t plot-d");
    page.tag("svg", attrs, |svg| {
        let title = "Measured times in their planned bands";
        svg.text("title", plain().with("id", "plot-t"), title);
        svg.text("desc", plain().with("id", "plot-d"), description(shown));
        axis(svg, scale, height);
        let mut y = TOP;
        for fault in faults {
            let attrs = place(0.0, y + 20.0).with("class", "fault");
            svg.text("text", attrs, shortened(fault, 48));
            y += HEAD;
            for run in shown.iter().filter(|run| run.fault == fault) {
                row(svg, scale, y, run);
                y += ROW;
            }
        }
    });
    if told.len() > shown.len() {
        let more = units::counted((told.len() - shown.len()) as u64, "more run");
        page.text("p", class("lead"), format_args!("{more} are not drawn."));
    }
}

fn found(run: &Run) -> Option<Duration> {
    run.measured.filter(|_| run.detected)
}

fn description(runs: &[&Run]) -> String {
    let (mut kept, mut broken) = (0, 0);
    for run in runs {
        let outcome = Outcome::of(run);
        kept += u64::from(outcome.is_kept());
        broken += u64::from(outcome.is_broken());
    }
    format!("{kept} measured inside their planned band, {broken} claims not kept.")
}

fn place(x: f64, y: f64) -> Attrs {
    plain()
        .with("x", format_args!("{x:.2}%"))
        .with("y", format_args!("{y:.1}"))
}

fn line((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Attrs {
    plain()
        .with("x1", format_args!("{x1:.2}%"))
        .with("y1", format_args!("{y1:.1}"))
        .with("x2", format_args!("{x2:.2}%"))
        .with("y2", format_args!("{y2:.1}"))
}

fn axis(svg: &mut Markup, scale: Scale, height: f64) {
    let mut free = 0.0;
    for tick in scale.ticks() {
        let x = AXIS * scale.part(tick);
        svg.shape(
            "line",
            line((x, TOP - 6.0), (x, height)).with("class", "grid"),
        );
        // Room for a name also where the page is narrow.
        if x < free {
            continue;
        }
        let (anchor, room) = if x < 3.0 {
            ("start", 15.0)
        } else {
            ("middle", 13.5)
        };
        free = x + room;
        let attrs = place(x, 12.0)
            .with("class", "tick")
            .with("text-anchor", anchor);
        svg.text("text", attrs, tick_name(tick));
    }
    let [from, until] = BAND;
    let attrs = place(f64::midpoint(from, until), 12.0)
        .with("class", "tick")
        .with("text-anchor", "middle");
    svg.text("text", attrs, "in its band");
}

fn row(svg: &mut Markup, scale: Scale, y: f64, run: &Run) {
    let outcome = Outcome::of(run);
    let middle = y + 24.0;
    svg.tag("g", class(outcome.class()), |row| {
        let (measured, planned) = (found(run), run.planned);
        let time = measured.map(units::time);
        let words = match (&time, planned.map(units::span)) {
            (Some(time), Some(planned)) => format!("{time} of {planned}"),
            (Some(time), None) => format!("{time}, no time claimed"),
            (None, Some(planned)) => format!("{} in {planned}", super::matrix::detected(run)),
            (None, None) => String::new(),
        };
        let name = format!("{} {}", run.detector, run.settings);
        row.text("title", plain(), format_args!("{name}: {words}"));
        row.text("text", place(0.0, y + 13.0), shortened(name.trim(), 34));
        let attrs = place(AXIS, y + 13.0)
            .with("class", "said")
            .with("text-anchor", "end");
        row.text("text", attrs, words);
        let ends = line((0.0, middle), (AXIS, middle)).with("class", "track");
        row.shape("line", ends);
        if let Some(span) = planned {
            let [from, until] = span.map(|time| AXIS * scale.place(time));
            row.shape(
                "line",
                line((from, middle), (until, middle)).with("class", "span"),
            );
        }
        match measured {
            Some(time) => dot(row, AXIS * scale.place(time), middle, outcome),
            None => sign(row, AXIS, middle, outcome),
        }
        in_band(row, middle, run, outcome);
    });
}

fn in_band(row: &mut Markup, y: f64, run: &Run, outcome: Outcome) {
    let Some([earliest, latest]) = run.planned else {
        return;
    };
    let [from, until] = BAND;
    let attrs = place(from, y - 9.0)
        .with("class", "band")
        .with("width", format_args!("{:.2}%", until - from))
        .with("height", 18);
    row.shape("rect", attrs);
    let Some(measured) = found(run) else {
        return;
    };
    let wide = (latest.saturating_sub(earliest)).as_secs_f64().max(1e-9);
    let part = (measured.as_secs_f64() - earliest.as_secs_f64()) / wide;
    let x = from + part.clamp(-0.5, 1.45) * (until - from);
    dot(row, x, y, outcome);
}

/// A dot inside, a sign outside: the shape tells as much as the colour.
fn dot(row: &mut Markup, x: f64, y: f64, outcome: Outcome) {
    if outcome.is_broken() {
        sign(row, x, y, outcome);
        return;
    }
    let attrs = class("dot")
        .with("cx", format_args!("{x:.2}%"))
        .with("cy", format_args!("{y:.1}"))
        .with("r", 4.5);
    row.shape("circle", attrs);
}

fn sign(row: &mut Markup, x: f64, y: f64, outcome: Outcome) {
    let attrs = place(x, y + 5.0)
        .with("class", "sign")
        .with("text-anchor", "middle");
    row.text("text", attrs, outcome.mark());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn near_times_have_a_linear_axis_and_far_ones_a_logarithmic() {
        let of = |times: &[u64]| Scale::of(times.iter().map(|ms| Duration::from_millis(*ms)));
        assert!(!of(&[2_000, 3_300]).unwrap().log);
        let far = of(&[2, 3_300]).unwrap();
        assert!(far.log);
        let names: Vec<String> = far.ticks().into_iter().map(tick_name).collect();
        assert_eq!(names, ["1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!(of(&[]), None);
    }

    proptest! {
        #[test]
        fn every_time_has_its_place(times in proptest::collection::vec(0u64..1 << 50, 1..20)) {
            let times: Vec<Duration> = times.into_iter().map(Duration::from_nanos).collect();
            let scale = Scale::of(times.iter().copied()).unwrap();
            let mut sorted = times;
            sorted.sort();
            let places: Vec<f64> = sorted.iter().map(|time| scale.place(*time)).collect();
            prop_assert!(places.iter().all(|place| (0.0..=1.0).contains(place)));
            prop_assert!(places.is_sorted());
            prop_assert!((1..=30).contains(&scale.ticks().len()), "{:?}", scale);
        }
    }
}
