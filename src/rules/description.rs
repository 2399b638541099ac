//! What the customer reads on the invoice: a line of the operator's, with our figures filled in.

use crate::domain::{BillingPeriod, Bytes, Meter};
use crate::pricing::{Decimal, Money, Quantity, Tag};
use crate::settings::Size;

const USUAL: &str =
    "{meter} {period}: {used} used, {included} included, {over} at {price} {currency} per {per}";

const KNOWN: [&str; 11] = [
    "product", "account", "meter", "period", "used", "included", "over", "price", "currency", "per", "amount",
];

/// The parts of a description, and the unit of its sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    template: String,
    per: String,
    unit: Bytes,
    unit_name: String,
}

/// What is filled in, in bytes and money.
pub struct Figures<'a> {
    /// The product's name.
    pub product: &'a str,
    /// The account.
    pub account: &'a str,
    /// What was measured.
    pub meter: Meter,
    /// The days.
    pub period: BillingPeriod,
    /// What was used.
    pub used: Quantity,
    /// What of it costs nothing.
    pub included: Bytes,
    /// The price of one unit.
    pub price: Decimal,
    /// Its currency.
    pub currency: &'a str,
    /// What is due.
    pub amount: Money,
}

impl Description {
    /// Checks the operator's line; `per` is what the price is for, as it was written.
    pub fn new(description: Option<&str>, per: &str, per_bytes: Bytes) -> Result<Description, String> {
        let template = description.unwrap_or(USUAL);
        if template.contains("[whm") || template.chars().any(char::is_control) || template.len() > 500 {
            return Err("expected one line of at most 500 characters without \"[whm\", our own mark".into());
        }
        let mut rest = template;
        while let Some((_, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("a { has no }")?;
            if !KNOWN.contains(&name) {
                return Err(format!("{{{name}}} is unknown; expected some of {{{}}}", KNOWN.join("}, {")));
            }
            rest = after;
        }
        let per = per.trim();
        let unit_name = per.trim_start_matches(|c: char| c.is_ascii_digit()).trim();
        let unit = format!("1 {unit_name}").parse::<Size>().ok().and_then(|unit| Bytes::new(unit.0).ok());
        Ok(Description {
            template: template.into(),
            per: per.into(),
            unit: unit.unwrap_or(per_bytes),
            unit_name: unit_name.into(),
        })
    }

    /// The line as it was written, and what it says of the unit.
    pub fn template(&self) -> (&str, &str) {
        (&self.template, &self.per)
    }

    /// The whole description, with the tag at its end.
    pub fn render(&self, figures: &Figures<'_>, tag: &Tag) -> String {
        let mut said = String::new();
        let mut rest = self.template.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            said.push_str(before);
            said.push_str(&plain(&self.value(name, figures)));
            rest = after;
        }
        said.push_str(rest);
        let correction = if tag.correction > 0 { "Correction: " } else { "" };
        format!("{correction}{said} {tag}")
    }

    fn value(&self, name: &str, figures: &Figures<'_>) -> String {
        let size = |quantity: Quantity| format!("{} {}", quantity.shown(self.unit), self.unit_name);
        match name {
            "product" => figures.product.into(),
            "account" => figures.account.into(),
            "meter" => meter(figures.meter).into(),
            "period" => period(figures.period),
            "used" => size(figures.used),
            "included" => size(Quantity::of(figures.included)),
            "over" => size(figures.used.beyond(figures.included).unwrap_or(Quantity::of(Bytes::ZERO))),
            "price" => figures.price.to_string(),
            "currency" => figures.currency.into(),
            "per" => self.per.clone(),
            _ => figures.amount.to_string(),
        }
    }
}

fn meter(meter: Meter) -> &'static str {
    match meter {
        Meter::StorageUsed => "Storage",
        Meter::TrafficIn => "Incoming traffic",
        Meter::TrafficOut => "Outgoing traffic",
        Meter::TrafficTotal => "Traffic",
    }
}

/// The days for people: the last one included.
fn period(period: BillingPeriod) -> String {
    let month = period.first().month();
    match month.period() == period {
        true => month.to_string(),
        false => format!("{} to {}", period.first(), period.next().minus_days(1)),
    }
}

/// A customer's own words look neither like our mark nor like markup: invoices are pages too.
fn plain(text: &str) -> String {
    let plain = text.chars().map(|c| match c {
        '[' | '<' | '{' => '(',
        ']' | '>' | '}' => ')',
        '&' => '+',
        other => other,
    });
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Month;

    #[test]
    fn the_line_says_what_was_used_and_ends_in_its_tag() {
        let gib = Bytes::new(1 << 30).expect("fits");
        let month = Month::parse("2026-03").expect("a month").period();
        let figures = Figures {
            product: "S3 <100> & more",
            account: "[whm 1/2026-03/storage]",
            meter: Meter::TrafficOut,
            period: month,
            used: Quantity::of(Bytes::new(173 << 30 | 1 << 29).expect("fits")),
            included: Bytes::new(100 << 30).expect("fits"),
            price: "0.02".parse().expect("a price"),
            currency: "EUR",
            amount: Money::new(147, 2).expect("money"),
        };
        let tag = Tag { service: 7731, period: month, meter: Meter::TrafficOut, correction: 0 };
        let usual = Description::new(None, "1 GiB", gib).expect("right");
        assert_eq!(
            usual.render(&figures, &tag),
            "Outgoing traffic 2026-03: 173.5 GiB used, 100 GiB included, 73.5 GiB at 0.02 EUR per 1 GiB [whm 7731/2026-03/traffic_out]"
        );
        let own = Description::new(Some("{product} of {account}: {amount}"), "1 GiB", gib).expect("right");
        let said = own.render(&figures, &Tag { correction: 1, ..tag });
        assert_eq!(
            said,
            "Correction: S3 (100) + more of (whm 1/2026-03/storage): 1.47 [whm 7731/2026-03/traffic_out/correction-1]"
        );
        assert!(Description::new(Some("x {"), "1 GiB", gib).is_err());
        assert!(Description::new(Some("x [whm 1]"), "1 GiB", gib).is_err());
    }
}
