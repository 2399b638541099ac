//! Whatever happens in whatever order: the page is the one that would be rendered from scratch.

use std::collections::BTreeSet;

use proptest::prelude::*;
use whmeter::domain::{Limit, Meter, Seconds};
use whmeter::standing::AccountStanding;

use crate::fixtures::*;

// A small reader of sample lines, written from the format's description and not from our writer.

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: String,
}

fn parse(line: &str) -> Sample {
    let (name, rest) = line.split_once('{').expect("labels");
    let mut labels = Vec::new();
    let mut rest = rest;
    while !rest.starts_with('}') {
        let (label, after) = rest.trim_start_matches(',').split_once("=\"").expect("a label");
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => match characters.next().expect("an escaped character").1 {
                    'n' => value.push('\n'),
                    plain @ ('\\' | '"') => value.push(plain),
                    other => panic!("\\{other} is no escape"),
                },
                (_, other) => value.push(other),
            }
        };
        labels.push((label.to_string(), value));
        rest = &after[end + 1..];
    }
    Sample { name: name.to_string(), labels, value: rest[1..].trim_start().to_string() }
}

fn samples(page: &str) -> Vec<Sample> {
    page.lines().filter(|line| !line.starts_with('#')).map(parse).collect()
}

/// One thing that happens to the accounts `from` to `from + many` of a backend.
#[derive(Clone, Debug)]
enum Event {
    Read { nas: bool, from: usize, many: usize, step: usize, value: u64, age: u64 },
    Gone { nas: bool, from: usize, many: usize },
    Missed,
    Tick(u64),
    ClockBack,
    Removed { nas: bool },
}

