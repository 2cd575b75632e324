//! Sessions that outlive their connections: whose they are, and how many there may be. Each may have a queue as large as
//! `limits` allows, so a user who leaves one after another behind would fill the memory.

use std::sync::Arc;

use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::storage::ClientSession;
use mqtt5::broker::{DynamicStorage, StorageBackend as _};
use tracing::warn;

use crate::limits;

/// What mqtt5 has of them.
pub(crate) struct Sessions {
    pub(crate) storage: Arc<DynamicStorage>,
    pub(crate) router: Arc<MessageRouter>,
}

impl Sessions {
    /// Whether the session of client `id` is another user's.
    pub(crate) async fn is_anothers(&self, id: &str, user: Option<&str>) -> bool {
        let session = self.storage.get_session(id).await.ok().flatten();
        session.is_some_and(|session| session.user_id.as_deref() != user)
    }

    /// Whether client `id` may leave a session behind. Where there is no room, the one goes that was left longest: the user's own,
    /// or of the user who has most of them. Frames that waited in it are mended by receipts, as those of any broker that forgets.
    pub(crate) async fn make_room(&self, id: &str, user: Option<&str>) -> bool {
        loop {
            let kept = self.kept().await;
            if kept.iter().any(|session| session.client_id == id) {
                return true;
            }
            let victim = match room(&kept, user) {
                Room::There => return true,
                Room::AtTheCostOf(crowd) => longest_left(&kept, crowd),
            };
            let Some(victim) = victim else {
                return false;
            };
            warn!(
                "the broker forgets the session of client {:?}, for {} leaves too many behind",
                crate::refusals::short(&victim.client_id),
                victim.user_id.as_deref().unwrap_or("somebody")
            );
            self.forget(&victim.client_id).await;
        }
    }

    /// All that outlive their connections.
    async fn kept(&self) -> Vec<ClientSession> {
        let mut kept = Vec::new();
        for id in self.storage.session_client_ids().await.unwrap_or_default() {
            let session = self.storage.get_session(&id).await.ok().flatten();
            kept.extend(session.filter(|session| session.expiry_interval != Some(0)));
        }
        kept
    }

    async fn forget(&self, id: &str) {
        let slot = self.router.lock_session(id).await;
        let session = self.storage.get_session(id).await.ok().flatten();
        // It may have come back meanwhile.
        if session.is_some_and(|session| !session.connected) {
            let _ = self.storage.remove_session(id).await;
            let _ = self.router.set_client_subscriptions(&slot, None).await;
            let _ = self.storage.remove_all_inflight_messages(id).await;
            self.router.queue_handle(id).clear(None);
        }
    }
}

enum Room<'a> {
    There,
    /// Of this user, or of those without a name, one must go.
    AtTheCostOf(Option<&'a str>),
}

/// Whether there is room for one more of `user`.
fn room<'a>(kept: &'a [ClientSession], user: Option<&'a str>) -> Room<'a> {
    let of = |user: Option<&str>| {
        let own = kept.iter().filter(|one| one.user_id.as_deref() == user);
        own.count()
    };
    if user.is_some() && of(user) >= limits::SESSIONS_OF_A_USER {
        return Room::AtTheCostOf(user);
    }
    if kept.len() < limits::SESSIONS {
        return Room::There;
    }
    let users = kept.iter().map(|one| one.user_id.as_deref());
    let most = users.max_by_key(|user| of(*user)).flatten();
    // Among equals nobody has to give way but who wants more.
    Room::AtTheCostOf(if of(most) > of(user) + 1 { most } else { user })
}

fn longest_left(kept: &[ClientSession], user: Option<&str>) -> Option<ClientSession> {
    let own = kept.iter().filter(|one| one.user_id.as_deref() == user);
    let left = own.filter(|one| !one.connected);
    left.min_by_key(|one| one.disconnected_at).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt5::broker::MemoryBackend;

    /// The sessions that there are, each a user's and left in this order.
    async fn left(users: impl IntoIterator<Item = String>) -> Sessions {
        let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::new()));
        for (nth, user) in (1..).zip(users) {
            let mut session = ClientSession::new(format!("client-{nth}"), true, Some(3600));
            session.user_id = Some(user);
            session.mark_disconnected(mqtt5::broker::storage::unix_millis_now() + nth);
            storage.store_session(session).await.unwrap();
        }
        let router = Arc::new(MessageRouter::with_storage(Arc::clone(&storage)));
        Sessions { storage, router }
    }

    async fn ids(sessions: &Sessions) -> Vec<String> {
        let mut ids = sessions.storage.session_client_ids().await.unwrap();
        ids.sort_by_key(|id| id["client-".len()..].parse::<u32>().unwrap());
        ids
    }

    #[tokio::test]
    async fn a_user_who_leaves_too_many_behind_loses_the_oldest() {
        let own = vec!["consumer a".to_owned(); limits::SESSIONS_OF_A_USER];
        let sessions = left(own.into_iter().chain(["consumer b".to_owned()])).await;
        assert!(sessions.make_room("client-2", Some("consumer a")).await);
        assert!(sessions.make_room("new", Some("consumer b")).await);
        assert_eq!(ids(&sessions).await[0], "client-1");
        assert!(sessions.make_room("new", Some("consumer a")).await);
        assert_eq!(ids(&sessions).await[0], "client-2");
        assert_eq!(ids(&sessions).await.len(), limits::SESSIONS_OF_A_USER);
    }

    #[tokio::test]
    async fn where_all_places_are_taken_who_has_most_gives_way_and_nobody_else() {
        let users = |users: usize| move |nth: usize| format!("consumer {}", nth % users);
        let crowd = (0..limits::SESSIONS).map(users(limits::SESSIONS / 4));
        let sessions = left(crowd).await;
        assert!(sessions.make_room("new", Some("consumer new")).await);
        assert_eq!(ids(&sessions).await.len(), limits::SESSIONS - 1);

        let sessions = left((0..limits::SESSIONS).map(users(limits::SESSIONS))).await;
        assert!(!sessions.make_room("new", Some("consumer new")).await);
        assert_eq!(ids(&sessions).await.len(), limits::SESSIONS);
    }
}
