//! What a panel itself would bill.

use super::time::{Span, Timestamp};

/// No amount is longer, not even one in floating point.
const LONGEST_AMOUNT: usize = 40;
/// A code of three letters, or what a panel has in its place.
const LONGEST_CURRENCY: usize = 16;

/// What a panel itself reckons that an account costs for a time, in its own money. It is never a part of what we report or
/// bill: it is shown to whoever asks why the two differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanelCharge {
    /// The time it is for.
    pub span: Span,
    /// When the panel reckoned it; before the end of the span it is still growing.
    pub at: Timestamp,
    amount: String,
    currency: String,
}

impl PanelCharge {
    /// An amount as the panel writes it, which may be in floating point, and its currency; empty where the panel names none.
    /// What came where either is no such thing.
    pub fn new(span: Span, at: Timestamp, amount: &str, currency: &str) -> Result<PanelCharge, String> {
        let (amount, currency) = (amount.trim(), currency.trim());
        let is_number = amount.bytes().any(|byte| byte.is_ascii_digit())
            && amount.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        if !is_number || amount.len() > LONGEST_AMOUNT {
            return Err(format!("{:?} is no amount of money", excerpt(amount)));
        }
        let is_code = currency.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_code || currency.len() > LONGEST_CURRENCY {
            return Err(format!("{:?} is no currency", excerpt(currency)));
        }
        Ok(PanelCharge { span, at, amount: amount.to_string(), currency: currency.to_string() })
    }

    /// How much, as the panel writes it.
    pub fn amount(&self) -> &str {
        &self.amount
    }

    /// In which money; empty where the panel names none.
    pub fn currency(&self) -> &str {
        &self.currency
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(LONGEST_AMOUNT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_kept_as_it_came_and_nonsense_is_named() {
        let at = |seconds| Timestamp::new(seconds).expect("in range");
        let charge = |amount: &str, currency: &str| {
            PanelCharge::new(Span::new(at(0), at(60)).expect("a span"), at(30), amount, currency)
        };
        for amount in ["0", "3.49", "-12.5", "2.342100018167e+28"] {
            let charge = charge(amount, "USD").expect(amount);
            assert_eq!((charge.amount(), charge.currency()), (amount, "USD"));
        }
        assert_eq!(charge(" 1.5 ", "").expect("no currency").currency(), "");
        for (amount, currency) in
            [("", "USD"), ("NaN", "USD"), (".", "USD"), ("1,5", "USD"), ("1", "U\nSD"), ("1", "Ω")]
        {
            assert!(charge(amount, currency).is_err(), "{amount:?} {currency:?}");
        }
        assert!(charge(&"9".repeat(41), "USD").is_err());
    }
}
