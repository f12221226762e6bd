//! Brain: which tokens are good, what goes on under them, and when each of it is over.
//!
//! What does not belong here: signatures ([`crate::tokens`]), whom a token allows what ([`super::scope`]), waiting.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tarsier_api::rights::{Claims, TokenItem};
use tarsier_live::LiveStream;
use tarsier_live::fanout::StreamId;
use tarsier_types::UtcMs;

use super::given::Given;
use super::revoked::Revoked;
use super::scope::{Wanted, covers};
use super::{Refused, has_login};
use crate::tokens::expires;

/// Tokens that are remembered as used; beyond that, the one that was not used for longest is forgotten.
const MOST_REMEMBERED: usize = 1000;

/// Names a permit: chance, so that it can stand in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PermitId(pub(crate) u128);

/// Why something that went on must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its token, and none was handed over in time.
    Expired,
    /// Somebody took the token back.
    Revoked,
    /// The camera or its stream is gone.
    StreamGone,
}

/// What is to be done with a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is good for so long, if nothing happens.
    Good(Duration),
    /// It is over.
    Over(Ending),
}

#[derive(Debug)]
struct Permitted {
    token: String,
    wanted: Wanted,
    until: UtcMs,
    ended: Option<Ending>,
}

#[derive(Debug)]
struct Used {
    claims: Claims,
    at: UtcMs,
}

/// The brain.
#[derive(Debug)]
pub(crate) struct Roll {
    permits: HashMap<PermitId, Permitted>,
    used: HashMap<String, Used>,
    revoked: Revoked,
    given: Given,
}

impl Roll {
    pub(crate) fn new(revoked: Revoked, mut given: Given) -> Self {
        given.forget(|claims| revoked.holds(claims));
        Self { permits: HashMap::new(), used: HashMap::new(), revoked, given }
    }

    pub(crate) fn is_revoked(&self, claims: &Claims) -> bool {
        self.revoked.holds(claims)
    }

    /// What was handed on, to be kept.
    pub(crate) const fn given(&self) -> &Given {
        &self.given
    }

    /// That, with one more. What was revoked while it was written is not among it again.
    pub(crate) fn give(&mut self, mut given: Given) {
        given.forget(|claims| self.revoked.holds(claims));
        self.given = given;
    }

    /// Somebody showed a good token.
    pub(crate) fn used(&mut self, now: UtcMs, claims: &Claims) {
        let Some(used) = self.used.get_mut(&claims.jti) else {
            if self.used.len() >= MOST_REMEMBERED {
                self.make_room(now);
            }
            self.used.insert(claims.jti.clone(), Used { claims: claims.clone(), at: now });
            return;
        };
        used.at = now;
        // Of several that share the name, the widest is shown: what is made for a stream comes and goes.
        if claims.rights.is_none() || used.claims.rights.is_some() {
            used.claims.clone_from(claims);
        }
    }

