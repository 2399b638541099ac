//! A login that is kept: made when it is needed, renewed before it ends, made anew once where the panel has dropped it.
//!
//! Panels ban those who insist: one login at a time is on its way, and a secret that was refused is not tried again
//! at once.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::CallFailure;
use crate::backends::BackendError;
use crate::domain::{Seconds, Timestamp};

/// How long a refused secret is not tried again: the calls of one poll are refused together.
const REFUSED_FOR: Duration = Duration::from_secs(30);

/// How long tickets last. Where the panel does not say they are used until it refuses one.
#[derive(Clone, Copy, Debug)]
pub struct Lifetime {
    /// From this age on a ticket is traded for a new one.
    pub renew_after: Seconds,
    /// From this age on it can only be refused.
    pub over_after: Seconds,
}

/// What is kept of one panel's login. `T` is what a login gives: a cookie, a token, a session's number.
#[derive(Debug)]
pub struct Session<T> {
    lifetime: Option<Lifetime>,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    kept: Option<Kept<T>>,
    /// How many logins there were: distinguishes a ticket from the one before.
    logins: u64,
    refused: Option<(Instant, BackendError)>,
}

#[derive(Clone, Debug)]
struct Kept<T> {
    ticket: T,
    since: Timestamp,
    login: u64,
}

/// Logs in: with the secret, or where a ticket is given that is due by trading it for a new one.
pub type Login<'l, T, S> = &'l (dyn Fn(Option<T>) -> BoxFuture<'l, Result<T, CallFailure<S>>> + Send + Sync);

impl<T: Clone + Send> Session<T> {
    /// Not logged in yet.
    pub fn new(lifetime: Option<Lifetime>) -> Session<T> {
        Session { lifetime, state: Mutex::new(State { kept: None, logins: 0, refused: None }) }
    }

    /// Keeps a ticket that was made some time ago.
    #[cfg(test)]
    pub async fn keep(&self, ticket: T, since: Timestamp) {
        let mut state = self.state.lock().await;
        state.kept = Some(Kept { ticket, since, login: 0 });
    }

    /// Gives the ticket away, so that it can be handed back to the panel: the next call logs in.
    pub async fn end(&self) -> Option<T> {
        self.state.lock().await.kept.take().map(|kept| kept.ticket)
    }

    /// Makes a call with a ticket. One that the panel has dropped before its time, as `is_dropped` recognizes by its
    /// refusal, is replaced by one new login; a ticket that was just made is not.
    pub async fn call<'c, S, R>(
        &self,
        now: Timestamp,
        login: Login<'_, T, S>,
        is_dropped: impl Fn(&S) -> bool + Send,
        call: impl Fn(T) -> BoxFuture<'c, Result<R, CallFailure<S>>> + Send,
    ) -> Result<R, CallFailure<S>>
    where
        BackendError: From<S>,
        S: Clone + Send,
    {
        let (kept, is_fresh) = self.ticket(now, login).await?;
        match call(kept.ticket).await {
            Err(CallFailure::Refusal(refusal)) if !is_fresh && is_dropped(&refusal) => {
                let again = self.again(kept.login, now, login).await?;
                call(again.ticket).await
            }
            other => other,
        }
    }

    /// A ticket that is good as far as we know, and whether it was just made.
    async fn ticket<S>(
        &self,
        now: Timestamp,
        login: Login<'_, T, S>,
    ) -> Result<(Kept<T>, bool), CallFailure<S>>
    where
        BackendError: From<S>,
        S: Clone,
    {
        let mut state = self.state.lock().await;
        let age = |kept: &Kept<T>| now.since(kept.since);
        let is_over = |kept: &Kept<T>| self.lifetime.is_some_and(|lasts| age(kept) >= lasts.over_after);
        let is_due = |kept: &Kept<T>| self.lifetime.is_some_and(|lasts| age(kept) >= lasts.renew_after);
        match state.kept.clone().filter(|kept| !is_over(kept)) {
            Some(kept) if !is_due(&kept) => Ok((kept, false)),
            old => Ok((state.login(old.map(|kept| kept.ticket), now, login).await?, true)),
        }
    }

    /// One new login, unless somebody has made one since.
    async fn again<S>(
        &self,
        dropped: u64,
        now: Timestamp,
        login: Login<'_, T, S>,
    ) -> Result<Kept<T>, CallFailure<S>>
    where
        BackendError: From<S>,
        S: Clone,
    {
        let mut state = self.state.lock().await;
        match state.kept.clone().filter(|kept| kept.login != dropped) {
            Some(newer) => Ok(newer),
            None => state.login(None, now, login).await,
        }
    }
}

