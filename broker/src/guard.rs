//! Who stands at a door and asks who comes: one at the program's own, one at that for others.

use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use mqtt5::Result as MqttResult;
use mqtt5::broker::auth::{AuthProvider, AuthResult};
use mqtt5::broker::storage::ClientSession;
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use protocol::topic::{ConsumerName, TopicPrefix};
use tracing::error;

use crate::access::User;
use crate::doors::House;
use crate::limits;
use crate::refusals::{Refusals, short};
use crate::retained::Retained;
use crate::sessions::Sessions;
use crate::turns::Turns;
use crate::users::{self, Identities, UserFile, UsersError};
use crate::visitors::{Full, Visitors};

/// What mqtt5 calls the program itself.
const OWN_NAME: &str = "this-program";
/// What our programs' client ids begin with; a name follows.
const CAMERA_ID: &str = "fb-pub-";
const CONSUMER_ID: &str = "fb-sub-";
/// The digits with which a consumer without a name makes its own.
const NAMELESS_DIGITS: usize = 16;

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// At the program's own door: nobody else has its password, which is made anew with each start and written nowhere.
#[derive(Clone)]
pub(crate) struct OwnProgram {
    password: Arc<str>,
    visitors: Arc<Visitors>,
}

impl OwnProgram {
    pub(crate) fn new(visitors: Arc<Visitors>) -> io::Result<Self> {
        let password = users::new_password().map_err(io::Error::other)?;
        Ok(Self {
            password: password.into(),
            visitors,
        })
    }

    pub(crate) fn credentials(&self) -> (String, String) {
        (OWN_NAME.to_owned(), self.password.to_string())
    }
}

impl AuthProvider for OwnProgram {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        from: SocketAddr,
    ) -> Answer<'a, MqttResult<AuthResult>> {
        let is_own = connect.password.as_deref() == Some(self.password.as_bytes());
        Box::pin(ready(Ok(
            if is_own && self.visitors.admit(from, None).is_ok() {
                AuthResult::success_with_user(OWN_NAME)
            } else {
                AuthResult::fail(ReasonCode::BadUsernameOrPassword)
            },
        )))
    }

    fn authorize_publish<'a>(
        &'a self,
        _: &str,
        _: Option<&'a str>,
        _: &'a str,
    ) -> Answer<'a, bool> {
        Box::pin(ready(true))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _: &str,
        _: Option<&'a str>,
        _: &'a str,
    ) -> Answer<'a, bool> {
        Box::pin(ready(true))
    }
}

/// At the door for others.
pub(crate) struct Guests {
    /// Without them everybody may do everything.
    users: Option<Identities>,
    prefix: String,
    /// The program's own name as a consumer: no user may bear it, for receipts go by the name.
    own_name: Option<ConsumerName>,
    refusals: Refusals,
    /// Whose which session is.
    sessions: Sessions,
    checks: Turns,
    visitors: Arc<Visitors>,
    retained: Arc<Retained>,
}

impl Guests {
    pub(crate) fn new(
        users: Option<UserFile>,
        prefix: &TopicPrefix,
        own_name: Option<ConsumerName>,
        house: &House,
        visitors: Arc<Visitors>,
    ) -> Result<Self, UsersError> {
        let users = users.map(Identities::new).transpose()?;
        Ok(Self {
            users,
            prefix: prefix.to_string(),
            own_name,
            refusals: Refusals::default(),
            sessions: house.sessions(),
            retained: house.retained(),
            checks: Turns::new(),
            visitors,
        })
    }