fn event() -> impl Strategy<Value = Event> {
    let span = || (any::<bool>(), 0..900_usize, prop_oneof![3 => 1..40_usize, 1 => 1..900_usize]);
    prop_oneof![
        // Small and large values, so that lines grow and shrink; measured just now, or hours ago.
        12 => (span(), 1..40_usize, prop_oneof![0..2000_u64, 0..u64::MAX / 4], 0..26 * 3600_u64).prop_map(
            |((nas, from, many), step, value, age)| Event::Read { nas, from, many, step, value, age },
        ),
        1 => span().prop_map(|(nas, from, many)| Event::Gone { nas, from, many }),
        1 => Just(Event::Missed),
        3 => (0..40 * 3600_u64).prop_map(Event::Tick),
        1 => Just(Event::ClockBack),
        1 => any::<bool>().prop_map(|nas| Event::Removed { nas }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_order_of_changes_the_page_is_the_one_rendered_from_scratch(
        events in proptest::collection::vec(event(), 1..16),
    ) {
        let mut standings = [standing("a-nas", []), standing("s3-fra1", [])];
        let (exposition, mut now) = (exposition(), at(NOON));
        // Most of the accounts are there from the start, so that most changes change a few of them.
        let crowd = (0..900).filter(|n| n % 10 > 0);
        let crowd = crowd.map(|n| (name(&format!("u{n}")), account(vec![series(Meter::TrafficIn, NOON, n)])));
        for standing in &mut standings {
            commit(standing, crowd.clone());
            exposition.update(standing, now);
        }
        let mut removed = [false, false];
        let (mut unseen, mut behind) = (false, [false, false]);
        for event in events {
            match event {
                Event::Read { nas, from, many, step, value, age } => {
                    let read = now.minus(Seconds::new(age)).get();
                    let accounts = (from..from + many).step_by(step).map(|n| {
                        let value = value.wrapping_add(n as u64) % (1 << 62);
                        let meters = if n % 3 == 0 {
                            vec![series(Meter::StorageUsed, read, value)]
                        } else {
                            vec![series(Meter::TrafficIn, read, value), series(Meter::TrafficOut, read - 9, 1)]
                        };
                        let known = AccountStanding {
                            first_seen: at(read),
                            suspended: (n % 5 > 0).then_some(value % 2 == 0),
                            storage_limit: Limit::of_door((n % 7 > 0).then(|| bytes(value / 2))),
                            limits: if n % 7 > 0 { storage(bytes(value / 2)) } else { Default::default() },
            mapped: None,
                            ..account(meters)
                        };
                        (name(&format!("u{n}")), known)
                    });
                    commit(&mut standings[usize::from(!nas)], accounts.collect::<Vec<_>>());
                    behind[usize::from(!nas)] = std::mem::take(&mut unseen);
                    if !behind[usize::from(!nas)] {
                        exposition.update(&standings[usize::from(!nas)], now);
                        removed[usize::from(!nas)] = false;
                    }
                }
                Event::Gone { nas, from, many } => {
                    let standing = &mut standings[usize::from(!nas)];
                    let gone: Vec<_> = (from..from + many).filter_map(|n| {
                        let name = name(&format!("u{n}"));
                        let account = AccountStanding::clone(standing.accounts.get(&name)?);
                        Some((name, AccountStanding { gone_at: Some(now), ..account }))
                    }).collect();
                    commit(standing, gone);
                    exposition.update(standing, now);
                    removed[usize::from(!nas)] = false;
                    behind[usize::from(!nas)] = false;
                }
                // The next commit is not told of; the one after it finds a gap.
                Event::Missed => unseen = true,
                Event::Tick(seconds) => {
                    now = now.plus(Seconds::new(seconds));
                    exposition.tick(now);
                }
                Event::ClockBack => {
                    now = now.minus(Seconds::hours(3));
                    exposition.tick(now);
                }
                Event::Removed { nas } => {
                    exposition.remove(&standings[usize::from(!nas)].backend);
                    removed[usize::from(!nas)] = true;
                }
            }
        }
        let scratch = crate::fixtures::exposition();
        for (place, standing) in standings.iter_mut().enumerate().filter(|(place, _)| !removed[*place]) {
            if behind[place] {
                // Whatever was missed is caught up with at the next commit.
                commit(standing, []);
                exposition.update(standing, now);
            }
            scratch.update(standing, now);
        }
        exposition.tick(now);
        let page = text(&exposition);
        prop_assert_eq!(&page, &text(&scratch));

        // Families in one piece, and no series twice.
        let all = samples(&page);
        let mut families: Vec<_> = all.iter().map(|sample| &sample.name).collect();
        families.dedup();
        let contiguous = families.len();
        families.sort();
        families.dedup();
        prop_assert_eq!(families.len(), contiguous);
        let series: BTreeSet<_> = all.iter().map(|sample| (&sample.name, &sample.labels)).collect();
        prop_assert_eq!(series.len(), all.len());
    }

    #[test]
    fn every_label_value_comes_back_as_it_was(
        account_name in "[^\\p{Cc}]{0,39}[^\\p{Cc} ]",
        package in any::<String>(),
        reseller in any::<String>(),
        domain in "[\\\\\"\nn,={} ]{0,12}",
    ) {
        let facts = AccountStanding {
            package: Some(package.clone()),
            domain: Some(domain.clone()),
            reseller: Some(reseller.clone()),
            ..account(vec![series(Meter::StorageUsed, NOON, 7), series(Meter::TrafficTotal, NOON, 8)])
        };
        let exposition = exposition();
        exposition.update(&standing("a \"nas\"\\", [(name(&account_name), facts)]), at(NOON));
        let page = text(&exposition);
        // Not by lines(): that would also cut at what a label may hold.
        let lines: Vec<_> = page.split_terminator('\n').filter(|line| !line.starts_with('#')).map(parse).collect();
        prop_assert_eq!(lines.len(), 5);
        for sample in &lines {
            prop_assert_eq!(&sample.labels[0], &("backend".to_string(), "a \"nas\"\\".to_string()));
            prop_assert_eq!(&sample.labels[1], &("account".to_string(), account_name.clone()));
        }
        prop_assert_eq!(&lines[2].labels[2], &("direction".to_string(), "both".to_string()));
        let described = &lines[4].labels;
        prop_assert_eq!(&described[3], &("package".to_string(), package));
        prop_assert_eq!(&described[4], &("domain".to_string(), domain));
        prop_assert_eq!(&described[5], &("reseller".to_string(), reseller));
    }
}
