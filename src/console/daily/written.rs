//! The mail: the sections as plain text and as HTML.

use maud::html;

use super::sections::{Figures, Section, without_figures};
use crate::console::findings::{Finding, FindingKind};
use crate::console::status::{Condition, Status};
use crate::domain::{Timestamp, WordedMail};

/// What stands in the subject: it is read on a phone, among forty others.
pub(super) fn subject(status: &Status, found: &[Finding<'_>]) -> String {
    let state = match (status.state(), status.problems().len()) {
        (Condition::Well, _) => "all well".to_string(),
        (Condition::Unknown, _) => "not known".to_string(),
        (Condition::Wrong, 1) => "1 thing to do".to_string(),
        (Condition::Wrong, count) => format!("{count} things to do"),
    };
    let money: Vec<String> = status
        .unbilled
        .iter()
        .map(|(currency, amount)| match amount {
            Some(amount) => format!("{amount} {currency}"),
            None => format!("an amount in {currency}"),
        })
        .collect();
    let (not_known, unbilled): (Vec<_>, Vec<_>) = found
        .iter()
        .filter(|one| one.what() == FindingKind::Unbilled.name())
        .partition(|one| one.is_unknown());
    let least = if not_known.is_empty() && without_figures(found) == 0 { "" } else { "at least " };
    match (unbilled.is_empty(), money.is_empty()) {
        (true, _) if not_known.is_empty() => format!("whmeter: {state}"),
        (true, _) => format!("whmeter: {state}, not known who is billed"),
        (false, true) => format!("whmeter: {state}, usage that is not billed"),
        (false, false) => format!("whmeter: {state}, {least}{} not billed", money.join(" and ")),
    }
}

/// The mail of these sections.
pub(super) fn mail(subject: String, sections: &[Section], at: Timestamp, figures: Figures) -> WordedMail {
    let as_of =
        format!("As of {}, in the zone {} that cuts days and months.", figures.time(at), figures.zone.name());
    let plain = sections.iter().fold(format!("{as_of}\n"), |text, section| text + "\n" + &plain(section));
    WordedMail { subject, plain, html: in_html(&as_of, sections) }
}

fn plain(section: &Section) -> String {
    let mut lines = Vec::from([section.title.to_uppercase()]);
    lines.extend(section.says.iter().map(|says| one_line(says)));
    let head = section.head.iter().map(ToString::to_string).collect::<Vec<String>>();
    let is_table = !head.is_empty() && !section.rows.is_empty();
    let cells = is_table.then_some(head).into_iter().chain(section.rows.iter().cloned());
    let cells: Vec<Vec<String>> = cells.map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| {
        cells.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    lines.extend(cells.iter().map(|row| {
        let row = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("  {}", row.collect::<Vec<_>>().join("  ").trim_end())
    }));
    lines.extend(more(section).map(|more| format!("  {more}")));
    lines.join("\n") + "\n"
}

fn more(section: &Section) -> Option<String> {
    (section.left_out > 0).then(|| format!("and {} more: {}", section.left_out, section.see))
}

/// What panels and people say may have lines of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn in_html(as_of: &str, sections: &[Section]) -> String {
    const CELL: &str = "padding:2px 12px 2px 0;text-align:left;vertical-align:top";
    let body = html! {
        p { (as_of) }
        @for section in sections {
            h3 { (section.title) }
            @for says in &section.says { p { (says) } }
            @if !section.rows.is_empty() {
                @if section.head.is_empty() {
                    ul { @for row in &section.rows { li { (row.join(" ")) } } }
                } @else {
                    table style="border-collapse:collapse" {
                        tr { @for head in section.head { th style=(CELL) { (head) } } }
                        @for row in &section.rows { tr { @for cell in row { td style=(CELL) { (cell) } } } }
                    }
                }
            }
            @if let Some(more) = more(section) { p { (more) } }
        }
    };
    body.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::BillingZone;
    use crate::reported::Base;

    #[test]
    fn both_parts_have_the_same_facts_and_nothing_of_a_customer_is_markup_or_a_line_of_its_own() {
        let says = "Not known of s3-fra1: the panel said\r\nBcc: eve@example.net.".to_string();
        let row = |name: &str, size: &str| Vec::from([name.to_string(), size.to_string()]);
        let sections = [
            Section {
                title: "Accounts that no service pays for".into(),
                says: [says].into(),
                head: &["account", "used"],
                rows: [row("<b>bob</b>", "12.4 GB"), row("al", "7 B")].into(),
                left_out: 40,
                see: "whmeter report --what unbilled",
            },
            Section {
                title: "What needs somebody".into(),
                rows: [["do this".into()].into()].into(),
                ..Section::default()
            },
        ];
        let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
        let figures = Figures { base: Base::default(), zone };
        let mail = mail(
            "whmeter: all well".into(),
            &sections,
            Timestamp::new(1_795_176_000).expect("a time"),
            figures,
        );
        assert_eq!(
            mail.plain,
            "As of 2026-11-20 13:00, in the zone Europe/Warsaw that cuts days and months.\n\n\
             ACCOUNTS THAT NO SERVICE PAYS FOR\n\
             Not known of s3-fra1: the panel said  Bcc: eve@example.net.\n\
             \u{20} account     used\n\
             \u{20} <b>bob</b>  12.4 GB\n\
             \u{20} al          7 B\n\
             \u{20} and 40 more: whmeter report --what unbilled\n\n\
             WHAT NEEDS SOMEBODY\n  do this\n"
        );
        for fact in
            ["&lt;b&gt;bob&lt;/b&gt;", "12.4 GB", "and 40 more", "<li>do this</li>", "2026-11-20 13:00"]
        {
            assert!(mail.html.contains(fact), "{fact}: {}", mail.html);
        }
        assert!(!mail.html.contains("<b>"), "{}", mail.html);
    }
}
