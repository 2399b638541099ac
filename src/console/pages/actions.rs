//! The buttons that act: each does what the API and the command line do, with the token's name in the audit, and leads
//! back to the page it stands on.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Pages, account_path};
use crate::console::accounts::asked_for;
use crate::console::{Console, WantedPoll};
use crate::domain::{AccountKey, Policy, UsageDay};
use crate::quota::Pin;
use crate::web::{PathOf, Problem, SignedForm, Visit};

fn back(to: String) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

pub(super) async fn poll(
    State(pages): State<Pages>,
    PathOf(name): PathOf<String>,
    visit: Visit,
    _: SignedForm,
) -> Result<Response, Problem> {
    pages.console.ask_poll(&name, &visit.asker, &visit.actor()).await?;
    Ok(back("/#panels".into()))
}

/// What is wished for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Reconcile,
    Pin(Pin),
    Unpin,
}

impl Wish {
    fn name(self) -> &'static str {
        match self {
            Wish::Reconcile => "reconcile",
            Wish::Pin(_) => "pin",
            Wish::Unpin => "unpin",
        }
    }
}

pub(super) async fn policy(
    State(pages): State<Pages>,
    PathOf(path): PathOf<(String, String)>,
    visit: Visit,
    form: SignedForm,
) -> Result<Response, Problem> {
    let console = &pages.console;
    let wish = wish(console, &form)?;
    let (key, standing) = asked_for(console, path).await?;
    let present = standing.accounts.get(&key.name).is_some_and(|account| account.gone_at.is_none());
    if !present {
        let gone = format!("{} is not on {} any more: it has no policy", key.name, key.backend);
        return Err(Problem::meaningless(gone));
    }
    console.ask_policy(&key, wish, &visit.actor()).await?;
    Ok(back(format!("{}?done={}#policy", account_path(key.backend.as_str(), key.name.as_str()), wish.name())))
}

fn wish(console: &Console, form: &SignedForm) -> Result<Wish, Problem> {
    let policy = form.field("policy");
    match form.field("action") {
        Some("reconcile") => Ok(Wish::Reconcile),
        Some("unpin") => Ok(Wish::Unpin),
        Some("pin") => {
            let known =
                [Policy::Standard, Policy::Limited].into_iter().find(|one| Some(one.name()) == policy);
            let wrong = || Problem::refused(format!("policy {policy:?}: expected standard or limited"));
            let policy = known.ok_or_else(wrong)?;
            let until = form.field("until").map(UsageDay::parse).transpose();
            let until = until.map_err(|error| Problem::refused(format!("until: {error}")))?;
            let until = until.map(|day| console.zone.start_of(day));
            if until.is_some_and(|until| until <= console.clock.now()) {
                return Err(Problem::meaningless(
                    "until: that day has begun already; choose a later one, or none",
                ));
            }
            Ok(Wish::Pin(Pin { policy, until }))
        }
        other => Err(Problem::refused(format!("action {other:?}: expected reconcile, pin or unpin"))),
    }
}

impl Console {
    /// Pins or unpins where that is wished, and has the account looked at: that carries it out. `by` is in the audit.
    async fn ask_policy(&self, key: &AccountKey, wish: Wish, by: &str) -> Result<(), Problem> {
        let AccountKey { backend, name } = key;
        if !self.panels().iter().any(|panel| panel.id == *backend) {
            return Err(Problem::unknown(format!(
                "{backend} is not in the config: nothing is changed there"
            )));
        }
        let now = self.clock.now();
        let written = match wish {
            Wish::Pin(pin) => self.store.pin(key, Some(pin), by, now).await,
            Wish::Unpin => self.store.pin(key, None, by, now).await,
            Wish::Reconcile => self.store.record_wish((backend, Some(name)), "reconcile", by, now).await,
        };
        written.map_err(Problem::unavailable)?;
        // The receiver is gone only while the daemon is shutting down.
        let _ = self.polls.send(WantedPoll { backend: backend.clone(), account: Some(name.clone()) });
        Ok(())
    }
}
