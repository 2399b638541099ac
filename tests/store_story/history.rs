//! History that is written out page by page, and what panels say of themselves.

use super::*;

/// Few rows at a time, and all of them once, in an order that does not change.
pub async fn history_is_read_page_by_page_and_is_the_whole(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let start = at("2026-11-20T08:00:00Z");
    let lease = lease(&store, "a", start).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let mut names: Vec<String> = (0..500).map(|number| format!("u{number}")).collect();
    names.extend(["Alice", "alice", "Müller", "a/b", "=1+1"].map(str::to_string));
    for hours in [0, 1, 30] {
        let now = start.plus(Seconds::new(hours * 3600));
        let accounts: Vec<_> =
            (1..).zip(&names).map(|(n, name)| (name.as_str(), n, 1000 + n * hours)).collect();
        poll(&store, &lease, &mut loaded, now, &harvest(now, &accounts)).await.unwrap();
    }
    let key = |point: &DayPoint| (point.account.name.to_string(), point.meter, point.day);
    for (from, to) in
        [("2026-11-01", "2026-12-01"), ("2026-01-01", "2027-01-01"), ("2026-11-21", "2026-11-22")]
    {
        let period =
            BillingPeriod::new(UsageDay::parse(from).unwrap(), UsageDay::parse(to).unwrap()).unwrap();
        let mut whole = store.days(&UsageQuery::default(), period).await.unwrap();
        let mut pages = store.day_pages(&backend(), &Meter::ALL, period);
        let (mut read, mut number) = (Vec::new(), 0);
        while let Some(page) = pages.next().await.unwrap() {
            assert!(page.len() <= 20_000, "{} rows at once", page.len());
            number += 1;
            read.extend(page);
        }
        // A year of 500 accounts does not fit a page.
        assert_eq!(number > 10, to == "2027-01-01", "{number} pages from {from} to {to}");
        let accounts = read.chunk_by(|one, other| one.account == other.account).count();
        assert_eq!(accounts, names.len(), "an account's rows stand together");
        for of in read.chunk_by(|one, other| one.account == other.account && one.meter == other.meter) {
            assert!(of.is_sorted_by_key(|point| point.day), "a series is in the order of time");
        }
        read.sort_by_key(key);
        whole.sort_by_key(key);
        assert_eq!(read, whole);
    }
    let november = Month::parse("2026-11").unwrap().period();
    let mut pages = store.day_pages(&backend(), &[Meter::TrafficOut], november);
    while let Some(page) = pages.next().await.unwrap() {
        assert!(page.iter().all(|point| point.meter == Meter::TrafficOut));
    }
}

/// They are of the newest poll of everybody, also when nothing else has changed.
pub async fn a_panels_own_total_is_kept_until_it_is_told_otherwise(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let noon = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", noon).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let kept = async || {
        let state = store.backends().await.unwrap().remove(0);
        (state.server_total, state.seats)
    };
    assert_eq!(kept().await, (None, Seats::default()));
    let seats = [Seats { used: Some(0), licensed: Some(500) }, Seats { used: Some(9), licensed: None }];
    let told = [(Some(9), seats[0]), (Some(u64::MAX >> 1), seats[1]), (None, Seats::default())];
    for (minute, (reported, seats)) in (0..).zip(told) {
        let at = noon.plus(Seconds::new(minute * 60));
        let mut harvest = harvest(noon, &[("7-41", 5, 0)]);
        let total = reported.map(|stored| ServerTotal { at, stored: bytes(stored) });
        if let Some(total) = total {
            harvest.total(total);
        }
        harvest.licence(seats);
        poll(&store, &lease, &mut loaded, at, &harvest).await.unwrap();
        assert_eq!(kept().await, (total, seats));
    }
}
