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
use protocol::topic::TopicPrefix;
use tokio::sync::Semaphore;
use tracing::{error, warn};

use crate::access::User;
use crate::users::{self, UserFile, UsersError};

/// What mqtt5 calls the program itself.
const OWN_NAME: &str = "this-program";
/// What our programs' client ids begin with; a name follows.
const OUR_IDS: [&str; 2] = ["fb-pub-", "fb-sub-"];

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
    /// Whose which session is.
    sessions: Arc<DynamicStorage>,
    /// To check a password takes much work on purpose; a flood of wrong ones may use one processor.
    one_check: Semaphore,
}

impl Guests {
    pub(crate) fn new(
        users: Option<UserFile>,
        prefix: &TopicPrefix,
        sessions: Arc<DynamicStorage>,
    ) -> Self {
        Self {
            users,
            prefix: prefix.to_string(),
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
                    let name = connect.username.as_deref().unwrap_or("nobody");
                    warn!("{from} was not let in as {name:?}: unknown name or wrong password");
                    return AuthResult::fail(ReasonCode::BadUsernameOrPassword);
                }
                Err(unusable) => {
                    error!("nobody is let in: {unusable}");
                    return AuthResult::fail(ReasonCode::ServerUnavailable);
                }
            },
        };
        let result = user.as_ref().map_or_else(AuthResult::success, |user| {
            AuthResult::success_with_user(user.to_string())
        });
        if self
            .is_anothers(&connect.client_id, user.as_ref(), &result)
            .await
        {
            warn!(
                "{from} was not let in: the client id {:?} is another's",
                connect.client_id
            );
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
        let (Some(user), Some(file)) = (user, &self.users) else {
            return false;
        };
        OUR_IDS
            .iter()
            .filter_map(|ours| id.strip_prefix(ours))
            .any(|name| name != user.name() && file.has(name).unwrap_or(true))
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
