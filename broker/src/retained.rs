//! How much of what is retained is whose. Nobody's share is another's, so nobody pushes another out: a camera that fills its
//! own takes no consumer's receipts away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::access::User;
use crate::framing::Violation;
use crate::limits;

/// What one may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// Every retained message, by whose it is.
#[derive(Debug)]
pub(crate) struct Retained {
    prefix: String,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By topic, who published it and how large it is.
    topics: HashMap<String, (Arc<str>, usize)>,
    shares: HashMap<Arc<str>, Share>,
}

impl Retained {
    pub(crate) fn new(prefix: String) -> Self {
        Self {
            prefix,
            kept: Mutex::default(),
        }
    }

    /// Whether `user` may retain a payload of `bytes` on `topic`, in place of what is there. Asked when a message begins to come, so
    /// that it may go beyond the share by what is under way.
    pub(crate) fn check(
        &self,
        user: Option<&str>,
        topic: &str,
        bytes: usize,
    ) -> Result<(), Violation> {
        let most = limits::retained(user.is_some());
        let share = self.kept().with(user.unwrap_or_default(), topic, bytes);
        if bytes == 0 || (share.messages <= most.messages && share.bytes <= most.bytes) {
            return Ok(());
        }
        // What mqtt5 will not let a user publish at all is for it to answer.
        if user.is_some_and(|user| !self.may_publish(user, topic)) {
            return Ok(());
        }
        Err(Violation::Refused(
            "no user may have that much retained: clear old messages first",
        ))
    }

    /// `user` has retained a payload of `bytes` on `topic`; none took away what was there.
    pub(crate) fn keep(&self, user: Option<&str>, topic: &str, bytes: usize) {
        self.kept().set(user.unwrap_or_default(), topic, bytes);
    }

    /// [`Self::check`] for a will, whose place is kept for it beside what is on the topic until then.
    pub(crate) fn reserve(
        &self,
        user: Option<&str>,
        topic: &str,
        bytes: usize,
    ) -> Result<(), Violation> {
        self.check(user, topic, bytes)?;
        if bytes > 0 && user.is_none_or(|user| self.may_publish(user, topic)) {
            let mut kept = self.kept();
            let before = kept.topics.get(topic).map_or(0, |(_, bytes)| *bytes);
            kept.set(user.unwrap_or_default(), topic, bytes.max(before));
        }
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_publish(&self, user: &str, topic: &str) -> bool {
        let user = User::parse_said(user);
        user.is_some_and(|user| user.may_publish(&self.prefix, topic))
    }
}

impl Kept {
    /// The share of `user`, had it `bytes` on `topic`.
    fn with(&self, user: &str, topic: &str, bytes: usize) -> Share {
        let share = self.shares.get(user).copied().unwrap_or_default();
        let before = self.topics.get(topic);
        let before = before.filter(|(owner, _)| **owner == *user);
        Share {
            messages: share.messages + usize::from(before.is_none()),
            bytes: share.bytes + bytes - before.map_or(0, |(_, bytes)| *bytes),
        }
    }

    fn set(&mut self, user: &str, topic: &str, bytes: usize) {
        self.forget(topic);
        if bytes > 0 {
            let (user, share) = (Arc::<str>::from(user), self.with(user, topic, bytes));
            self.shares.insert(Arc::clone(&user), share);
            self.topics.insert(topic.to_owned(), (user, bytes));
        }
    }

    fn forget(&mut self, topic: &str) {
        let Some((owner, bytes)) = self.topics.remove(topic) else {
            return;
        };
        if let Some(share) = self.shares.get_mut(&owner) {
            share.messages -= 1;
            share.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICE: Option<&str> = Some("consumer office");
    const DEN: Option<&str> = Some("consumer den");

    /// What a user does who keeps to the rules.
    fn publish(retained: &Retained, user: Option<&str>, camera: &str, bytes: usize) -> bool {
        let name = user.and_then(|user| user.split_once(' ')).unwrap().1;
        let topic = format!("cameras/{camera}/receipts/{name}");
        let may = retained.check(user, &topic, bytes).is_ok();
        if may {
            retained.keep(user, &topic, bytes);
        }
        may
    }

    #[test]
    fn a_share_is_full_for_its_user_alone_until_something_is_cleared() {
        let retained = Retained::new("cameras".to_owned());
        let publish = |user, camera: &str, bytes| publish(&retained, user, camera, bytes);
        let Share { messages, bytes } = limits::retained(true);
        for camera in 0..messages {
            assert!(publish(OFFICE, &format!("c{camera}"), 1));
        }
        assert!(!publish(OFFICE, "one-more", 1));
        assert!(publish(OFFICE, "c0", 2));
        assert!(publish(DEN, "one-more", 1));
        assert!(publish(OFFICE, "c0", 0) && publish(OFFICE, "one-more", 1));

        assert!(publish(DEN, "one-more", bytes));
        assert!(!publish(DEN, "one-more", bytes + 1) && !publish(DEN, "c1", 1));
        assert!(publish(DEN, "one-more", 0) && publish(DEN, "c1", 1));
    }

    #[test]
    fn a_will_takes_its_place_beforehand_and_gives_none_back() {
        let retained = Retained::new("cameras".to_owned());
        let bytes = limits::retained(true).bytes;
        let topic = "cameras/c1/receipts/office";
        assert!(publish(&retained, OFFICE, "c1", bytes - 1));
        for will in [0, 1] {
            retained.reserve(OFFICE, topic, will).unwrap();
            assert!(!publish(&retained, OFFICE, "c2", 2));
        }
        retained
            .reserve(OFFICE, "cameras/c2/receipts/office", 1)
            .unwrap();
        assert!(!publish(&retained, OFFICE, "c3", 1));
        // One that may not be published counts for nobody.
        retained.reserve(OFFICE, "cameras/c3/frames", 1).unwrap();
        assert!(publish(&retained, DEN, "c3", 1));
    }
}
