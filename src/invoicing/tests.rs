//! The examples of the documentation, worked by hand there and by the program here.

use crate::domain::{ByteMinutes, Bytes, Limit, Minutes};
use crate::pricing::{Charge, NoLine, Priced, Used, price};
use crate::rules::Price;
use crate::settings::Section;

fn prices(text: &str) -> Vec<Price> {
    let table: toml::Table = text.parse().expect("TOML");
    let list = table["price"].as_array().expect("a list of prices");
    let one = |value: &toml::Value| {
        let section = Section::new(value.as_table().expect("a section").clone(), std::path::Path::new("."));
        Price::read(section).expect("a price")
    };
    list.iter().map(one).collect()
}

fn judged(rule: &Price, megabytes: u64) -> Priced {
    let used = Used {
        amount: Bytes::new(megabytes * 1_000_000).expect("fits"),
        held: ByteMinutes::ZERO,
        minutes: Minutes::new(43_200),
        is_complete: true,
    };
    price(&rule.rule, &used, Limit::Unknown).expect("small enough")
}

#[test]
fn the_onapp_formula_as_the_documentation_works_it() {
    let rules = prices(include_str!("../../docs/onapp-overage.toml"));
    assert_eq!(rules.len(), 2);
    for rule in &rules {
        for (megabytes, amount) in [(1_234_567, "92.28"), (1_050_200, "0.10"), (1_050_199, "0.10")] {
            match judged(rule, megabytes) {
                Priced::Due(Charge { amount: due, .. }) => {
                    assert_eq!(due.to_string(), amount, "{}", rule.name)
                }
                other => panic!("{}: {megabytes} MB: {other:?}", rule.name),
            }
        }
        let small = judged(rule, 1_050_189);
        assert!(
            matches!(small, Priced::None(NoLine::BelowMinimum { amount, .. }) if amount.to_string() == "0.09"),
            "{small:?}"
        );
        assert!(matches!(judged(rule, 1_050_000), Priced::None(NoLine::Within { .. })));
    }
}

#[test]
fn the_sample_config_shows_a_price_that_can_be_read() {
    let sample = include_str!("../commands/sample_head.toml");
    let start = sample.find("# [[price]]").expect("a sample");
    let lines = sample[start..].lines().take_while(|line| line.starts_with('#'));
    let text: String = lines.map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
    assert_eq!(prices(&text).len(), 1);
}
