//! Many calls to one panel: as many at once as it may be asked, and an end to asking where it answers none.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;

use crate::backends::BackendError;

/// Makes many calls, `at_once` at a time; their results come in the order in which they end.
pub async fn some_at_once<T>(at_once: usize, calls: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    futures_util::stream::iter(calls).buffer_unordered(at_once.max(1)).collect().await
}

/// Makes one call for each of `all`, `at_once` at a time, and gives up after `patience` failures in a row: a panel that is
/// down is not asked ten thousand times. What was not asked any more is told with the trouble that ended it.
pub async fn each<K: Clone + Send, T: Send>(
    all: Vec<K>,
    at_once: usize,
    patience: usize,
    call: impl Fn(K) -> BoxFuture<'static, Result<T, BackendError>>,
) -> Vec<(K, Result<T, BackendError>)> {
    let mut results = Vec::with_capacity(all.len());
    let (mut in_a_row, mut waiting) = (0, all.into_iter());
    let mut running = futures_util::stream::FuturesUnordered::new();
    loop {
        while running.len() < at_once.max(1) && in_a_row < patience {
            let Some(key) = waiting.next() else { break };
            let answer = call(key.clone());
            running.push(async move { (key, answer.await) });
        }
        let Some((key, result)) = running.next().await else { break };
        in_a_row = match &result {
            Err(error) if is_about_the_panel(error) => in_a_row + 1,
            _ => 0,
        };
        results.push((key, result));
    }
    let trouble = results.iter().rev().find_map(|(_, result)| result.as_ref().err().cloned());
    let trouble = trouble.unwrap_or_else(|| BackendError::Unreachable("not asked".into()));
    results.extend(waiting.map(|key| (key, Err(trouble.clone()))));
    results
}

/// Whether the next call would fail for the same reason.
fn is_about_the_panel(error: &BackendError) -> bool {
    matches!(error, BackendError::Unreachable(_) | BackendError::Refused(_) | BackendError::Busy { .. })
}

/// A list that comes in pages, read to an end that is certain. `page` is given how many were read so far, and returns a page
/// and how many there are in all, where the panel tells; the end is an empty page, or all of them. A panel that goes on
/// for ever, or repeats itself, is an error that names `what`.
pub async fn pages<'a, T>(
    what: &str,
    most: usize,
    page: impl Fn(usize) -> BoxFuture<'a, Result<(Vec<T>, Option<usize>), BackendError>>,
) -> Result<Vec<T>, BackendError> {
    let mut all = Vec::new();
    loop {
        let (rows, total) = page(all.len()).await?;
        let is_empty = rows.is_empty();
        all.extend(rows);
        let unexpected = |detail| BackendError::Unexpected { at: what.into(), detail };
        match total {
            _ if all.len() > most => return Err(unexpected(format!("more than {most} rows"))),
            Some(total) if is_empty && all.len() < total => {
                return Err(unexpected(format!("{} of {total} rows came, then none", all.len())));
            }
            Some(total) if all.len() >= total => return Ok(all),
            None if is_empty => return Ok(all),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_panel_that_is_down_is_not_asked_for_everybody() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let down = move |number: usize| {
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = match number < 3 {
                true => Ok(number),
                false => Err(BackendError::Unreachable("timed out".into())),
            };
            async move { answer }.boxed()
        };
        let results = each((0..1000).collect(), 4, 5, down).await;
        assert_eq!(results.len(), 1000);
        assert_eq!(results.iter().filter(|(_, result)| result.is_ok()).count(), 3);
        assert!(asked.load(Ordering::Relaxed) <= 3 + 5 + 4, "{asked:?} asked");
        let trouble = |error: &BackendError| error.to_string().contains("timed out");
        assert!(results.iter().all(|(_, result)| result.as_ref().map_or_else(trouble, |_| true)));
    }

    #[tokio::test]
    async fn one_account_that_fails_spoils_no_other() {
        let odd = |number: usize| {
            let at = || "traffic".to_string();
            let answer = match number % 2 {
                0 => Ok(number),
                _ => Err(BackendError::Unexpected { at: at(), detail: "odd".into() }),
            };
            async move { answer }.boxed()
        };
        let results = each((0..100).collect(), 3, 2, odd).await;
        assert_eq!(results.iter().filter(|(_, result)| result.is_ok()).count(), 50);
    }

    #[tokio::test]
    async fn pages_end_where_all_came_and_not_before() {
        /// Pages of four rows out of ten; after `end` none comes.
        fn ten(from: usize, end: usize, told: bool) -> BoxFuture<'static, Page> {
            let rows = (from..(from + 4).min(end)).collect();
            async move { Ok((rows, told.then_some(10))) }.boxed()
        }
        type Page = Result<(Vec<usize>, Option<usize>), BackendError>;
        let all = (0..10).collect::<Vec<usize>>();
        assert_eq!(pages("list", 100, |from| ten(from, 10, true)).await.expect("all"), all);
        assert_eq!(pages("list", 100, |from| ten(from, 10, false)).await.expect("all"), all);
        let short = pages("list", 100, |from| ten(from, 7, true)).await;
        assert!(short.is_err_and(|error| error.to_string().contains("7 of 10 rows came")));
        let endless = pages("list", 100, |from| ten(from, usize::MAX, false)).await;
        assert!(endless.is_err_and(|error| error.to_string().contains("more than 100 rows")));
    }
}
