//! Whether the broker remembers a session, tried with one that is removed again.

use std::time::Duration;

use runtime::findings::Findings;

use super::{BROKER, Checkup};
use crate::error::LinkError;
use crate::options::SessionKind;
use crate::session::Session;

/// For who wants none: should one be there, it outlives the check-up by as long as consumers have it by default.
pub(super) const CAUTIOUS: SessionKind = SessionKind::Persistent {
    expiry: Duration::from_hours(24),
};

impl Checkup {
    /// Leaves a session and comes again, where one is `wanted`. Gives a connection to go on with, and whether its session is
    /// the program's own.
    pub(super) async fn try_session(
        &mut self,
        session: Session,
        wanted: SessionKind,
        findings: &mut Findings,
    ) -> Result<(Session, bool), LinkError> {
        let is_wanted = wanted != SessionKind::Clean;
        if session.session_present() {
            let mut says =
                "it keeps the session of this user, whatever the client id, and has one for it: that stays as it is".to_owned();
            if !is_wanted {
                // Whose it is subscribes to other things: a --consumer is missing here, perhaps.
                self.filters.clear();
                says.push_str(", and nothing was subscribed to in it");
            }
            findings.ok(BROKER, says);
            return Ok((session, true));
        }
        session.close().await;
        if is_wanted {
            let again = Session::connect(&self.options).await?;
            if again.session_present() {
                findings.ok(BROKER, "it keeps a session for who is away");
            } else {
                findings.error(
                    BROKER,
                    "it forgets a session at once, so it keeps no frames for a consumer that is away: look at its limits for \
                     persistent sessions",
                );
            }
            again.close().await;
        }
        // A clean one in its place: nothing is left behind.
        self.options.session = SessionKind::Clean;
        Ok((Session::connect(&self.options).await?, false))
    }
}
