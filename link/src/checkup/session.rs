//! Whether the broker remembers a session, tried with one that is removed again.

use runtime::findings::Findings;

use super::{BROKER, Checkup};
use crate::error::LinkError;
use crate::options::SessionKind;
use crate::session::Session;

impl Checkup {
    /// Leaves a session and comes again. Gives a connection to go on with, and whether its session is the program's own.
    pub(super) async fn try_session(
        &mut self,
        session: Session,
        findings: &mut Findings,
    ) -> Result<(Session, bool), LinkError> {
        if session.session_present() {
            findings.ok(
                BROKER,
                "it keeps the session of this user, whatever the client id, and has one for it: that stays as it is",
            );
            return Ok((session, true));
        }
        session.close().await;
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
        // A clean one in its place: nothing is left behind.
        self.options.session = SessionKind::Clean;
        Ok((Session::connect(&self.options).await?, false))
    }
}
