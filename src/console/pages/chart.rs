//! Columns: one for each day or month, a line for the limit, and the same as a table for whoever does not see them.

use maud::{Markup, html};

use super::figures::Figures;
use crate::domain::Bytes;

/// One column.
pub(super) struct Column {
    /// The day or month.
    pub label: String,
    /// `None`: nothing is known of it, and no column stands there.
    pub bytes: Option<Bytes>,
    /// Whether all of it is accounted for.
    pub complete: bool,
}

/// How high a drawing is, in its own units.
const HIGH: u128 = 1000;

/// How wide a column with the gap beside it is.
const STEP: usize = 10;

/// Draws columns from zero up; the limit is a line where it is near enough to be drawn.
pub(super) fn chart(figures: &Figures, title: &str, columns: &[Column], limit: Option<Bytes>) -> Markup {
    let most = columns.iter().filter_map(|column| column.bytes).max().unwrap_or(Bytes::ZERO);
    // A limit far above would press all columns flat.
    let drawn = limit.filter(|limit| u128::from(limit.get()) <= u128::from(most.get()) * 3);
    let top = u128::from(drawn.unwrap_or(Bytes::ZERO).max(most).get()).max(1);
    let height = |bytes: Bytes| u128::from(bytes.get()) * (HIGH - 20) / top;
    let width = columns.len() * STEP;
    let known = columns.iter().filter(|column| column.bytes.is_some()).count();
    let says = match (columns.first(), columns.last()) {
        (Some(first), Some(last)) => {
            format!("{title}, {} to {}: {known} of {} known", first.label, last.label, columns.len())
        }
        _ => title.to_string(),
    };
    html! {
        figure.chart {
            figcaption {
                (title)
                @if let Some(limit) = limit {
                    span.quiet {
                        ", " span.line { "limit " (figures.sized(limit)) }
                        @if drawn.is_none() { " (beyond the top)" }
                    }
                }
            }
            div.plot {
                span.highest.quiet { (figures.sized(drawn.unwrap_or(Bytes::ZERO).max(most))) }
                svg viewBox={ "0 0 " (width) " " (HIGH) } preserveAspectRatio="none" role="img" aria-label=(says) {
                    @for (index, column) in columns.iter().enumerate() {
                        @match column.bytes {
                            Some(bytes) => {
                                @let high = height(bytes).max(8);
                                rect class=(if column.complete { "column" } else { "column partly" })
                                    x=(index * STEP + 1) y=(HIGH - high) width=(STEP - 2) height=(high) {
                                    title { (column.label) ": " (figures.sized(bytes)) }
                                }
                            }
                            None => {
                                rect.gap x=(index * STEP + 1) y=(HIGH - 30) width=(STEP - 2) height="30" {
                                    title { (column.label) ": not known" }
                                }
                            }
                        }
                    }
                    @if let Some(limit) = drawn {
                        @let y = HIGH - height(limit);
                        line.limit x1="0" x2=(width) y1=(y) y2=(y) vector-effect="non-scaling-stroke" {}
                    }
                }
                div.ends.quiet aria-hidden="true" {
                    @if let (Some(first), Some(last)) = (columns.first(), columns.last()) {
                        span { (first.label) } span { (last.label) }
                    }
                }
            }
            details {
                summary { "As a table" }
                div.scroll tabindex="0" role="region" aria-label={ (title) " as a table" } {
                    table {
                        thead { tr { th scope="col" { "When" } th.right scope="col" { "Bytes" } th scope="col" { span.sr { "Remark" } } } }
                        tbody {
                            @for column in columns.iter().rev() {
                                tr {
                                    th.num scope="row" { (column.label) }
                                    td.right { @match column.bytes {
                                        Some(bytes) => (figures.size(bytes)),
                                        None => span.unknown { "not known" },
                                    } }
                                    td.quiet { @if column.bytes.is_some() && !column.complete { "not all of it" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
