//! Why a call brought nothing: the panel said no in its own words, or there is no answer.

use crate::backends::BackendError;
use crate::http::HttpError;

/// Why a call did not succeed. `S` is the panel's own no, which its kind may still look at: whether what was asked about is
/// gone, whether another version of the call is wanted.
#[derive(Clone, Debug)]
pub enum Failure<S> {
    /// The panel said no.
    Said(S),
    /// There is no answer, or none that can be read.
    Failed(BackendError),
}

impl<S> Failure<S> {
    /// The panel's own no.
    pub fn said(&self) -> Option<&S> {
        match self {
            Failure::Said(said) => Some(said),
            Failure::Failed(_) => None,
        }
    }

    /// What it means for the caller.
    pub fn error(self) -> BackendError
    where
        BackendError: From<S>,
    {
        match self {
            Failure::Said(said) => BackendError::from(said),
            Failure::Failed(error) => error,
        }
    }
}

impl<S> From<Failure<S>> for BackendError
where
    BackendError: From<S>,
{
    fn from(failure: Failure<S>) -> BackendError {
        failure.error()
    }
}

impl<S> From<BackendError> for Failure<S> {
    fn from(error: BackendError) -> Failure<S> {
        Failure::Failed(error)
    }
}

impl<S> From<HttpError> for Failure<S> {
    fn from(error: HttpError) -> Failure<S> {
        Failure::Failed(error.into())
    }
}