    fn make_room(&mut self, now: UtcMs) {
        self.used.retain(|_, used| expires(&used.claims) > now);
        if self.used.len() >= MOST_REMEMBERED {
            let oldest = self.used.iter().min_by_key(|(_, used)| used.at);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                self.used.remove(&oldest);
            }
        }
    }

    /// Something begins that the token covers.
    pub(crate) fn admit(&mut self, id: PermitId, wanted: Wanted, claims: &Claims) {
        let (token, until) = (claims.jti.clone(), expires(claims));
        self.permits.insert(id, Permitted { token, wanted, until, ended: None });
    }

    /// What a permit is for.
    pub(crate) fn wanted(&self, id: PermitId) -> Option<&Wanted> {
        self.permits.get(&id).map(|permitted| &permitted.wanted)
    }

    /// It goes on under another token, if that covers it.
    pub(crate) fn renew(&mut self, id: PermitId, claims: &Claims) -> Result<(), Refused> {
        let permitted = self.permits.get_mut(&id).ok_or(Refused::NoSession)?;
        covers(claims, &permitted.wanted)?;
        permitted.token.clone_from(&claims.jti);
        permitted.until = expires(claims);
        Ok(())
    }

    /// It ended by itself.
    pub(crate) fn leave(&mut self, id: PermitId) {
        self.permits.remove(&id);
    }

    /// How long a permit is good. The wall clock may be set at any time: look again.
    pub(crate) fn look(&self, id: PermitId, now: UtcMs) -> Look {
        let Some(permitted) = self.permits.get(&id) else { return Look::Over(Ending::StreamGone) };
        let left = u64::try_from(permitted.until.millis_since(now)).unwrap_or_default();
        match permitted.ended {
            Some(ending) => Look::Over(ending),
            None if left == 0 => Look::Over(Ending::Expired),
            None => Look::Good(Duration::from_millis(left)),
        }
    }

    /// A token is good for nothing any more.
    pub(crate) fn revoke(&mut self, now: UtcMs, token: &str) {
        self.revoked.add(token, now);
        self.used.remove(token);
        self.given.forget(|claims| claims.jti == token);
        for permitted in self.permits.values_mut().filter(|permitted| permitted.token == token) {
            permitted.ended.get_or_insert(Ending::Revoked);
        }
    }

    /// All that is revoked, to be kept.
    pub(crate) const fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// A camera's stream is gone.
    pub(crate) fn end_stream(&mut self, gone: &StreamId) {
        for permitted in self.permits.values_mut() {
            let is_gone = match &mut permitted.wanted {
                Wanted::Stream(stream, _) => stream == gone,
                Wanted::Streams(camera, streams, _) if *camera == gone.0 => {
                    streams.retain(|stream| LiveStream::from(*stream) != gone.1);
                    streams.is_empty()
                }
                _ => false,
            };
            if is_gone {
                permitted.ended.get_or_insert(Ending::StreamGone);
            }
        }
    }

    /// Tokens that were given or used and are good: those that nobody used first, by when they were given; then by what was
    /// used last.
    pub(crate) fn known(&self, now: UtcMs) -> Vec<TokenItem> {
        // What is made of a given token is narrower than it: its own words are shown.
        let given = self.given.good(now).map(|claims| TokenItem {
            has_rtsp_login: has_login(claims),
            ..self.item(claims, self.used_at(claims))
        });
        let ids: HashSet<&str> = self.given.good(now).map(|claims| claims.jti.as_str()).collect();
        let good = self.used.values().filter(|used| expires(&used.claims) > now);
        let others = good.filter(|used| !ids.contains(used.claims.jti.as_str()));
        let others = others.map(|used| self.item(&used.claims, Some(used.at)));
        let mut items: Vec<_> = given.chain(others).collect();
        let order = |it: &TokenItem| {
            let moment = it.used_utc_ms.unwrap_or(it.issued_utc_ms);
            (it.used_utc_ms.is_some(), std::cmp::Reverse(moment), it.id.clone())
        };
        items.sort_by_cached_key(order);
        items
    }

    fn used_at(&self, claims: &Claims) -> Option<UtcMs> {
        self.used.get(&claims.jti).map(|used| used.at)
    }

    fn item(&self, claims: &Claims, used: Option<UtcMs>) -> TokenItem {
        let Claims { jti, sub, role, cameras, streams, rights, iat, until, .. } = claims.clone();
        let is_renewable = until.is_none() && rights.is_none();
        let running = self.permits.values().filter(|permitted| permitted.token == jti).count();
        TokenItem {
            id: jti,
            subject: sub,
            role,
            cameras,
            streams,
            rights,
            issued_utc_ms: iat.saturating_mul(1000),
            expires_utc_ms: expires(claims).0,
            is_renewable,
            used_utc_ms: used.map(|at| at.0),
            running: running.try_into().unwrap_or(u32::MAX),
            has_rtsp_login: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use tarsier_api::rights::{Right, Role};
    use tarsier_types::{CameraId, StreamKind};

    use super::*;
    use crate::sessions::OutOfScope;

    const ONE: PermitId = PermitId(1);
    const TWO: PermitId = PermitId(2);

    fn at(seconds: i64) -> UtcMs {
        UtcMs(seconds * 1000)
    }

    fn claims(id: &str, exp: i64) -> Claims {
        Claims {
            jti: id.to_owned(),
            sub: "test".into(),
            role: Role::Viewer,
            cameras: None,
            streams: None,
            rights: None,
            iat: 0,
            exp,
            until: None,
        }
    }

    fn stream(camera: &str) -> StreamId {
        (CameraId::new(camera).unwrap(), StreamKind::Main.into())
    }

    fn live(camera: &str) -> Wanted {
        Wanted::Stream(stream(camera), Right::Live)
    }

    fn good(seconds: u64) -> Look {
        Look::Good(Duration::from_secs(seconds))
    }

    #[test]
    fn what_goes_on_ends_with_its_token_unless_a_later_one_is_handed_over() {
        let mut roll = Roll::new(Revoked::default(), Given::default());
        roll.admit(ONE, live("garden"), &claims("a", 60));
        assert_eq!(roll.look(ONE, at(0)), good(60));
        assert_eq!(roll.renew(ONE, &claims("b", 90)), Ok(()));
        assert_eq!(roll.look(ONE, at(60)), good(30));
        assert_eq!(roll.look(ONE, at(90)), Look::Over(Ending::Expired));
        assert_eq!(roll.look(ONE, at(40)), good(50), "the clock was set back");
        let gate = Claims { cameras: Some(vec!["gate".into()]), ..claims("c", 900) };
        let refused = Err(Refused::Scope(OutOfScope::Camera));
        assert_eq!(roll.renew(ONE, &gate), refused, "a token for another camera");
        assert_eq!(roll.look(ONE, at(90)), Look::Over(Ending::Expired), "changes nothing");
        roll.leave(ONE);
        assert_eq!(roll.renew(ONE, &claims("b", 900)), Err(Refused::NoSession), "it is over");
    }

    #[test]
    fn a_revoked_token_ends_what_goes_on_under_it_and_nothing_else() {
        let mut roll = Roll::new(Revoked::default(), Given::default());
        roll.admit(ONE, live("garden"), &claims("a", 60));
        roll.admit(TWO, Wanted::Events, &claims("b", 60));
        roll.revoke(at(5), "a");
        assert_eq!(roll.look(ONE, at(5)), Look::Over(Ending::Revoked));
        assert_eq!(roll.look(TWO, at(5)), good(55));
        assert!(roll.is_revoked(&claims("a", 60)) && !roll.is_revoked(&claims("b", 60)));
        assert_eq!(roll.renew(TWO, &claims("c", 60)), Ok(()));
        roll.revoke(at(6), "b");
        assert_eq!(roll.look(TWO, at(6)), good(54), "it goes on under another by now");
        assert_eq!(roll.renew(ONE, &claims("c", 90)), Ok(()));
        assert_eq!(roll.look(ONE, at(7)), Look::Over(Ending::Revoked), "what is over stays over");
    }

    #[test]
    fn a_stream_that_is_gone_ends_its_own_viewers() {
        let mut roll = Roll::new(Revoked::default(), Given::default());
        roll.admit(ONE, live("garden"), &claims("a", 60));
        roll.admit(TWO, live("gate"), &claims("a", 60));
        roll.end_stream(&stream("garden"));
        assert_eq!(roll.look(ONE, at(0)), Look::Over(Ending::StreamGone));
        assert_eq!(roll.look(TWO, at(0)), good(60));
    }

    #[test]
    fn tokens_in_use_are_listed_while_they_are_good() {
        let mut roll = Roll::new(Revoked::default(), Given::default());
        roll.used(at(1), &claims("a", 60));
        roll.used(at(2), &claims("b", 30));
        roll.admit(ONE, live("garden"), &claims("a", 60));
        let narrow = Claims { rights: Some(vec![Right::Live]), ..claims("a", 20) };
        roll.used(at(3), &narrow);
        let list = |roll: &Roll, now| {
            let items = roll.known(at(now)).into_iter();
            items
                .map(|it| (it.id, it.running, it.used_utc_ms.map(|ms| ms / 1000)))
                .collect::<Vec<_>>()
        };
        assert_eq!(list(&roll, 3), [("a".into(), 1, Some(3)), ("b".into(), 0, Some(2))]);
        assert_eq!(list(&roll, 30), [("a".into(), 1, Some(3))], "the other has expired");
        roll.revoke(at(31), "a");
        assert_eq!(list(&roll, 31), []);
        for n in 0..MOST_REMEMBERED + 10 {
            roll.used(at(40), &claims(&n.to_string(), 60));
        }
        assert_eq!(list(&roll, 40).len(), MOST_REMEMBERED, "there is an end to what is remembered");
    }

    #[test]
    fn a_token_that_was_given_is_listed_before_anybody_used_it() {
        let mut given = Given::default();
        given.add(claims("taken back", 60), at(0));
        given.add(claims("a", 60), at(0));
        let mut revoked = Revoked::default();
        revoked.add("taken back", at(0));
        let mut roll = Roll::new(revoked, given);
        let list = |roll: &Roll, now| {
            let items = roll.known(at(now)).into_iter();
            items.map(|it| (it.id, it.used_utc_ms, it.rights)).collect::<Vec<_>>()
        };
        assert_eq!(list(&roll, 1), [("a".into(), None, None)]);
        let narrow = Claims { rights: Some(vec![Right::Live]), ..claims("a", 20) };
        roll.used(at(2), &narrow);
        roll.used(at(3), &claims("window", 60));
        let window = ("window".to_owned(), Some(3000), None);
        let used = [window.clone(), ("a".into(), Some(2000), None)];
        assert_eq!(list(&roll, 3), used, "in its own words, not in those of what is made of it");
        let written = roll.given().clone();
        roll.revoke(at(4), "a");
        assert_eq!(list(&roll, 4), slice::from_ref(&window));
        roll.give(written);
        assert_eq!(list(&roll, 4), [window], "it was taken back while the list was written");
        assert_eq!(list(&roll, 60), [], "all have expired");
    }
}
