//! One panel at one or several addresses.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;

use crate::backends::BackendError;
use crate::http::{HttpError, Url};

/// What a call does, and so whether it may be made again elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// It changes nothing.
    Read,
    /// It changes something: what may have been done at one address is not done again at another.
    Write,
}

/// The addresses of a panel, and which of them answered last: a dead node costs its time only once.
#[derive(Debug)]
pub struct Addresses {
    all: Vec<Url>,
    answered: AtomicUsize,
}

impl Addresses {
    /// These, asked in this order.
    pub fn new(all: Vec<Url>) -> Addresses {
        Addresses { all, answered: AtomicUsize::new(0) }
    }

    /// All of them, in the order of the config.
    pub fn all(&self) -> &[Url] {
        &self.all
    }

    /// Asks one address after the other until one answers, beginning with the one that answered last. A write goes to
    /// another address only where the first was certainly not reached.
    pub async fn ask<'a, T>(
        &'a self,
        asks: Asks,
        ask: impl Fn(&'a Url) -> BoxFuture<'a, Result<T, HttpError>> + Send,
    ) -> Result<T, BackendError> {
        let first = self.answered.load(Ordering::Relaxed);
        let mut trouble = BackendError::Unreachable("no address".into());
        for turn in 0..self.all.len() {
            let place = (first + turn) % self.all.len();
            match ask(&self.all[place]).await {
                Ok(answer) => {
                    self.answered.store(place, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => {
                    let may_go_on = asks == Asks::Read || was_never_sent(&error);
                    trouble = error.into();
                    if !may_go_on || !matches!(trouble, BackendError::Unreachable(_)) {
                        break;
                    }
                }
            }
        }
        Err(trouble)
    }
}

/// Whether there was no connection to send anything on.
fn was_never_sent(error: &HttpError) -> bool {
    matches!(error, HttpError::Dns { .. } | HttpError::Connect { .. } | HttpError::Tls { .. })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt;

    use super::*;

    fn addresses() -> Addresses {
        let url = |host| Url::parse(&format!("https://{host}.example.net")).expect("an address");
        Addresses::new(["a", "b", "c"].map(url).to_vec())
    }

    /// Asks addresses of which only `up` answers, the others as `down` says; returns who was asked.
    async fn asked(
        addresses: &Addresses,
        asks: Asks,
        up: &str,
        down: fn() -> HttpError,
    ) -> (Vec<String>, Result<(), BackendError>) {
        let asked = Mutex::new(Vec::new());
        let ask = |url: &Url| {
            let host = url.host_str().unwrap_or_default()[..1].to_string();
            let answer = if host == up { Ok(()) } else { Err(down()) };
            asked.lock().expect("no panic").push(host);
            async move { answer }.boxed()
        };
        let ended = addresses.ask(asks, ask).await;
        (asked.into_inner().expect("no panic"), ended)
    }

    fn unheard() -> HttpError {
        HttpError::Timeout { host: "panel".into(), within: std::time::Duration::from_secs(1) }
    }

    fn unreached() -> HttpError {
        HttpError::Connect { host: "panel".into(), detail: "refused".into() }
    }

    #[tokio::test]
    async fn whoever_answered_last_is_asked_first() {
        let addresses = addresses();
        let (who, ended) = asked(&addresses, Asks::Read, "b", unheard).await;
        assert_eq!((who, ended.is_ok()), (vec!["a".to_string(), "b".into()], true));
        assert_eq!(asked(&addresses, Asks::Read, "b", unheard).await.0, ["b"]);
        assert_eq!(asked(&addresses, Asks::Read, "a", unheard).await.0, ["b", "c", "a"]);
    }

    #[tokio::test]
    async fn what_may_have_been_written_is_not_written_elsewhere() {
        let (who, ended) = asked(&addresses(), Asks::Write, "b", unheard).await;
        assert_eq!((who, ended.is_err()), (vec!["a".to_string()], true));
        let (who, ended) = asked(&addresses(), Asks::Write, "b", unreached).await;
        assert_eq!((who, ended.is_ok()), (vec!["a".to_string(), "b".into()], true));
    }
}
