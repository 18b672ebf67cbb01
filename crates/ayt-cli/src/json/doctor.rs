//! `ayt doctor --json`: one object.

use ayt_core::doctor::{Connection, Diagnosis, Finding, Rule, Value};
use ayt_core::facts::HostFacts;

use super::Json;
use crate::text::doctor::Looked;

/// Appends the object and its line end.
pub(crate) fn diagnosis(
    out: &mut Vec<u8>,
    facts: &HostFacts,
    diagnosis: &Diagnosis,
    looked: &Looked,
) {
    Json::new(out).object(|json| {
        json.key("healthy")
            .boolean(diagnosis.findings.is_empty() && diagnosis.partial.is_empty());
        json.key("findings").array(|json| {
            for finding in &diagnosis.findings {
                json.object(|json| json.finding(facts, finding));
            }
        });
        json.key("partial").array(|json| {
            for partial in &diagnosis.partial {
                json.object(|json| {
                    json.key("what").string(&partial.what);
                    json.key("why").string(&partial.why);
                    json.key("remedy").string(&partial.remedy);
                });
            }
        });
        json.key("looked_at").object(|json| {
            json.key("sockets").number(looked.sockets as u64);
            json.key("namespaces").number(looked.namespaces as u64);
            json.key("processes").number(looked.processes as u64);
            json.key("rules").number(looked.rules as u64);
            match looked.asked {
                Some(asked) => json.key("asked").number(asked as u64),
                None => json.key("asked").null(),
            }
        });
    });
    out.push(b'\n');
}

/// Appends a rule's own text and a line end.
pub(crate) fn rule(out: &mut Vec<u8>, rule: &Rule) {
    Json::new(out).object(|json| {
        json.key("rule").string(rule.id);
        json.key("summary").string(rule.summary);
        json.key("explanation").string(rule.explanation);
        json.key("remedy").string(rule.remedy);
    });
    out.push(b'\n');
}

impl Json<'_> {
    fn finding(&mut self, facts: &HostFacts, finding: &Finding) {
        self.key("rule").string(finding.rule);
        self.key("severity").string(finding.severity.name());
        self.key("summary").string(&finding.summary);
        self.key("evidence").object(|json| {
            for evidence in &finding.evidence {
                json.key(evidence.name).value(&evidence.value);
            }
        });
        self.key("owners").owners(facts, &finding.owners);
        self.key("connections").array(|json| {
            for connection in &finding.connections {
                json.object(|json| json.connection(facts, connection));
            }
        });
        self.key("remedy").string(&finding.remedy);
    }

    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Count(number) | Value::Bytes(number) | Value::Millis(number) => {
                self.number(*number);
            }
            Value::Text(text) => self.string(text),
        }
    }

    fn connection(&mut self, facts: &HostFacts, connection: &Connection) {
        self.key("state").string(connection.state.name());
        self.key("local").address(connection.local);
        self.key("remote").address(connection.remote);
        self.netns(facts, connection.ns);
        self.key("cookie").hexadecimal(connection.cookie.0);
        self.key("note").string(&connection.note);
    }
}
