//! The object of `ayt plan --json`, and a row of `--list-middleboxes`.

use std::time::Duration;

use ayt_core::keepalive::{Bound, Found, Span};
use ayt_core::middleboxes::{Expiry, Middlebox};
use ayt_core::plan::{Emitted, NoBeat, Report, SAFE, Target};

use super::Json;

/// Appends the object and its line end.
pub(crate) fn plan(out: &mut Vec<u8>, report: &Report, emitted: Option<(Target, &Emitted)>) {
    Json::new(out).object(|json| {
        let wish = &report.wish;
        let settings = report.settings();
        json.key("os").string(wish.ground.os.name());
        match wish.detect_within {
            Duration::ZERO => json.key("detect_within_s").null(),
            wished => json.time("detect_within_s", wished),
        }
        json.key("keepalive").object(|json| {
            json.time("idle_s", settings.idle);
            json.time("interval_s", settings.interval);
            json.key("count").number(settings.count);
        });
        match settings.user_timeout.map(|time| time.as_millis()) {
            Some(ms) => json
                .key("user_timeout_ms")
                .number(u64::try_from(ms).unwrap_or(u64::MAX)),
            None => json.key("user_timeout_ms").null(),
        }
        json.heartbeat(report);
        json.found("idle_detection", report.detection.idle);
        json.found("in_flight_detection", report.detection.in_flight);
        json.key("nominal_s").seconds(report.nominal());
        match report.is_quick() {
            Some(quick) => json.key("in_time").boolean(quick),
            None => json.key("in_time").null(),
        }
        json.bound("fatal_outage_idle", report.outage.idle);
        json.bound("fatal_outage_in_flight", report.outage.in_flight);
        match report.false_death {
            Some(chance) => {
                json.key("false_death_per_month").float(chance);
                json.key("safe").boolean(chance < SAFE);
            }
            None => {
                json.key("false_death_per_month").null();
                json.key("false_death_unknown").string("no loss was given");
                json.key("safe").null();
            }
        }
        json.time("probe_period_s", report.period());
        json.key("bytes_per_month").object(|json| {
            json.key("keepalive").number(report.traffic.keepalive);
            match report.traffic.heartbeat {
                Some(bytes) => json.key("heartbeat").number(bytes),
                None => json.key("heartbeat").null(),
            }
        });
        match wish.devices {
            Some(devices) => json
                .key("probes_per_s")
                .float(report.probes_a_second(devices)),
            None => json.key("probes_per_s").null(),
        }
        json.key("warnings").array(|json| {
            for warning in &report.warnings {
                json.object(|json| {
                    json.key("id").string(warning.id());
                    json.key("text").display(warning);
                });
            }
        });
        if let Some((target, emitted)) = emitted {
            json.key("emit").object(|json| {
                json.key("target").string(target.id());
                json.key("file").string(emitted.file);
                json.key("text").string(&emitted.text);
            });
        }
    });
    out.push(b'\n');
}

/// Appends a row and its line end.
pub(crate) fn middlebox(out: &mut Vec<u8>, row: &Middlebox) {
    Json::new(out).object(|json| {
        json.key("box").string(row.id);
        json.key("name").string(row.name);
        json.key("idle_s").number(row.idle.as_secs());
        json.key("settable").boolean(row.settable);
        json.key("then").string(match row.expiry {
            Expiry::Silent => "drops_silently",
            Expiry::ResetsLateSender => "resets_late_sender",
            Expiry::Closes => "closes_counting_data_only",
        });
        json.key("source").string(row.source);
    });
    out.push(b'\n');
}

impl Json<'_> {
    /// Whole seconds as a whole number, others with milliseconds.
    fn time(&mut self, name: &str, time: Duration) {
        match time.subsec_nanos() {
            0 => self.key(name).number(time.as_secs()),
            _ => self.key(name).seconds(time),
        }
    }

    /// `[earliest, latest]`, rounded outwards.
    fn span(&mut self, span: Span) {
        self.array(|json| {
            json.seconds(span.earliest);
            json.seconds(span.latest + Duration::from_nanos(999_999));
        });
    }

    fn found(&mut self, name: &str, found: Found) {
        self.key(&format!("{name}_s"));
        let why = match found {
            Found::Within(span) => return self.span(span),
            Found::NotBefore { earliest, why } => {
                self.array(|json| {
                    json.seconds(earliest);
                    json.null();
                });
                why
            }
            Found::Never(why) | Found::Unknown(why) => {
                self.null();
                why
            }
        };
        self.key(&format!("{name}_unknown")).string(why);
    }

    fn bound(&mut self, name: &str, bound: Bound) {
        self.key(&format!("{name}_s"));
        match bound {
            Bound::AtLeast(time) => self.seconds(time),
            Bound::Unknown(why) => {
                self.null();
                self.key(&format!("{name}_unknown")).string(why);
            }
        }
    }

    fn heartbeat(&mut self, report: &Report) {
        match &report.heartbeat {
            Ok(terms) => self.key("heartbeat").object(|json| {
                json.time("interval_s", terms.interval());
                json.key("misses").number(terms.misses());
                json.time("challenge_s", terms.challenge());
                if let Some(span) = report.heartbeat_detection {
                    json.key("detection_s").span(span);
                }
            }),
            Err(NoBeat::NotAsked) => self.key("heartbeat").null(),
            Err(why) => {
                self.key("heartbeat").null();
                self.key("heartbeat_unknown").display(why);
            }
        }
    }
}
