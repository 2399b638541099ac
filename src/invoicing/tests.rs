//! The examples of the documentation, worked by hand there and by the program here; and what becomes of one
//! service's accounts on several backends.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::draft::drafts;
use super::pieces::{Contested, Piece};
use super::sold::Sold;
use super::{Draft, Verdict};
use crate::domain::{
    AccountKey, AccountName, BackendId, ByteMinutes, Bytes, Limit, Minutes, Owner, Service, Span, Timestamp,
};
use crate::pricing::{Charge, LimitPiece, NoLine, Priced, Quantity, Used, price};
use crate::rules::Price;
use crate::settings::Section;
use crate::store::{ListAcceptance, Store, StoreSettings, Usage};

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

/// The minutes of a month of 30 days.
const MONTH: Minutes = Minutes::new(43_200);

fn bytes(count: u64) -> Bytes {
    Bytes::new(count).expect("fits")
}

fn rule(name: &str, more: &str) -> Arc<Price> {
    let text = format!(
        "[[price]]\nname = '{name}'\nmeter = 'storage'\nper = '1 MB'\nprice = '1'\ncurrency = 'EUR'\n{more}"
    );
    Arc::new(prices(&text).remove(0))
}

/// What service 7731 has of an account: a level that was held for some minutes.
fn piece(backend: &str, price: &Arc<Price>, level: u64, minutes: u64, until: i64) -> Piece {
    let name = AccountName::new("alice").expect("a name");
    Piece {
        account: AccountKey { backend: BackendId::new(backend).expect("a backend"), name },
        owner: Owner::Service(7731),
        price: Arc::clone(price),
        usage: Some(Usage {
            amount: bytes(level),
            estimated: Bytes::ZERO,
            held: bytes(level).held_for(Minutes::new(minutes)),
            covered: Minutes::new(minutes),
        }),
        is_complete: true,
        until: Timestamp::new(until).expect("in range"),
        held_back: None,
        limit: Limit::UpTo(bytes(3_000_000)),
        limits: Vec::new(),
        open: None,
        unpaid: None,
    }
}

fn drawn(pieces: Vec<Piece>) -> Vec<Draft> {
    drafts(pieces, &Sold::default(), &Contested::new(), MONTH)
}

