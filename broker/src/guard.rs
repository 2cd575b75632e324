//! Who stands at a door and asks who comes: one at the program's own, one at that for others.

use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use mqtt5::Result as MqttResult;
use mqtt5::broker::auth::{AuthProvider, AuthResult};
use mqtt5::broker::{DynamicStorage, StorageBackend as _};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;
use protocol::topic::{ConsumerName, TopicPrefix};
use tokio::sync::Semaphore;
use tracing::error;

use crate::access::User;
use crate::refusals::{Refusals, short};
use crate::users::{self, UserFile, UsersError};

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
}

impl OwnProgram {
    pub(crate) fn new() -> io::Result<Self> {
        let password = users::new_password().map_err(io::Error::other)?;
        Ok(Self {
            password: password.into(),
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
        _: SocketAddr,
    ) -> Answer<'a, MqttResult<AuthResult>> {
        let is_own = connect.password.as_deref() == Some(self.password.as_bytes());
        Box::pin(ready(Ok(if is_own {
            AuthResult::success_with_user(OWN_NAME)
        } else {
            AuthResult::fail(ReasonCode::BadUsernameOrPassword)
        })))
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
    users: Option<UserFile>,
    prefix: String,
    /// The program's own name as a consumer: no user may bear it, for receipts go by the name.
    own_name: Option<ConsumerName>,
    refusals: Refusals,
    /// Whose which session is.
    sessions: Arc<DynamicStorage>,
    /// To check a password takes much work on purpose; a flood of wrong ones may use one processor.
    one_check: Semaphore,
}

impl Guests {
    pub(crate) fn new(
        users: Option<UserFile>,
        prefix: &TopicPrefix,
        own_name: Option<ConsumerName>,
        sessions: Arc<DynamicStorage>,
    ) -> Self {
        Self {
            users,
            prefix: prefix.to_string(),
            own_name,
            refusals: Refusals::default(),
            sessions,
            one_check: Semaphore::new(1),
        }
    }

    async fn ask(&self, connect: &ConnectPacket, from: SocketAddr) -> AuthResult {
        let user = match &self.users {
            None => None,
            Some(file) => match self.user(file, connect).await {
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
        if self
            .is_anothers(&connect.client_id, user.as_ref(), &result)
            .await
        {
            self.refusals.say(&format!(
                "{from} was not let in: the client id {:?} is another's",
                short(&connect.client_id)
            ));
            return AuthResult::fail(ReasonCode::ClientIdentifierNotValid);
        }
        result
    }

    async fn user(
        &self,
        file: &UserFile,
        connect: &ConnectPacket,
    ) -> Result<Option<User>, UsersError> {
        let (Some(name), Some(password)) = (connect.username.clone(), connect.password.clone())
        else {
            return Ok(None);
        };
        let Ok(password) = String::from_utf8(password) else {
            return Ok(None);
        };
        let Ok(_turn) = self.one_check.acquire().await else {
            return Ok(None);
        };
        let file = file.clone();
        let checked = tokio::task::spawn_blocking(move || file.user(&name, &password)).await;
        checked.unwrap_or(Ok(None))
    }

    /// A session belongs to its user: whoever came with another's client id would end its connection, and could have
    /// what is queued for it thrown away.
    async fn is_anothers(&self, id: &str, user: Option<&User>, result: &AuthResult) -> bool {
        if let Ok(Some(session)) = self.sessions.get_session(id).await
            && session.user_id != result.user_id
        {
            return true;
        }
        user.is_some_and(|user| bears_anothers_name(id, user.name()))
    }

    /// Whether the user, as [`AuthResult`] named it, may do this.
    fn may(&self, user: Option<&str>, what: impl FnOnce(&User, &str) -> bool) -> bool {
        if self.users.is_none() {
            return true;
        }
        let user = user.and_then(|user| user.split_once(' '));
        let user = user.and_then(|(kind, name)| User::parse(kind, name));
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
        let may = self.may(user, |user, prefix| user.may_subscribe(prefix, filter));
        Box::pin(ready(may))
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
