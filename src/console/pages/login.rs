//! Logging in with a token, and out again.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;
use serde::Deserialize;

use super::Pages;
use super::layout::{plain, word};
use crate::web::{Problem, Query, SignedForm, Visit, own_path};

#[derive(Deserialize)]
pub(super) struct LoginQuery {
    next: Option<String>,
}

pub(super) async fn form(visit: Visit, Query(asked): Query<LoginQuery>) -> Response {
    let next = asked.next.as_deref().and_then(own_path).unwrap_or("/");
    if visit.has_session || !visit.needs_login {
        return to(next, None);
    }
    show(&visit, next, None)
}

pub(super) async fn log_in(State(pages): State<Pages>, visit: Visit, form: SignedForm) -> Response {
    let next = form.field("next").and_then(own_path).unwrap_or("/");
    if !visit.needs_login {
        return to(next, None);
    }
    match visit.log_in(&pages.access, form.field("token").unwrap_or_default()).await {
        Ok(cookie) => to(next, cookie),
        Err(problem) => show(&visit, next, Some(&problem)),
    }
}

pub(super) async fn log_out(visit: Visit, _: SignedForm) -> Response {
    to("/login", visit.log_out())
}

fn to(path: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response();
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

fn show(visit: &Visit, next: &str, problem: Option<&Problem>) -> Response {
    let body = html! {
        div.login {
            h1 { "Log in" }
            @if let Some(problem) = problem { p.notice.bad role="alert" { "Not logged in: " (problem.detail) "." } }
            form method="post" action="/login" {
                (word(visit))
                input type="hidden" name="next" value=(next);
                label for="token" { "Token" }
                input #token type="password" name="token" autocomplete="current-password" required
                    autofocus[problem.is_none()] spellcheck="false" aria-describedby="what";
                button.main type="submit" { "Log in" }
            }
            p #what.quiet {
                "One of the " code { "[[http.token]]" } " of the config, with the scope " code { "read" }
                "; with " code { "admin" } " buttons act, too. A session lasts eight hours, and ends when the token is \
                changed or removed."
            }
        }
    };
    let mut response = plain("Log in", body);
    if let Some(problem) = problem {
        *response.status_mut() = problem.status;
        let wait = problem.retry_after.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds)));
        response.headers_mut().extend(wait);
    }
    response
}
