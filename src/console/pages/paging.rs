//! The way through long lists, and the paths that keep what was asked for.

use maud::{Markup, html};

use crate::web::encoded;

/// A path with a query of what is given.
pub(super) fn with(path: &str, query: &[(&str, Option<&str>)]) -> String {
    let given =
        query.iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    let pairs: Vec<String> = given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { path.into() } else { format!("{path}?{}", pairs.join("&")) }
}

/// The pages of a list whose length is known.
pub(super) struct Numbered {
    pub page: usize,
    pub pages: usize,
    pub first: usize,
    pub total: usize,
    pub size: usize,
}

impl Numbered {
    /// The page that is asked for, or the last there is.
    pub fn of(asked: Option<usize>, total: usize, size: usize) -> Numbered {
        let pages = total.div_ceil(size).max(1);
        let page = asked.unwrap_or(1).clamp(1, pages);
        Numbered { page, pages, first: (page - 1) * size, total, size }
    }

    /// Where on it one is, and the way to the others; `path` makes the path of a page.
    pub fn show(&self, what: &str, path: impl Fn(&str) -> String) -> Markup {
        html! { nav.paging aria-label="Pages of the list" { (self.way(what, path)) } }
    }

    /// The same below the list: for eyes, and no landmark of its own.
    pub fn again(&self, what: &str, path: impl Fn(&str) -> String) -> Markup {
        html! { @if self.pages > 1 { div.paging { (self.way(what, path)) } } }
    }

    fn way(&self, what: &str, path: impl Fn(&str) -> String) -> Markup {
        let last = (self.first + self.size).min(self.total);
        html! {
            span {
                @if self.total == 0 { "0 " (what) }
                @else { (self.first + 1) "–" (last) " of " (crate::console::grouped::grouped(self.total)) " " (what) }
            }
            @if self.pages > 1 {
                @if self.page > 1 { a href=(path(&(self.page - 1).to_string())) rel="prev" { "Previous" } }
                span { "Page " (self.page) " of " (self.pages) }
                @if self.page < self.pages { a href=(path(&(self.page + 1).to_string())) rel="next" { "Next" } }
            }
        }
    }
}

/// The way on in a list that goes by cursors.
pub(super) fn onwards(first: Option<String>, next: Option<String>) -> Markup {
    html! {
        @if first.is_some() || next.is_some() {
            nav.paging aria-label="Pages of the list" {
                @if let Some(first) = first { a href=(first) { "From the beginning" } }
                @if let Some(next) = next { a href=(next) rel="next" { "Next" } }
            }
        }
    }
}
