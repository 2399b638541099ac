//! Many calls to one panel: as many at once as it may be asked, and an end to asking where it answers none.

use futures_util::StreamExt;

use crate::backends::BackendError;

/// Makes many calls, `at_once` at a time; their results come in the order in which they end.
pub async fn some_at_once<F: Future>(at_once: usize, calls: Vec<F>) -> Vec<F::Output> {
    futures_util::stream::iter(calls).buffer_unordered(at_once.max(1)).collect().await
}

/// How many calls in a row may fail because of the panel itself: one that is down is not asked ten thousand times.
#[derive(Debug)]
pub struct Patience {
    most: u32,
    in_vain: u32,
}

impl Patience {
    /// Gives up after so many in a row.
    pub fn new(most: u32) -> Patience {
        Patience { most, in_vain: 0 }
    }

    /// Notes how a call ended; `Err` where the others need not be made.
    pub fn note(&mut self, failed: Option<&BackendError>) -> Result<(), BackendError> {
        match failed {
            Some(error @ (BackendError::Unreachable(_) | BackendError::Refused(_))) => {
                self.in_vain += 1;
                if self.in_vain >= self.most { Err(error.clone()) } else { Ok(()) }
            }
            _ => {
                self.in_vain = 0;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn no_more_are_on_their_way_than_may_be() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let call = |number: usize| {
            let (now, most) = (&now, &most);
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                number
            }
        };
        let mut all = some_at_once(3, (0..50).map(call).collect()).await;
        all.sort_unstable();
        assert_eq!((all, most.into_inner()), ((0..50).collect(), 3));
    }

    #[test]
    fn only_failures_of_the_panel_in_a_row_end_it() {
        let down = BackendError::Unreachable("timed out".into());
        let odd = BackendError::Unexpected { at: "traffic".into(), detail: "odd".into() };
        let mut patience = Patience::new(3);
        for failed in [Some(&down), Some(&down), Some(&odd), Some(&down), Some(&down), None, Some(&down)] {
            assert!(patience.note(failed).is_ok());
        }
        assert!(patience.note(Some(&down)).is_ok());
        assert!(patience.note(Some(&down)).is_err_and(|error| error.to_string().contains("timed out")));
    }
}
