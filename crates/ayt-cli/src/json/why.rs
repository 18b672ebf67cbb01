//! `ayt why --json`: the sentence, its causes, and the chain as a graph.

use ayt_core::doctor::Evidence;
use ayt_core::why::{Cause, Graph};
use ayt_guard::why::Answer;

use super::Json;

/// Appends the answer and a line end.
pub(crate) fn answer_why(out: &mut Vec<u8>, answer: &Answer) {
    let (facts, explanation) = (&answer.facts, &answer.explanation);
    Json::new(out).object(|json| {
        json.key("subject").string(&answer.subject.name);
        json.key("sentence").string(&explanation.sentence);
        json.key("causes").array(|json| {
            for cause in &explanation.causes {
                json.object(|json| json.cause(cause));
            }
        });
        json.key("remedy").array(|json| {
            for remedy in explanation.remedy() {
                json.string(remedy);
            }
        });
        json.key("notes").array(|json| {
            for note in &explanation.notes {
                json.string(note);
            }
        });
        json.graph(&explanation.graph);
        json.key("partial").array(|json| {
            for partial in &explanation.partial {
                json.object(|json| {
                    json.key("what").string(&partial.what);
                    json.key("why").string(&partial.why);
                    json.key("remedy").string(&partial.remedy);
                });
            }
        });
        json.key("looked_at").object(|json| {
            json.key("sockets").number(facts.sockets.len() as u64);
            json.key("namespaces").number(facts.namespaces.len() as u64);
            json.key("processes")
                .number(facts.inside.threads.len() as u64);
            let threads = facts.inside.threads.values();
            let seen = threads.filter_map(|threads| Some(threads.known()?.seen.len()));
            json.key("threads").number(seen.sum::<usize>() as u64);
            match answer.asked {
                Some(asked) => json.key("asked").number(asked as u64),
                None => json.key("asked").null(),
            }
        });
    });
    out.push(b'\n');
}

impl Json<'_> {
    fn cause(&mut self, cause: &Cause) {
        self.key("cause").string(cause.id);
        self.key("severity").string(cause.severity.name());
        self.key("sentence").string(&cause.sentence());
        self.key("chain").array(|json| {
            for link in &cause.links {
                json.object(|json| {
                    json.key("says").string(&link.says);
                    json.evidence(&link.evidence);
                });
            }
        });
        self.key("remedy").array(|json| {
            for remedy in &cause.remedy {
                json.string(remedy);
            }
        });
    }

    fn graph(&mut self, graph: &Graph) {
        self.key("nodes").array(|json| {
            for node in &graph.nodes {
                json.object(|json| {
                    json.key("id").string(&node.id);
                    json.key("kind").string(node.kind.name());
                    json.key("name").string(&node.name);
                    json.evidence(&node.evidence);
                });
            }
        });
        self.key("edges").array(|json| {
            for edge in &graph.edges {
                json.object(|json| {
                    json.key("from").string(&edge.from);
                    json.key("relation").string(edge.relation.name());
                    json.key("to").string(&edge.to);
                    json.evidence(&edge.evidence);
                });
            }
        });
    }

    fn evidence(&mut self, evidence: &[Evidence]) {
        self.key("evidence").object(|json| {
            for one in evidence {
                json.key(one.name).value(&one.value);
            }
        });
    }
}
