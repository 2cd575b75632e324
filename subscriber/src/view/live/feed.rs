//! The newest picture of each camera, from whoever stores it to whoever looks.
//!
//! Storing waits for nobody: it leaves the picture, shared and not copied, and goes on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use protocol::topic::CameraName;
use tokio::sync::watch;

use crate::latest::{Forward, Shot};

/// Cameras of which a picture is kept. Names come from the network: of more, the one that was silent longest is left out.
const MOST_CAMERAS: usize = 256;

/// A picture, and how many there were of all cameras before it.
#[derive(Debug)]
pub(in crate::view) struct Picture {
    pub(in crate::view) shot: Shot,
    pub(in crate::view) nth: u64,
}

/// The storing side.
#[derive(Debug)]
pub(crate) struct Feed {
    forward: Forward,
    newest: Shelf,
    count: watch::Sender<u64>,
}

/// The looking side.
#[derive(Debug, Clone)]
pub(crate) struct Pictures {
    newest: Shelf,
    count: watch::Receiver<u64>,
}

/// Held for as long as it takes to put a picture there or to take one, and never while anything is sent.
#[derive(Debug, Clone, Default)]
struct Shelf(Arc<Mutex<HashMap<CameraName, Arc<Picture>>>>);

/// Both sides.
pub(crate) fn feed() -> (Feed, Pictures) {
    let (count, counted) = watch::channel(0);
    let newest = Shelf::default();
    let pictures = Pictures {
        newest: newest.clone(),
        count: counted,
    };
    let feed = Feed {
        forward: Forward::default(),
        newest,
        count,
    };
    (feed, pictures)
}

impl Feed {
    /// Shows `shot`, if it is newer than what its camera showed before.
    pub(crate) fn offer(&mut self, shot: Shot) {
        let now = Instant::now();
        if !self.forward.is_newer(&shot, now) {
            return;
        }
        self.forward.advance(&shot, now);
        let nth = *self.count.borrow() + 1;
        let mut newest = self.newest.lock();
        if newest.len() >= MOST_CAMERAS && !newest.contains_key(&shot.camera) {
            let silent = newest.iter().min_by_key(|(_, picture)| picture.nth);
            let silent = silent.map(|(camera, _)| camera.clone());
            silent.and_then(|camera| newest.remove(&camera));
        }
        let camera = shot.camera.clone();
        let before = newest.insert(camera, Arc::new(Picture { shot, nth }));
        drop(newest);
        drop(before);
        self.count.send_replace(nth);
    }
}

impl Pictures {
    pub(in crate::view) fn newest(&self, camera: &CameraName) -> Option<Arc<Picture>> {
        self.newest.lock().get(camera).cloned()
    }

    /// Resolves when there is a new picture of any camera; never, if nobody `waits` or there are none.
    pub(in crate::view) async fn changed(pictures: Option<&mut Self>, waits: bool) {
        if let (Some(pictures), true) = (pictures, waits)
            && pictures.count.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, HashMap<CameraName, Arc<Picture>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn shot(camera: &str, second: i64) -> Shot {
        let at = Timestamp::from_second(second).unwrap();
        Shot::foreign(camera.parse().unwrap(), at, second.to_string().into())
    }

    #[test]
    fn only_the_newest_picture_of_a_camera_is_there_and_a_late_one_is_not_shown() {
        let (mut feed, pictures) = feed();
        for (camera, second) in [("door", 1), ("door", 3), ("yard", 2), ("door", 2)] {
            feed.offer(shot(camera, second));
        }
        let jpeg = |camera: &str| {
            pictures
                .newest(&camera.parse().unwrap())
                .unwrap()
                .shot
                .jpeg
                .clone()
        };
        assert_eq!(
            (&jpeg("door")[..], &jpeg("yard")[..]),
            (&b"3"[..], &b"2"[..])
        );
    }

    #[test]
    fn invented_names_do_not_fill_the_memory() {
        let (mut feed, pictures) = feed();
        for nth in 0..1000 {
            feed.offer(shot(&format!("camera-{nth}"), nth));
            feed.offer(shot("door", nth));
        }
        assert_eq!(pictures.newest.lock().len(), MOST_CAMERAS);
        assert!(pictures.newest(&"door".parse().unwrap()).is_some());
    }
}
