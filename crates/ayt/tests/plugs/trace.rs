//! Spans and events by their stable names.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ayt::cause::Cause;
use ayt::watched::{Never, Watched};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::Done;
use crate::common::within;

type Fields = BTreeMap<String, String>;

/// Everything under the target `ayt`.
#[derive(Clone, Default)]
struct Seen {
    spans: Arc<Mutex<Vec<Fields>>>,
    events: Arc<Mutex<Vec<Fields>>>,
}

struct Into<'f>(&'f mut Fields);

impl Visit for Into<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        let text = text.trim_matches('"').to_owned();
        self.0.insert(field.name().to_owned(), text);
    }
}

impl Subscriber for Seen {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "ayt"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Into(&mut fields));
        fields.insert("name".to_owned(), span.metadata().name().to_owned());
        let mut spans = self.spans.lock().expect("whole");
        spans.push(fields);
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let at = span.into_u64() as usize - 1;
        values.record(&mut Into(&mut self.spans.lock().expect("whole")[at]));
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Into(&mut fields));
        self.events.lock().expect("whole").push(fields);
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

fn sorted<'a>(fields: &'a Fields, names: &[&str]) -> Vec<Option<&'a str>> {
    names
        .iter()
        .map(|name| fields.get(*name).map(String::as_str))
        .collect()
}

const NAMES: [&str; 4] = ["peer", "cause", "bytes_received", "bytes_sent"];

#[test]
fn a_connection_is_a_span_with_its_end() -> Done {
    let seen = Seen::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let work = async {
        let (near, mut far) = duplex(64);
        let detector = within(Duration::from_secs(30));
        let mut near = Watched::new(near, detector).peer("192.0.2.7:9".parse()?);
        far.write_all(b"hello").await?;
        near.write_all(b"hi").await?;
        while near.read(&mut [0; 64]).await.is_ok() {}
        assert_eq!(near.cause(), Some(Cause::HeartbeatMissed));
        drop(near);
        // Told once, and a close of one's own is one.
        drop(Watched::new(far, Never));
        Done::Ok(())
    };
    tracing::subscriber::with_default(seen.clone(), || runtime.block_on(work))?;
    let spans = seen.spans.lock().unwrap();
    assert_eq!(spans[0]["name"], "connection");
    let end = [
        Some("192.0.2.7:9"),
        Some("heartbeat_missed"),
        Some("5"),
        Some("2"),
    ];
    assert_eq!(sorted(&spans[0], &NAMES), end);
    assert_eq!(spans[1]["cause"], "local_close");
    let events = seen.events.lock().unwrap();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(sorted(&events[0], &NAMES[1..]), end[1..]);
    Ok(())
}