    async fn ask(&self, connect: &ConnectPacket, from: SocketAddr) -> AuthResult {
        let user = match &self.users {
            None => None,
            Some(users) => match self.user(users, connect, from).await {
                Ok(Some(user)) => Some(user),
                Ok(None) => {
                    let name = short(connect.username.as_deref().unwrap_or("nobody"));
                    self.refusals.say(&format!(
                        "{from} was not let in as {name:?}: unknown name or wrong password"
                    ));
                    return AuthResult::fail(ReasonCode::BadUsernameOrPassword);
                }
                Err(unusable) => {
                    error!("nobody is let in: {unusable}");
                    return AuthResult::fail(ReasonCode::ServerUnavailable);
                }
            },
        };
        if let (Some(user), Some(own)) = (&user, &self.own_name)
            && user.name() == own.as_str()
        {
            self.refusals.say(&format!(
                "{from} was not let in: {own} is this program's own --consumer; give the user another name"
            ));
            return AuthResult::fail(ReasonCode::NotAuthorized);
        }
        let result = user.as_ref().map_or_else(AuthResult::success, |user| {
            AuthResult::success_with_user(user.to_string())
        });
        let (id, user_id) = (&connect.client_id, result.user_id.as_deref());
        let is_anothers = user
            .as_ref()
            .is_some_and(|user| bears_anothers_name(id, user.name()));
        // Whoever came with another's client id would end its connection, and could have what is queued for it thrown away.
        if is_anothers || self.sessions.is_anothers(id, user_id).await {
            self.refusals.say(&format!(
                "{from} was not let in: the client id {:?} is another's",
                short(id)
            ));
            return AuthResult::fail(ReasonCode::ClientIdentifierNotValid);
        }
        let leaves_one = ClientSession::expiry_from_connect(connect) != Some(0);
        if leaves_one && !self.sessions.make_room(id, user_id).await {
            self.refusals.say(&format!(
                "{from} was not let in as {}: {} sessions are kept here for clients that are away, and no more",
                user_id.unwrap_or("a client"),
                limits::SESSIONS
            ));
            return AuthResult::fail(ReasonCode::QuotaExceeded);
        }
        if let Some(will) = connect.will.as_ref().filter(|will| will.retain) {
            let kept = self
                .retained
                .reserve(user_id, &will.topic, will.payload.len());
            if let Err(full) = kept {
                self.refusals
                    .say(&format!("{from} was not let in with its will: {full}"));
                return AuthResult::fail(ReasonCode::QuotaExceeded);
            }
        }
        if let Err(full) = self.visitors.admit(from, user_id) {
            let (who, most) = match full {
                Full::House => ("all clients together", limits::CONNECTIONS),
                Full::User => (user_id.unwrap_or("the user"), limits::CONNECTIONS_OF_A_USER),
            };
            self.refusals.say(&format!(
                "{from} was not let in: {who} may have {most} connections, and have them"
            ));
            return AuthResult::fail(ReasonCode::QuotaExceeded);
        }
        result
    }

    async fn user(
        &self,
        users: &Identities,
        connect: &ConnectPacket,
        from: SocketAddr,
    ) -> Result<Option<User>, UsersError> {
        let (Some(name), Some(password)) = (connect.username.clone(), connect.password.clone())
        else {
            return Ok(None);
        };
        let Ok(password) = String::from_utf8(password) else {
            return Ok(None);
        };
        let Some(turn) = self.checks.turn(from.ip()).await else {
            return Ok(None);
        };
        let users = users.clone();
        // Whoever asked may be gone before it is checked; the turn ends with the check.
        let checked = tokio::task::spawn_blocking(move || {
            let user = users.user(&name, &password);
            drop(turn);
            user
        });
        checked.await.unwrap_or(Ok(None))
    }

    /// Whether the user, as [`AuthResult`] named it, may do this.
    fn may(&self, user: Option<&str>, what: impl FnOnce(&User, &str) -> bool) -> bool {
        if self.users.is_none() {
            return true;
        }
        let user = user.and_then(User::parse_said);
        user.is_some_and(|user| what(&user, &self.prefix))
    }
}

/// Whether one of our programs of another name would have this client id, be it a user's already or not yet.
fn bears_anothers_name(id: &str, own: &str) -> bool {
    if let Some(name) = id.strip_prefix(CAMERA_ID) {
        return name != own;
    }
    id.strip_prefix(CONSUMER_ID).is_some_and(|name| {
        let is_nameless =
            name.len() == NAMELESS_DIGITS && name.bytes().all(|digit| digit.is_ascii_hexdigit());
        name != own && !is_nameless
    })
}

impl AuthProvider for Guests {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        from: SocketAddr,
    ) -> Answer<'a, MqttResult<AuthResult>> {
        Box::pin(async move { Ok(self.ask(connect, from).await) })
    }

    fn authorize_publish<'a>(
        &'a self,
        _: &str,
        user: Option<&'a str>,
        topic: &'a str,
    ) -> Answer<'a, bool> {
        let may = self.may(user, |user, prefix| user.may_publish(prefix, topic));
        Box::pin(ready(may))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _: &str,
        user: Option<&'a str>,
        filter: &'a str,
    ) -> Answer<'a, bool> {
        // A thousand filters of 64 KiB would be kept twice each.
        let is_short = filter.len() <= limits::SIZES.topic;
        let may = self.may(user, |user, prefix| user.may_subscribe(prefix, filter));
        Box::pin(ready(is_short && may))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_its_users_even_before_there_is_one() {
        for id in [
            "fb-pub-nest",
            "fb-sub-nest",
            "fb-sub-0123456789abcdef",
            "mosquitto",
            "",
        ] {
            assert!(!bears_anothers_name(id, "nest"), "{id}");
        }
        for id in [
            "fb-pub-door",
            "fb-pub-",
            "fb-pub-0123456789abcdef",
            "fb-sub-office",
        ] {
            assert!(bears_anothers_name(id, "nest"), "{id}");
        }
    }
}
