//! Who is connected, and who of them had better go when there is no more room. It knows nothing of requests.

use std::time::Duration;

use tokio::task::AbortHandle;

use super::patient::LastAnswer;

/// Whoever was answered less long ago, or has come since, is left alone: its request may be on its way, or its answer be made.
const SETTLING: Duration = Duration::from_secs(1);

/// The connections that were taken, as long as they last. One that has become a `WebSocket` is none of them any more.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    connected: Vec<(AbortHandle, LastAnswer)>,
}

impl Crowd {
    pub(super) fn enter(&mut self, connection: AbortHandle, answered: LastAnswer) {
        self.connected.retain(|(task, _)| !task.is_finished());
        self.connected.push((connection, answered));
    }

    /// Ends the connection that has taken no answer for longest, if there is one.
    pub(super) fn send_one_away(&mut self) {
        self.connected.retain(|(task, _)| !task.is_finished());
        let longest = self
            .connected
            .iter()
            .map(|(task, answered)| (answered.elapsed(), task))
            .filter(|(elapsed, _)| *elapsed >= SETTLING)
            .max_by_key(|(elapsed, _)| *elapsed);
        if let Some((_, task)) = longest {
            task.abort();
        }
    }
}
