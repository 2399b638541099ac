//! Logins of panels that give out tokens: a token ends, is renewed, is revoked; and who logs in too often is locked out.

use crate::panel::NotDone;
use rand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How strict a panel is with logins. All spans are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a token is good.
    pub lifetime: i64,
    /// Whether each use lets a token live its whole lifetime again.
    pub is_kept_alive: bool,
    /// How many logins, refused ones among them, it takes within `window`; `None` takes any number.
    pub most_logins: Option<usize>,
    /// The span in which logins are counted.
    pub window: i64,
    /// How long it locks out who has logged in too often; every login is refused meanwhile.
    pub locked_for: i64,
}

impl Rules {
    /// Tokens that end after so many seconds, and any number of logins.
    pub const fn lasting(lifetime: i64) -> Self {
        Self { lifetime, is_kept_alive: false, most_logins: None, window: 60, locked_for: 600 }
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The user or the password is wrong.
    WrongPassword,
    /// There were too many logins.
    LockedOut {
        /// For how many seconds more.
        seconds: i64,
    },
    /// No such token was ever given out, or it was revoked.
    NoSuchToken,
    /// The token has ended.
    Expired,
}

/// The tokens that one panel has given out; clones are the same.
#[derive(Clone, Debug)]
pub struct Sessions(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    rules: Rules,
    /// When each token ends.
    tokens: BTreeMap<String, i64>,
    /// When somebody tried to log in, oldest first.
    logins: Vec<i64>,
    locked_until: i64,
}

impl Sessions {
    /// No token given out yet.
    pub fn new(rules: Rules) -> Self {
        let state = State { rules, tokens: BTreeMap::new(), logins: Vec::new(), locked_until: i64::MIN };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Changes how strict it is; tokens that are out keep their end.
    pub fn set_rules(&self, rules: Rules) {
        self.state().rules = rules;
    }

    /// A login at an instant. `is_right` says whether user and password are; `mint` makes the token's text.
    pub fn log_in(&self, now: i64, is_right: bool, mint: impl FnOnce() -> String) -> Result<String, Refused> {
        let mut state = self.state();
        state.count_login(now)?;
        match is_right {
            true => Ok(state.give_out(now, mint())),
            false => Err(Refused::WrongPassword),
        }
    }

    /// A new token for one that is still good, which stays good until its own end.
    pub fn renew(&self, now: i64, token: &str, mint: impl FnOnce() -> String) -> Result<String, Refused> {
        let mut state = self.state();
        state.check(now, token)?;
        Ok(state.give_out(now, mint()))
    }

    /// Lets a token in, or says why not.
    pub fn check(&self, now: i64, token: &str) -> Result<(), Refused> {
        self.state().check(now, token)
    }

    /// The token is good no longer.
    pub fn revoke(&self, token: &str) {
        self.state().tokens.remove(token);
    }

    /// No token that is out is good any longer, as after a restart of the panel.
    pub fn revoke_all(&self) {
        self.state().tokens.clear();
    }

    /// What a test may do: `{"op": "revoke_all"}`, `{"op": "lock", "until": epoch}`, `{"op": "unlock"}`; anything tells
    /// how many tokens are out.
    pub fn operate(&self, arguments: &Value) -> Result<Value, NotDone> {
        match (arguments["op"].as_str(), arguments["until"].as_i64()) {
            (Some("revoke_all"), _) => self.revoke_all(),
            (Some("lock"), Some(until)) => self.state().locked_until = until,
            (Some("unlock"), _) => self.state().unlock(),
            (None, _) => {}
            (Some(other), _) => {
                return Err(NotDone::NotUnderstood(format!("no operation {other:?} on sessions")));
            }
        }
        Ok(json!({ "tokens": self.state().tokens.len() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count_login(&mut self, now: i64) -> Result<(), Refused> {
        if now < self.locked_until {
            return Err(Refused::LockedOut { seconds: self.locked_until - now });
        }
        let rules = self.rules;
        self.logins.retain(|at| *at > now - rules.window);
        self.logins.push(now);
        if rules.most_logins.is_some_and(|most| self.logins.len() > most) {
            self.unlock();
            self.locked_until = now + rules.locked_for;
            return Err(Refused::LockedOut { seconds: rules.locked_for });
        }
        Ok(())
    }

    fn unlock(&mut self) {
        self.logins.clear();
        self.locked_until = i64::MIN;
    }

    fn give_out(&mut self, now: i64, token: String) -> String {
        self.tokens.insert(token.clone(), now + self.rules.lifetime);
        token
    }

    fn check(&mut self, now: i64, token: &str) -> Result<(), Refused> {
        let ends = self.tokens.get_mut(token).ok_or(Refused::NoSuchToken)?;
        if now >= *ends {
            return Err(Refused::Expired);
        }
        if self.rules.is_kept_alive {
            *ends = now + self.rules.lifetime;
        }
        Ok(())
    }
}

/// A token of chance: 40 hexadecimal digits.
pub fn random_token() -> String {
    hex::encode(rand::rng().random::<[u8; 20]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged_in(sessions: &Sessions, now: i64) -> String {
        sessions.log_in(now, true, random_token).unwrap_or_else(|why| panic!("{why:?}"))
    }

    #[test]
    fn a_token_is_good_until_it_ends_or_is_revoked() {
        let sessions = Sessions::new(Rules::lasting(100));
        let token = logged_in(&sessions, 1_000);
        assert_eq!(sessions.check(1_099, &token), Ok(()));
        assert_eq!(sessions.check(1_100, &token), Err(Refused::Expired));
        assert_eq!(sessions.check(1_000, "made up"), Err(Refused::NoSuchToken));
        let (first, second) = (logged_in(&sessions, 2_000), logged_in(&sessions, 2_000));
        assert_ne!(first, second);
        sessions.revoke(&first);
        assert_eq!(sessions.check(2_001, &first), Err(Refused::NoSuchToken));
        assert_eq!(sessions.check(2_001, &second), Ok(()));
        assert!(sessions.operate(&json!({ "op": "revoke_all" })).is_ok());
        assert_eq!(sessions.check(2_001, &second), Err(Refused::NoSuchToken));
    }

    #[test]
    fn a_token_is_renewed_while_it_is_good_and_kept_alive_by_use_where_the_rules_say_so() {
        let sessions = Sessions::new(Rules::lasting(100));
        let old = logged_in(&sessions, 0);
        let new = sessions.renew(50, &old, random_token).unwrap_or_default();
        assert_eq!((sessions.check(99, &old), sessions.check(149, &new)), (Ok(()), Ok(())));
        assert_eq!(sessions.renew(100, &old, random_token), Err(Refused::Expired));
        sessions.set_rules(Rules { is_kept_alive: true, ..Rules::lasting(100) });
        for now in [149, 240, 330] {
            assert_eq!(sessions.check(now, &new), Ok(()));
        }
        assert_eq!(sessions.check(430, &new), Err(Refused::Expired));
    }

    #[test]
    fn who_logs_in_too_often_is_locked_out_for_a_while() {
        let sessions = Sessions::new(Rules { most_logins: Some(3), ..Rules::lasting(100) });
        for now in [0, 1, 2] {
            assert_eq!(sessions.log_in(now, false, random_token), Err(Refused::WrongPassword));
        }
        let locked = |seconds| Err(Refused::LockedOut { seconds });
        assert_eq!(sessions.log_in(3, true, random_token), locked(600));
        assert_eq!(sessions.log_in(602, true, random_token), locked(1));
        let token = logged_in(&sessions, 603);
        // The lock is about logins: a token that is out stays good.
        assert!(sessions.operate(&json!({ "op": "lock", "until": 9_999 })).is_ok());
        assert_eq!(
            (sessions.check(604, &token), sessions.log_in(604, true, random_token)),
            (Ok(()), locked(9_395))
        );
        assert!(sessions.operate(&json!({ "op": "unlock" })).is_ok());
        assert_eq!(logged_in(&sessions, 700).len(), 40);
        assert!(sessions.operate(&json!({ "op": "burn" })).is_err());
    }
}
