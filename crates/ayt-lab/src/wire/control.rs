//! Messages to the thread of a wire.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use ayt_sys::lab::{Bell, PacketPort};

use super::chain::Chain;
use crate::error::LabError;
use crate::packet::Side;
use crate::sync::lock;

/// What came of a change, and when it took effect in the lab's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed<T> {
    /// The time zero of a fault.
    pub at: Duration,
    /// What the change returned: the names of stages, for instance.
    pub value: T,
}

type Change = Box<dyn FnOnce(&mut Chain, Duration) + Send>;

/// One message.
pub(super) enum Message {
    /// Change the chain, at this time.
    Change(Change),
    /// Put a port in the place of one, or take it away. What has been read and not
    /// yet been judged is lost.
    Port(Side, Option<Box<PacketPort>>, Sender<Duration>),
}

/// Messages that wait.
#[derive(Default)]
pub(super) struct Controls {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    messages: Vec<Message>,
    stopped: bool,
}

impl Controls {
    pub(super) fn change<T: Send + 'static>(
        &self,
        bell: &Bell,
        change: impl FnOnce(&mut Chain, Duration) -> T + Send + 'static,
    ) -> Result<Changed<T>, LabError> {
        let (answer, answered) = channel();
        let change = move |chain: &mut Chain, at: Duration| {
            let value = change(chain, at);
            let _ = answer.send(Changed { at, value });
        };
        self.send(bell, Message::Change(Box::new(change)));
        answered.recv().map_err(|_| ended())
    }

    pub(super) fn port(
        &self,
        bell: &Bell,
        side: Side,
        port: Option<PacketPort>,
    ) -> Result<Duration, LabError> {
        let (answer, answered) = channel();
        self.send(bell, Message::Port(side, port.map(Box::new), answer));
        answered.recv().map_err(|_| ended())
    }

    pub(super) fn stop(&self, bell: &Bell) {
        let mut waiting = lock(&self.waiting);
        waiting.stopped = true;
        waiting.messages.clear();
        drop(waiting);
        bell.ring();
    }

    /// The messages so far, and whether to stop.
    pub(super) fn take(&self) -> (Vec<Message>, bool) {
        let mut waiting = lock(&self.waiting);
        (std::mem::take(&mut waiting.messages), waiting.stopped)
    }

    fn send(&self, bell: &Bell, message: Message) {
        let mut waiting = lock(&self.waiting);
        // Dropped with its sender when the wire has stopped: the answer says so.
        if !waiting.stopped {
            waiting.messages.push(message);
        }
        drop(waiting);
        bell.ring();
    }
}

impl std::fmt::Debug for Controls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Controls")
    }
}

fn ended() -> LabError {
    LabError::other("the wire", "its thread has ended", None)
}
