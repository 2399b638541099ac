//! Why a call brought nothing: the panel said no in its own words, or there is no answer.

use crate::backends::BackendError;
use crate::http::HttpError;

/// Why a call did not succeed. `S` is the panel's own no, which its kind may still look at: whether what was asked
/// about is gone, whether another version of the call is wanted.
#[derive(Clone, Debug)]
pub enum CallFailure<S> {
    /// The panel said no.
    Refusal(S),
    /// There is no answer, or none that can be read.
    Failed(BackendError),
}

impl<S> CallFailure<S> {
    /// The panel's own no.
    pub fn refusal(&self) -> Option<&S> {
        match self {
            CallFailure::Refusal(refusal) => Some(refusal),
            CallFailure::Failed(_) => None,
        }
    }

    /// What it means for the caller.
    pub fn error(self) -> BackendError
    where
        BackendError: From<S>,
    {
        match self {
            CallFailure::Refusal(refusal) => BackendError::from(refusal),
            CallFailure::Failed(error) => error,
        }
    }
}

impl<S> From<CallFailure<S>> for BackendError
where
    BackendError: From<S>,
{
    fn from(failure: CallFailure<S>) -> BackendError {
        failure.error()
    }
}

impl<S> From<BackendError> for CallFailure<S> {
    fn from(error: BackendError) -> CallFailure<S> {
        CallFailure::Failed(error)
    }
}

impl<S> From<HttpError> for CallFailure<S> {
    fn from(error: HttpError) -> CallFailure<S> {
        CallFailure::Failed(error.into())
    }
}
