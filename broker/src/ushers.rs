//! What is done as clients come in, beyond asking who they are: one usher at each door.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use mqtt5::broker::BrokerEventHandler;
use mqtt5::broker::events::{
    ClientConnectEvent, ClientPublishEvent, ClientSubscribeEvent, PublishAction,
};
use mqtt5::broker::router::MessageRouter;
use tokio_util::sync::CancellationToken;

use crate::retained::Retained;

/// No connection has this number.
const NEVER: u64 = u64::MAX;

/// At the program's own door: notes when the program has subscribed.
pub(crate) struct OwnUsher {
    pub(crate) somebody_listens: CancellationToken,
}

impl BrokerEventHandler for OwnUsher {
    fn on_client_subscribe<'a>(
        &'a self,
        _: ClientSubscribeEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.somebody_listens.cancel();
        Box::pin(ready(()))
    }
}

/// At the door for others: whatever they are to hear at QoS 1 goes by their queue, which is bounded.
///
/// Left to itself, mqtt5 hands it over directly and lets the publisher wait while there is no room: one consumer in a slow
/// network would slow every camera down, for everybody. The queue is used as long as a connection is expected to take the
/// session over, so one is expected that never comes.
pub(crate) struct GuestUsher {
    pub(crate) router: Arc<MessageRouter>,
    pub(crate) retained: Arc<Retained>,
}

impl BrokerEventHandler for GuestUsher {
    fn on_client_connect<'a>(
        &'a self,
        event: ClientConnectEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        let queue = self.router.queue_handle(&event.client_id);
        queue.expect_bind(NEVER);
        Box::pin(ready(()))
    }

    /// Notes what is retained: nothing refuses a message after this.
    fn on_client_publish<'a>(
        &'a self,
        event: ClientPublishEvent,
    ) -> Pin<Box<dyn Future<Output = PublishAction> + Send + 'a>> {
        if event.retain {
            let user = event.user_id.as_deref();
            self.retained.keep(user, &event.topic, event.payload.len());
        }
        Box::pin(ready(PublishAction::Continue))
    }
}
