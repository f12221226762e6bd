//! The one judge of tokens: whatever goes on for longer than a moment (a live stream, a question that waits, a stream of
//! events) is admitted here, on every transport, and told when it must end.
//!
//! ```text
//! token --check--> claims --covers?--> Permit --ended()--> the transport says goodbye
//!                                        ^ renew: a later token         | within 2 s of its expiry, at once when it is
//!                                                                       | revoked or the camera is deleted
//! ```
//! Words and hands: [`revoked`], [`given`]. Brains: [`roll`] decides who goes on, [`scope`] what a token covers. What does not belong
//! here: signatures ([`crate::tokens`]), how a transport says goodbye.

mod given;
mod made;
mod revoked;
mod roll;
mod scope;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tarsier_api::rights::{Claims, Right, RtspLogin, TokenItem};
use tarsier_live::LiveStream;
use tarsier_live::fanout::StreamId;
use tarsier_types::{Clock, SystemClock};
use tokio::sync::watch;

pub(crate) use self::given::GivenFile;
pub(crate) use self::made::MadeFolder;
pub(crate) use self::revoked::RevokedFile;
pub(crate) use self::roll::{Ending, PermitId};
use self::roll::{Look, Roll};
pub(crate) use self::scope::{
    OutOfScope, Wanted, covers, covers_all_else, covers_camera, covers_stream, may_see,
};
use crate::secrets::random_bytes;
use crate::tokens::{Grant, TokenError, Tokens, expires};

/// A permit is looked at again after so long at the latest: the wall clock may be set meanwhile, and what has expired must
/// end within 5 s.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Why somebody is not let in, or not any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Scope(#[from] OutOfScope),
    #[error("there is no such session")]
    NoSession,
}

/// Whether there is anything that a token opens by RTSP.
fn has_login(claims: &Claims) -> bool {
    claims.rights.as_ref().is_none_or(|rights| rights.contains(&Right::Live))
}

/// A handle; all of them are the same judge.
#[derive(Clone)]
pub(crate) struct Sessions {
    shared: Arc<Shared>,
}

/// What is kept of tokens.
pub(crate) struct Files {
    pub(crate) revoked: RevokedFile,
    pub(crate) given: GivenFile,
    pub(crate) made: MadeFolder,
}

struct Shared {
    clock: SystemClock,
    tokens: Tokens,
    roll: Mutex<Roll>,
    /// Told when something ends that has not expired.
    changes: watch::Sender<()>,
    /// Locked while they are written: an older list never replaces a newer one.
    files: Mutex<Lists>,
    made: MadeFolder,
}

/// What the hub writes.
struct Lists {
    revoked: RevokedFile,
    given: GivenFile,
}

impl Shared {
    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// With what was revoked and given earlier.
    pub(crate) fn open(tokens: Tokens, files: Files, clock: SystemClock) -> io::Result<Self> {
        let Files { revoked, given, made } = files;
        let roll = Mutex::new(Roll::new(revoked.read(clock.utc())?, given.read()?));
        let (changes, files) = (watch::Sender::new(()), Mutex::new(Lists { revoked, given }));
        Ok(Self { shared: Arc::new(Shared { clock, tokens, roll, changes, files, made }) })
    }

    /// A new token, good from now on.
    pub(crate) fn issue(&self, grant: Grant<'_>, lifetime: Duration) -> (String, Claims) {
        self.shared.tokens.issue(grant, self.shared.clock.utc(), lifetime)
    }

    /// A new token to hand on: it is listed until it ends, and ends then, however it is renewed. When the list cannot be
    /// written, there is no token.
    pub(crate) async fn give(
        &self,
        grant: Grant<'_>,
        lifetime: Duration,
    ) -> io::Result<(String, Claims)> {
        let (token, claims) = self.shared.tokens.give(grant, self.shared.clock.utc(), lifetime);
        let given = claims.clone();
        self.write(move |shared, files| {
            let mut list = shared.roll().given().clone();
            list.add(given, shared.clock.utc());
            files.given.write(&list)?;
            shared.roll().give(list);
            Ok(())
        })
        .await?;
        Ok((token, claims))
    }

    /// Another token of the same grant, good from now on.
    pub(crate) fn renew(&self, claims: Claims, lifetime: Duration) -> (String, Claims) {
        self.shared.tokens.renew(claims, self.shared.clock.utc(), lifetime)
    }

    /// User name and password for RTSP of what was handed on under that name.
    pub(crate) fn login(&self, id: &str) -> Option<(RtspLogin, Claims)> {
        let claims = self.given().into_iter().find(|claims| claims.jti == id)?;
        has_login(&claims).then(|| (self.shared.tokens.login(&claims), claims))
    }

    /// What a token says that was handed on, if somebody knows its user name and password, or the token itself, by any name.
    /// `knows` is whether he knows a text.
    pub(crate) fn find(
        &self,
        user: &str,
        knows: impl Fn(&str) -> bool,
    ) -> Result<Claims, TokenError> {
        let (tokens, given) = (&self.shared.tokens, self.given());
        let mut refused = TokenError::NoUser;
        for claims in given.iter().filter(|claims| has_login(claims)) {
            let login = tokens.login(claims);
            if login.username == user {
                if knows(&login.password) {
                    return Ok(claims.clone());
                }
                refused = TokenError::WrongPassword;
            }
        }
        let made = self.made();
        given.into_iter().chain(made).find(|claims| knows(&tokens.sign(claims))).ok_or(refused)
    }