fn withheld(draft: &Draft) -> &str {
    match &draft.verdict {
        Verdict::Withheld(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_account_that_moves_is_one_line_and_what_is_included_is_included_once() {
    let average = rule("average", "included = '3 MB'");
    // A third of the month 6 MB on one backend, then 1.5 MB on another: 3 MB on average, all included.
    let moved =
        || vec![piece("b1", &average, 6_000_000, 14_400, 10), piece("b2", &average, 1_500_000, 28_800, 30)];
    let all = drawn(moved());
    let [draft] = all.as_slice() else { panic!("{all:#?}") };
    assert_eq!(draft.used, Some(Quantity::of(bytes(3_000_000))));
    assert_eq!(draft.verdict, Verdict::Nothing(NoLine::Within { included: bytes(3_000_000) }));
    assert_eq!((draft.account.backend.as_str(), draft.accounts.len()), ("b2", 2), "the one it had last");
    // One part that is not known makes the whole unknown, and it may be beyond what is included.
    let mut pieces = moved();
    pieces[0].is_complete = false;
    assert!(matches!(drawn(pieces)[0].verdict, Verdict::Withheld(_)));
    // What was left behind stands there no more; two that it has at the end are both its last level.
    let last = rule("last", "of = 'last'\nincluded = '9 MB'");
    let used = |pieces| drawn(pieces)[0].used;
    let left = vec![piece("b1", &last, 6_000_000, 14_400, 10), piece("b2", &last, 1_500_000, 28_800, 30)];
    assert_eq!(used(left), Some(Quantity::of(bytes(1_500_000))));
    let both = vec![piece("b1", &last, 6_000_000, 43_200, 30), piece("b2", &last, 1_500_000, 28_800, 30)];
    assert_eq!(used(both), Some(Quantity::of(bytes(7_500_000))));
}

/// WHMCS was installed anew: dora, who is not sold there, was client 3 of the one before, which is another's number
/// now.
#[tokio::test]
async fn whoever_an_earlier_whmcs_sold_to_is_billed_only_under_the_number_that_he_has_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(StoreSettings::default(), folder.path()).await.expect("a store");
    let now = Timestamp::new(1_795_000_000).expect("in range");
    let before = [Service::new(4, 3, "dora", "Terminated"), Service::new(7731, 8, "alice", "Active")];
    store.put_services(12, &before, &[], now).await.expect("reported");
    let of = async |number: i64| {
        let average = rule("average", "included = '1 MB'");
        let piece = Piece { owner: Owner::Service(number), ..piece("b1", &average, 6_000_000, 43_200, 30) };
        let sold = Sold::of(&store).await.expect("read");
        drafts(vec![piece], &sold, &Contested::new(), MONTH).remove(0)
    };
    assert_eq!(of(4).await.payer.map(|payer| payer.client), Some(3), "also once she is not sold any more");
    let said = ListAcceptance { same_services: true, author: "ann".into(), reason: "anew".into() };
    store.accept_list(12, &said, now).await.expect("kept").expect("is news");
    let put =
        store.put_services(12, &[Service::new(1, 5, "alice", "Active")], &[], now).await.expect("reported");
    assert_eq!(put.renumbered, 2);
    assert_eq!(of(1).await.payer.map(|payer| payer.client), Some(5));
    assert!(withheld(&of(-4).await).contains("its client is unknown"));
    assert!(withheld(&of(4).await).contains("its client is unknown"), "nobody has her number");
}

#[test]
fn what_cannot_be_one_line_is_withheld_and_says_why() {
    let average = rule("average", "included = '1 MB'");
    let pieces = |one: &Arc<Price>, two: &Arc<Price>| {
        vec![piece("b1", one, 6_000_000, 14_400, 10), piece("b2", two, 3_000_000, 28_800, 30)]
    };
    // WHMCS has never sent the service: nobody knows its client.
    assert!(withheld(&drawn(pieces(&average, &average))[0]).contains("has not sent service 7731"));
    let contested = Contested::from([(7731, BTreeSet::from(["b3/alice".to_string()]))]);
    let waits = drafts(pieces(&average, &average), &Sold::default(), &contested, MONTH);
    assert!(withheld(&waits[0]).contains("ambiguous: whose b3/alice is"), "{waits:#?}");
    // Two that it has at once may store different amounts by their panels, and what was sold is unknown.
    let by_limit = rule("limit", "included = 'limit'");
    let mut both = pieces(&by_limit, &by_limit);
    both[0].until = both[1].until;
    assert_eq!(drawn(both.clone())[0].used, Some(Quantity::of(bytes(4_000_000))));
    both[0].limit = Limit::UpTo(bytes(5_000_000));
    assert!(withheld(&drawn(both)[0]).contains("different limits"));
    // Each rule has its own accounts' part.
    let two = drawn(pieces(&average, &by_limit));
    let used: Vec<_> = two.iter().map(|draft| draft.used.map(Quantity::floor)).collect();
    assert_eq!(used, [Some(2_000_000), Some(2_000_000)]);
    // What is no service's stays apart.
    let mut nobodys = pieces(&average, &average);
    for piece in &mut nobodys {
        (piece.owner, piece.unpaid) = (Owner::Unowned, Some("unmapped".into()));
    }
    let nobodys = drawn(nobodys);
    assert_eq!(nobodys.iter().map(withheld).collect::<Vec<_>>(), ["unmapped", "unmapped"]);
}

/// Sold 3 MB for ten days and 6 MB for twenty: 5 MB by time, whatever is sold at the end.
#[test]
fn what_is_included_by_time_is_reckoned_from_what_was_sold_when() {
    let by_time = rule("by time", "included = 'limit'\npro_rata = true");
    let moment = |minutes: i64| Timestamp::new(minutes * 60).expect("in range");
    let sold = |from: i64, to: i64, limit: Limit| LimitPiece {
        span: Span::new(moment(from), moment(to)).expect("takes time"),
        limit,
    };
    let up_to = |size: u64| Limit::UpTo(bytes(size));
    let limits = vec![sold(0, 14_400, up_to(3_000_000)), sold(14_400, 43_200, up_to(6_000_000))];
    let with = |limits: &[LimitPiece]| {
        // Nobody's, as no service was sent here, and that would be said first.
        let (limits, owner) = (limits.to_vec(), Owner::Unowned);
        drawn(vec![Piece {
            limits,
            owner,
            limit: up_to(6_000_000),
            ..piece("b1", &by_time, 5_000_000, 43_200, 30)
        }])
    };
    let all = with(&limits);
    assert_eq!(all[0].verdict, Verdict::Nothing(NoLine::Within { included: bytes(5_000_000) }));
    assert_eq!(all[0].limits, limits, "the report shows them");
    for (limit, why) in [(Limit::Unknown, "is unknown"), (Limit::Unlimited, "for part of the period")] {
        let part = with(&[limits[0], sold(14_400, 43_200, limit)]);
        assert!(withheld(&part[0]).contains(why), "{part:#?}");
    }
    // By the limit that is in force at the end it is more, and shows no pieces.
    let by_limit = rule("limit", "included = 'limit'");
    let last = drawn(vec![Piece {
        limits,
        limit: up_to(6_000_000),
        ..piece("b1", &by_limit, 5_000_000, 43_200, 30)
    }]);
    assert_eq!(last[0].verdict, Verdict::Nothing(NoLine::Within { included: bytes(6_000_000) }));
    assert_eq!(last[0].limits, []);
}
