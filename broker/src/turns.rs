//! Whose password is checked next. To check one takes much work and memory on purpose, so it is done one at a time; and of
//! each address one is in line, so that a flood of wrong ones from one machine waits for itself, and a camera does not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The line.
#[derive(Debug)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

/// One's turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_address: OwnedSemaphorePermit,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(1)),
            by_address: Mutex::default(),
        }
    }

    /// Waits for the turn of somebody from `address`.
    pub(crate) async fn turn(&self, address: IpAddr) -> Option<Turn> {
        let of_address = self.of(address).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Turn {
            _of_all: of_all,
            _of_address: of_address,
        })
    }

    fn of(&self, address: IpAddr) -> Arc<Semaphore> {
        let mut by_address = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        by_address.retain(|_, waiting| waiting.strong_count() > 0);
        if let Some(waiting) = by_address.get(&address).and_then(Weak::upgrade) {
            return waiting;
        }
        let waiting = Arc::new(Semaphore::new(1));
        by_address.insert(address, Arc::downgrade(&waiting));
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn who_comes_from_elsewhere_does_not_wait_behind_a_flood() {
        let turns = Arc::new(Turns::new());
        let (flood, camera) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = turns.turn(flood).await;
        let (had, mut order) = mpsc::unbounded_channel();
        for address in [[flood; 50].as_slice(), &[camera]].concat() {
            let (turns, had) = (Arc::clone(&turns), had.clone());
            tokio::spawn(async move {
                let _turn = turns.turn(address).await;
                had.send(address).unwrap();
            });
        }
        drop(had);
        tokio::task::yield_now().await;
        assert!(order.is_empty());
        drop(first);
        assert_eq!(order.recv().await, Some(camera));
        let mut others = 0;
        while order.recv().await.is_some() {
            others += 1;
        }
        assert_eq!(others, 50);
        turns.turn(camera).await;
        assert_eq!(turns.by_address.lock().unwrap().len(), 1);
    }
}
