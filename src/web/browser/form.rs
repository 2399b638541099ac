//! Forms of our pages: taken only where they repeat the word that was put into them.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::{FromRequest, Request};
use subtle::ConstantTimeEq;

use super::Visit;
use crate::web::Problem;

/// The fields of a form that was shown to whoever sends it. Another site can make a browser send one, and cannot know
/// its word.
pub struct SignedForm(BTreeMap<String, String>);

impl SignedForm {
    /// The field that repeats the word.
    pub const FIELD: &str = "form";

    /// A field; `None` where it is absent or empty.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }
}

impl<S: Send + Sync> FromRequest<S> for SignedForm {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<SignedForm, Problem> {
        let visit = request.extensions().get::<Visit>().cloned();
        let visit =
            visit.ok_or_else(|| Problem::forbidden("a form is taken behind the door of a page only"))?;
        let read = Form::<Vec<(String, String)>>::from_request(request, state).await;
        let Form(fields) = read.map_err(|error| Problem::new(error.status(), error.body_text()))?;
        let fields: BTreeMap<String, String> = fields.into_iter().collect();
        let given = fields.get(SignedForm::FIELD).map(String::as_bytes).unwrap_or_default();
        if !bool::from(given.ct_eq(visit.form_word().as_bytes())) {
            return Err(Problem::forbidden(
                "this form was not shown to you, or before you logged in; nothing was done. Go back, reload the page and \
                 try again",
            ));
        }
        Ok(SignedForm(fields))
    }
}