    fn given(&self) -> Vec<Claims> {
        let (now, roll) = (self.shared.clock.utc(), self.shared.roll());
        roll.given().good(now).filter(|claims| !roll.is_revoked(claims)).cloned().collect()
    }

    /// What `tarsierd token` made.
    fn made(&self) -> Vec<Claims> {
        let made = self.shared.made.good(self.shared.clock.utc());
        let roll = self.shared.roll();
        made.into_iter().filter(|claims| !roll.is_revoked(claims)).collect()
    }

    /// Somebody has shown that he is the holder of that. It may be over since it was found.
    pub(crate) fn show(&self, claims: &Claims) -> Result<(), TokenError> {
        let now = self.shared.clock.utc();
        let mut roll = self.shared.roll();
        if roll.is_revoked(claims) {
            return Err(TokenError::Revoked);
        }
        if expires(claims) <= now {
            return Err(TokenError::Expired);
        }
        roll.used(now, claims);
        Ok(())
    }

    /// What a token says, if it is good now.
    pub(crate) fn check(&self, token: &str) -> Result<Claims, TokenError> {
        let claims = self.shared.tokens.check(token, self.shared.clock.utc())?;
        self.show(&claims)?;
        Ok(claims)
    }

    /// Lets something begin, for whoever has shown just now that he holds these claims, if they are good for it.
    pub(crate) fn admit(&self, claims: &Claims, wanted: Wanted) -> Result<Permit, Refused> {
        covers(claims, &wanted)?;
        let id = PermitId(u128::from_be_bytes(random_bytes()));
        let mut roll = self.shared.roll();
        if roll.is_revoked(claims) {
            return Err(TokenError::Revoked.into());
        }
        roll.admit(id, wanted, claims);
        Ok(Permit { id, shared: Arc::clone(&self.shared) })
    }

    /// Lets a session go on under another token, if that is good for it. `stream` is what the session is said to show.
    pub(crate) fn prolong(
        &self,
        id: PermitId,
        stream: &StreamId,
        token: &str,
    ) -> Result<(), Refused> {
        match self.shared.roll().wanted(id) {
            Some(Wanted::Stream(shown, _)) if shown == stream => {}
            Some(Wanted::Streams(camera, streams, _))
                if *camera == stream.0
                    && streams.iter().any(|shown| LiveStream::from(*shown) == stream.1) => {}
            _ => return Err(Refused::NoSession),
        }
        self.shared.prolong(id, token)
    }

    /// Ends all that goes on under the tokens of that name, now, and lets none of them in again. When this fails, it is
    /// done, but only until the hub is started anew.
    pub(crate) async fn revoke(&self, id: &str) -> io::Result<()> {
        self.shared.roll().revoke(self.shared.clock.utc(), id);
        self.shared.changes.send_replace(());
        self.write(|shared, files| {
            let revoked = shared.roll().revoked().clone();
            files.revoked.write(&revoked)
        })
        .await
    }

    async fn write(
        &self,
        write: impl FnOnce(&Shared, &Lists) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let written = tokio::task::spawn_blocking(move || {
            let files = shared.files.lock().unwrap_or_else(PoisonError::into_inner);
            write(&shared, &files)
        });
        written.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// Ends all that shows a stream which is gone.
    pub(crate) fn end_stream(&self, stream: &StreamId) {
        self.shared.roll().end_stream(stream);
        self.shared.changes.send_replace(());
    }

    /// Tokens that were given or used and are good still.
    pub(crate) fn known(&self) -> Vec<TokenItem> {
        self.shared.roll().known(self.shared.clock.utc())
    }
}

impl Shared {
    fn prolong(&self, id: PermitId, token: &str) -> Result<(), Refused> {
        let claims = self.tokens.check(token, self.clock.utc())?;
        let mut roll = self.roll();
        if roll.is_revoked(&claims) {
            return Err(TokenError::Revoked.into());
        }
        roll.renew(id, &claims)
    }
}

/// Leave to go on. Dropping it is the end of what it was for.
pub(crate) struct Permit {
    id: PermitId,
    shared: Arc<Shared>,
}

impl Permit {
    pub(crate) const fn id(&self) -> PermitId {
        self.id
    }

    /// Whether it is over.
    pub(crate) fn has_ended(&self) -> bool {
        let look = self.shared.roll().look(self.id, self.shared.clock.utc());
        matches!(look, Look::Over(_))
    }

    /// Waits until it must end.
    pub(crate) async fn ended(&self) -> Ending {
        let mut changes = self.shared.changes.subscribe();
        loop {
            let wait = match self.shared.roll().look(self.id, self.shared.clock.utc()) {
                Look::Over(ending) => return ending,
                Look::Good(left) => left.min(LOOK_AGAIN),
            };
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Goes on under another token, if that is good for it.
    pub(crate) fn prolong(&self, token: &str) -> Result<(), Refused> {
        self.shared.prolong(self.id, token)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.roll().leave(self.id);
    }
}
