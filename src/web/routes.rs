//! The routes of a room: each says beside its handler who may use it, what it answers, and how long its body may be.
//!
//! One list makes the router, its doors and `/openapi.json`, so that no route is in one of them alone.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use super::access::{Door, guard};
use super::browser::{PageDoor, guard_page};
use super::count::count;
use super::{Access, Counts, Problem, Scope};

/// The longest body of a request, where a route does not say otherwise.
pub const LONGEST_BODY: usize = 1 << 20;

/// The longest list that is put: some sixty thousand services.
pub const LONGEST_LIST: usize = 16 << 20;

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Its method, in capitals.
    pub method: &'static str,
    /// Its path, as the router reads it.
    pub path: &'static str,
    /// Who may use it; `None`: any caller.
    pub scope: Option<Scope>,
    /// What it answers.
    pub summary: &'static str,
    /// The keys of its query.
    pub query: &'static [&'static str],
    /// What its body has.
    pub body: Option<&'static str>,
    longest_body: usize,
}

impl Route {
    /// A route that reads.
    pub const fn get(path: &'static str, summary: &'static str) -> Route {
        Route::of("GET", path, summary)
    }

    /// A route that has something done.
    pub const fn post(path: &'static str, summary: &'static str) -> Route {
        Route::of("POST", path, summary)
    }

    /// A route that takes something in.
    pub const fn put(path: &'static str, summary: &'static str) -> Route {
        Route::of("PUT", path, summary)
    }

    const fn of(method: &'static str, path: &'static str, summary: &'static str) -> Route {
        Route { method, path, scope: None, summary, query: &[], body: None, longest_body: LONGEST_BODY }
    }

    /// For callers with this scope.
    pub const fn scope(self, scope: Scope) -> Route {
        Route { scope: Some(scope), ..self }
    }

    /// With these keys in its query.
    pub const fn query(self, query: &'static [&'static str]) -> Route {
        Route { query, ..self }
    }

    /// With a body of at most so many bytes.
    pub const fn body(self, longest: usize, body: &'static str) -> Route {
        Route { body: Some(body), longest_body: longest, ..self }
    }
}

/// The routes of a room while they are put together.
pub struct Routes<S> {
    access: Access,
    parts: Vec<(Route, MethodRouter<S>)>,
}

/// Routes that can be served, and what they are.
#[derive(Clone, Default)]
pub struct Served {
    /// What answers.
    pub router: Router,
    /// What it answers.
    pub list: Vec<Route>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet; `access` says who may use those with a scope.
    pub fn new(access: &Access) -> Routes<S> {
        Routes { access: access.clone(), parts: Vec::new() }
    }

    /// Adds a route.
    pub fn add<H: Handler<T, S>, T: 'static>(mut self, route: Route, handler: H) -> Routes<S> {
        let filter = match route.method {
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            _ => MethodFilter::GET,
        };
        let longest = route.longest_body;
        let answered = on(filter, handler)
            .layer(DefaultBodyLimit::max(longest))
            .layer(from_fn(move |request, next| refuse_long_bodies(longest, request, next)));
        self.parts.push((route, answered));
        self
    }

    /// The routes with what they answer from.
    pub fn served(self, state: S) -> Served {
        self.behind_doors(state, |_, answered| answered)
    }

    /// The same, and what they answer from counts each request that was let in.
    pub fn counted(self, state: S) -> Served
    where
        S: Counts,
    {
        let counter = state.clone();
        self.behind_doors(state, |route, answered| {
            answered.layer(from_fn_with_state((counter.clone(), route), count::<S>))
        })
    }

    /// The same for browsers: a session opens them and no bearer token, and they are no part of the API's list.
    pub fn pages(self, state: S) -> Served {
        let mut router = Router::new();
        for (route, answered) in self.parts {
            let door = PageDoor { access: self.access.clone(), scope: route.scope };
            router = router.route(route.path, answered.layer(from_fn_with_state(door, guard_page)));
        }
        Served { router: router.with_state(state), list: Vec::new() }
    }

    fn behind_doors(self, state: S, around: impl Fn(Route, MethodRouter<S>) -> MethodRouter<S>) -> Served {
        let (mut router, mut list) = (Router::new(), Vec::new());
        for (route, answered) in self.parts {
            let mut answered = around(route, answered);
            if let Some(scope) = route.scope {
                let door = Door { access: self.access.clone(), scope };
                answered = answered.layer(from_fn_with_state(door, guard));
            }
            router = router.route(route.path, answered);
            list.push(route);
        }
        Served { router: router.with_state(state), list }
    }
}

impl Served {
    /// Both.
    pub fn and(mut self, other: Served) -> Served {
        self.list.extend(other.list);
        Served { router: self.router.merge(other.router), list: self.list }
    }
}

/// A body that says it is too long is refused before anybody reads it.
async fn refuse_long_bodies(longest: usize, request: Request, next: Next) -> Response {
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > longest as u64) {
        let detail = format!("a body may have at most {} MiB here", longest >> 20);
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
    }
    next.run(request).await
}
