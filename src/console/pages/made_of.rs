//! What an account's stored bytes are made of by the panel's names: buckets, guests.

use maud::{Markup, html};

use super::figures::{Figures, name};
use crate::console::level_parts::LevelParts;
use crate::domain::{Breakdown, Bytes, Meter};
use crate::standing::AccountStanding;

/// So many parts are named.
const PARTS: usize = 10;

/// What the level is made of, the largest first.
pub(super) fn section(figures: &Figures, made_of: Breakdown, account: Option<&AccountStanding>) -> Markup {
    let series = account.and_then(|account| account.meter(Meter::StorageUsed));
    let read_at = made_of.at;
    let parts = LevelParts::of(made_of, series.and_then(|series| series.level));
    let (others, others_bytes) = parts.beyond(PARTS);
    let size = |bytes: u64| figures.sized(Bytes::new(bytes).unwrap_or(Bytes::MAX));
    html! {
        section aria-labelledby="parts" {
            h2 #parts { "What it is made of" }
            @if parts.list.is_empty() { p { "Of nothing." } } @else {
                table.stack {
                    thead { tr { th scope="col" { "Name on the panel" } th.right scope="col" { "Bytes" } } }
                    tbody {
                        @for part in parts.list.iter().take(PARTS) {
                            tr { th scope="row" { (name(&part.name)) } td.right data-label="Bytes" { div { (size(part.bytes)) } } }
                        }
                        @if others > 0 {
                            tr { th scope="row" { (others) " others" } td.right data-label="Bytes" { div { (size(others_bytes)) } } }
                        }
                    }
                }
            }
            p.small.quiet {
                "As the panel said " (figures.since(read_at)) "; nothing is billed from it."
                @if parts.differs { " It does not come to the number above: that was measured at another time, or not all of it has a name." }
            }
        }
    }
}