impl<T: Clone + Send> State<T> {
    async fn login<S>(
        &mut self,
        old: Option<T>,
        now: Timestamp,
        login: Login<'_, T, S>,
    ) -> Result<Kept<T>, CallFailure<S>>
    where
        BackendError: From<S>,
        S: Clone,
    {
        if let Some((_, error)) = self.refused.as_ref().filter(|(at, _)| at.elapsed() < REFUSED_FOR) {
            return Err(error.clone().into());
        }
        match login(old).await {
            Ok(ticket) => {
                self.logins += 1;
                let kept = Kept { ticket, since: now, login: self.logins };
                (self.kept, self.refused) = (Some(kept.clone()), None);
                Ok(kept)
            }
            Err(failure) => {
                let error = failure.clone().error();
                if matches!(error, BackendError::Refused(_)) {
                    (self.kept, self.refused) = (None, Some((Instant::now(), error)));
                }
                Err(failure)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;

    use super::*;

    /// A panel's no: only its status matters here.
    #[derive(Clone, Debug)]
    struct Status(u16);

    impl From<Status> for BackendError {
        fn from(refusal: Status) -> BackendError {
            match refusal.0 {
                401 => BackendError::Refused("wrong secret".into()),
                status => BackendError::Unexpected { at: "call".into(), detail: status.to_string() },
            }
        }
    }

    /// A panel whose logins give numbers, the newest of which it lets in.
    #[derive(Default)]
    struct Panel {
        logins: AtomicU32,
        traded: AtomicU32,
        refuses: bool,
    }

    impl Panel {
        async fn ask(
            &self,
            session: &Session<u32>,
            seconds: i64,
            good: u32,
        ) -> Result<u32, CallFailure<Status>> {
            let now = Timestamp::new(1_795_000_000 + seconds).expect("in range");
            let login = |old: Option<u32>| {
                self.traded.fetch_add(u32::from(old.is_some()), Ordering::Relaxed);
                let number = self.logins.fetch_add(1, Ordering::Relaxed) + 1;
                let answer = if self.refuses { Err(CallFailure::Refusal(Status(401))) } else { Ok(number) };
                async move { answer }.boxed()
            };
            let call = |ticket: u32| {
                let answer = if ticket >= good { Ok(ticket) } else { Err(CallFailure::Refusal(Status(401))) };
                async move { answer }.boxed()
            };
            session.call(now, &login, |refusal: &Status| refusal.0 == 401, call).await
        }

        fn logins(&self) -> u32 {
            self.logins.load(Ordering::Relaxed)
        }
    }

    fn session() -> Session<u32> {
        let lifetime = Lifetime { renew_after: Seconds::hours(1), over_after: Seconds::hours(2) };
        Session::new(Some(lifetime))
    }

    #[tokio::test]
    async fn a_ticket_is_kept_traded_when_due_and_made_anew_when_over() {
        let (panel, session) = (Panel::default(), session());
        for (seconds, logins, traded) in [(0, 1, 0), (3599, 1, 0), (3600, 2, 1), (3601, 2, 1), (20_000, 3, 1)]
        {
            panel.ask(&session, seconds, 0).await.expect("let in");
            let seen = (panel.logins(), panel.traded.load(Ordering::Relaxed));
            assert_eq!(seen, (logins, traded), "after {seconds} s");
        }
    }

    #[tokio::test]
    async fn a_dropped_ticket_costs_one_login_and_a_fresh_one_none() {
        let (panel, session) = (Panel::default(), session());
        panel.ask(&session, 0, 1).await.expect("let in");
        assert_eq!(panel.ask(&session, 1, 2).await.expect("let in again"), 2);
        assert!(panel.ask(&session, 2, 9).await.is_err(), "refused whatever it shows");
        assert_eq!(panel.logins(), 3);
    }

    #[tokio::test]
    async fn a_ticket_that_was_given_away_is_not_used_again() {
        let (panel, session) = (Panel::default(), session());
        assert_eq!(session.end().await, None);
        panel.ask(&session, 0, 0).await.expect("let in");
        assert_eq!((session.end().await, session.end().await), (Some(1), None));
        assert_eq!(panel.ask(&session, 1, 0).await.expect("let in again"), 2);
    }

    #[tokio::test]
    async fn a_refused_secret_is_tried_once() {
        let (panel, session) = (Panel { refuses: true, ..Panel::default() }, session());
        for _ in 0..20 {
            let refused = panel.ask(&session, 0, 0).await.expect_err("refused");
            assert!(matches!(BackendError::from(refused), BackendError::Refused(_)));
        }
        assert_eq!(panel.logins(), 1);
    }
}
