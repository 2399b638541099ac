//! Which policy an account is under and why, and the buttons that change it.

use maud::{Markup, html};

use super::account_path;
use super::figures::{Figures, badge, not_known, sentence};
use super::layout::word;
use crate::domain::{AccountKey, Policy};
use crate::store::PolicyState;
use crate::web::Visit;

/// The part of an account's page. `can_limit`: `None` where the backend is not in the config.
pub(super) fn section(
    figures: &Figures,
    visit: &Visit,
    key: &AccountKey,
    state: &PolicyState,
    can_limit: Option<bool>,
) -> Markup {
    let note = state.note();
    html! {
        section aria-labelledby="policy" {
            h2 #policy { "Policy" }
            dl.facts {
                dt { "Wanted" } dd { (badge(class(state.hold.wanted), state.hold.wanted.name())) }
                dt { "The panel has" }
                dd { @match state.shown {
                    Some(shown) => (badge(class(shown), shown.name())),
                    None => (not_known("the panel shows neither of the two")),
                } }
                dt { "Pinned" }
                dd {
                    @match state.hold.pin {
                        None => span.quiet { "no: usage decides" },
                        Some(pin) => {
                            (badge(class(pin.policy), pin.policy.name())) " "
                            @match pin.until { Some(until) => { "until " (figures.time(until)) }, None => "until it is unpinned" }
                            @if let Some((by, at)) = &state.pinned_by { " by " bdi { (by) } ", " (figures.since(*at)) }
                        }
                    }
                }
            }
            @if !note.is_empty() { p.notice.warn { (sentence(&note)) } }
            @match (can_limit, visit.may_act) {
                (None, _) => p.quiet { "The backend is not in the config: nothing is changed there." },
                (Some(false), _) => p.quiet { "This kind of panel cannot limit an account." },
                (Some(true), false) => p.quiet { "Buttons that change it need a token with the scope " code { "admin" } "." },
                (Some(true), true) => (buttons(visit, key, state)),
            }
        }
    }
}

fn class(policy: Policy) -> &'static str {
    match policy {
        Policy::Standard => "good",
        Policy::Limited => "bad",
    }
}

fn buttons(visit: &Visit, key: &AccountKey, state: &PolicyState) -> Markup {
    let action = format!("{}/policy", account_path(key.backend.as_str(), key.name.as_str()));
    let simple = |what: &str, says: &str| {
        html! {
            form method="post" action=(action) {
                (word(visit))
                input type="hidden" name="action" value=(what);
                button type="submit" { (says) }
            }
        }
    };
    html! {
        div.buttons {
            (simple("reconcile", "Look at it now"))
            @if state.hold.pin.is_some() { (simple("unpin", "Unpin")) }
            form.row method="post" action=(action) {
                (word(visit))
                input type="hidden" name="action" value="pin";
                div { label for="pinned" { "Pin to" }
                    select #pinned name="policy" {
                        option value="standard" { "standard" }
                        option value="limited" { "limited" }
                    } }
                div { label for="until" { "Until (optional)" } input #until type="date" name="until"; }
                button type="submit" { "Pin" }
            }
        }
        p.small.quiet {
            "\"Look at it now\" reads the account and carries out what its usage, or the pin, demands. A pin holds whatever is \
             used. Each is in the audit."
        }
    }
}
