//! Who is at a door. Strangers, of whom nobody knows yet who they are, have places of their own: however many knock, those
//! who were let in stay, and who can say a name gets in.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::limits;

/// Everybody at one door.
#[derive(Debug, Default)]
pub(crate) struct Visitors(Mutex<Vec<Visit>>);

#[derive(Debug)]
struct Visit {
    from: SocketAddr,
    /// Set once it is let in.
    guest: Option<Guest>,
    turned_out: CancellationToken,
}

/// Who was let in.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) user: Option<Arc<str>>,
    /// Room, in KiB, for what the user's connections have sent of packets that are not whole yet.
    pub(crate) half_read: Arc<Semaphore>,
}

/// Why somebody is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// Everybody together has all places.
    House,
    /// The user has as many as one may have.
    User,
}

impl Visitors {
    /// Somebody comes. Where strangers have no place left, the one goes who waits longest from the address with most
    /// of them: a flood from one machine drives itself out.
    pub(crate) fn enter(self: &Arc<Self>, from: SocketAddr) -> Visiting {
        let turned_out = CancellationToken::new();
        let mut visits = self.visits();
        let strangers = visits.iter().filter(|visit| visit.guest.is_none());
        let addresses: Vec<_> = strangers.map(|visit| visit.from.ip()).collect();
        if addresses.len() >= limits::STRANGERS {
            let most = most_frequent(&addresses);
            let longest = visits
                .iter()
                .position(|visit| visit.guest.is_none() && Some(visit.from.ip()) == most);
            if let Some(longest) = longest {
                visits.remove(longest).turned_out.cancel();
            }
        }
        visits.push(Visit {
            from,
            guest: None,
            turned_out: turned_out.clone(),
        });
        drop(visits);
        Visiting {
            visitors: Arc::clone(self),
            from,
            turned_out,
        }
    }

    /// The stranger from there is let in, as `user`.
    pub(crate) fn admit(&self, from: SocketAddr, user: Option<&str>) -> Result<(), Full> {
        let mut visits = self.visits();
        let guests = || visits.iter().filter_map(|visit| visit.guest.as_ref());
        if guests().count() >= limits::CONNECTIONS {
            return Err(Full::House);
        }
        let own = || guests().filter(|guest| guest.user.as_deref() == user);
        if user.is_some() && own().count() >= limits::CONNECTIONS_OF_A_USER {
            return Err(Full::User);
        }
        let half_read = own().next().map(|guest| Arc::clone(&guest.half_read));
        let guest = Guest {
            user: user.map(Arc::from),
            half_read: half_read
                .unwrap_or_else(|| Arc::new(Semaphore::new(limits::half_read_kib(user.is_some())))),
        };
        // One that has just been turned out has no place any more.
        let visit = visits.iter_mut().find(|visit| visit.from == from);
        visit.ok_or(Full::House)?.guest = Some(guest);
        Ok(())
    }

    fn visits(&self) -> MutexGuard<'_, Vec<Visit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One visit, until it is dropped.
#[derive(Debug)]
pub(crate) struct Visiting {
    visitors: Arc<Visitors>,
    from: SocketAddr,
    turned_out: CancellationToken,
}

impl Visiting {
    /// Waits until the visitor must go, which it never must once it was let in.
    pub(crate) async fn turned_out(&self) {
        self.turned_out.cancelled().await;
    }

    pub(crate) fn from(&self) -> SocketAddr {
        self.from
    }

    /// Who it is, once it was let in.
    pub(crate) fn guest(&self) -> Option<Guest> {
        let visits = self.visitors.visits();
        let visit = visits.iter().find(|visit| visit.from == self.from)?;
        visit.guest.clone()
    }
}

impl Drop for Visiting {
    fn drop(&mut self) {
        if !self.turned_out.is_cancelled() {
            let mut visits = self.visitors.visits();
            visits.retain(|visit| visit.from != self.from);
        }
    }
}

fn most_frequent(addresses: &[IpAddr]) -> Option<IpAddr> {
    let times = |address: &IpAddr| addresses.iter().filter(|other| *other == address).count();
    addresses.iter().copied().max_by_key(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: u8, port: usize) -> SocketAddr {
        (
            [192, 168, 0, host],
            u16::try_from(port).expect("tests use few"),
        )
            .into()
    }

    #[test]
    fn a_flood_of_strangers_drives_out_itself_alone() {
        let visitors = Arc::new(Visitors::default());
        let guest = visitors.enter(at(1, 1));
        visitors.admit(at(1, 1), Some("camera nest")).unwrap();
        let slow = visitors.enter(at(2, 1));
        let flood: Vec<_> = (0..3 * limits::STRANGERS)
            .map(|port| visitors.enter(at(3, port)))
            .collect();
        let stay = flood.iter().filter(|one| !one.turned_out.is_cancelled());
        assert_eq!(stay.count(), limits::STRANGERS - 1);
        assert!(!slow.turned_out.is_cancelled() && !guest.turned_out.is_cancelled());
        visitors.admit(at(2, 1), None).unwrap();
        assert!(slow.guest().is_some_and(|guest| guest.user.is_none()));
        // One that was turned out is not let in after all.
        assert_eq!(visitors.admit(at(3, 0), None), Err(Full::House));
    }

    #[test]
    fn a_user_has_some_of_the_places_and_gets_them_back() {
        let visitors = Arc::new(Visitors::default());
        let mut own = Vec::new();
        for port in 0..limits::CONNECTIONS_OF_A_USER {
            own.push(visitors.enter(at(1, port)));
            visitors.admit(at(1, port), Some("camera nest")).unwrap();
        }
        let another = visitors.enter(at(1, 999));
        let admit = |user| visitors.admit(at(1, 999), Some(user));
        assert_eq!(admit("camera nest"), Err(Full::User));
        own.pop();
        assert_eq!(admit("camera nest"), Ok(()));
        let (one, other) = (own[0].guest().unwrap(), another.guest().unwrap());
        assert!(Arc::ptr_eq(&one.half_read, &other.half_read));
    }
}
