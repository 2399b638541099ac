//! What a panel says of an account besides its usage.

use super::*;

/// A harvest of one account about which this is said.
fn said(now: Timestamp, facts: Facts) -> Harvest {
    let mut harvest = harvest(now, &[("alice", 7, 7)]);
    *harvest.facts_mut(&name("alice")) = facts;
    harvest
}

pub async fn what_a_panel_says_of_an_account_fits_whatever_it_is(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let mut now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let hostile = format!("a\0b\n{}", "ü".repeat(300));
    let kept = format!("ab{}", "ü".repeat(253));
    let suspended = Facts {
        suspended: Some(true),
        suspended_for: Some(hostile.clone()),
        package: Some(hostile.clone()),
        domain: Some(hostile.clone()),
        reseller: Some(hostile),
        ..Facts::default()
    };
    // What is not said is as it was; nothing is said of the reasons of one that is switched on.
    let silent = Facts { reseller: Some(String::new()), ..Facts::default() };
    let restored =
        Facts { suspended: Some(false), suspended_for: Some("not suspended".into()), ..silent.clone() };
    for (facts, reseller, suspended_for) in
        [(suspended, kept.as_str(), Some(&kept)), (silent, "", Some(&kept)), (restored, "", None)]
    {
        now = now.plus(Seconds::hours(1));
        poll(&store, &lease, &mut loaded, now, &said(now, facts)).await.unwrap();
        let standings = store.standings().await.unwrap();
        let alice = &standings[0].accounts[&name("alice")];
        assert_eq!((&alice.package, &alice.domain), (&Some(kept.clone()), &Some(kept.clone())));
        assert_eq!(
            (alice.reseller.as_deref(), alice.suspended_for.as_ref()),
            (Some(reseller), suspended_for)
        );
        let key = AccountKey { backend: backend(), name: name("alice") };
        for of in [None, Some(backend())] {
            let resellers = store.resellers(of.as_ref()).await.unwrap();
            assert_eq!(resellers.get(&key).map(String::as_str), Some(reseller));
        }
    }
}

pub async fn what_a_panel_itself_would_bill_is_kept_by_month_as_it_reckoned_last(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let mut now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let [november, december, january] =
        ["2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"].map(at);
    let [this, next] =
        [(november, december), (december, january)].map(|(from, to)| Span::new(from, to).unwrap());
    let charge = |span, now, amount: &str| PanelCharge::new(span, now, amount, "USD").unwrap();
    // A month that goes on; the same again; the next one, with the last word on the one before.
    for charges in
        [vec![(this, "3.49")], vec![(this, "3.49")], vec![(this, "2.342100018167e+28"), (next, "-0.5")]]
    {
        now = now.plus(Seconds::hours(1));
        let mut harvest = harvest(now, &[("alice", 7, 7)]);
        charges.iter().for_each(|(span, amount)| harvest.charge(&name("alice"), charge(*span, now, amount)));
        poll(&store, &lease, &mut loaded, now, &harvest).await.unwrap();
    }
    let key = |who: &str| AccountKey { backend: backend(), name: name(who) };
    let all = Span::new(november, january).unwrap();
    let expected = [charge(this, now, "2.342100018167e+28"), charge(next, now, "-0.5")];
    assert_eq!(store.panel_charges(&key("alice"), all).await.unwrap(), expected);
    assert_eq!(store.panel_charges(&key("alice"), this).await.unwrap(), expected[..1]);
    assert_eq!(store.panel_charges(&key("bob"), all).await.unwrap(), []);
}

pub async fn what_a_level_is_made_of_is_kept_as_it_was_read_last(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let mut now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let key = |who: &str| AccountKey { backend: backend(), name: name(who) };
    let of = |at, parts: &[(&str, u64)]| {
        let parts = parts.iter().map(|(name, size)| (name.to_string(), Bytes::new(*size).unwrap()));
        Breakdown::new(at, parts).unwrap()
    };
    // Names as customers make them, as many as are kept and as long as they may be; then nothing at all.
    let long: Vec<(String, u64)> = (0..300).map(|number| ("\u{1f4e6}\"\\".repeat(60), number)).collect();
    let long: Vec<(&str, u64)> = long.iter().map(|(name, size)| (name.as_str(), *size)).collect();
    for parts in [vec![("backup", 5), ("<b>' OR 1=1", 2)], long, vec![]] {
        now = now.plus(Seconds::hours(1));
        let breakdown = of(now, &parts);
        let mut harvest = harvest(now, &[("alice", 7, 7), ("bob", 7, 7)]);
        harvest.made_of(&name("alice"), breakdown.clone());
        poll(&store, &lease, &mut loaded, now, &harvest).await.unwrap();
        assert_eq!(store.breakdown(&key("alice")).await.unwrap(), Some(breakdown));
        assert_eq!(store.breakdown(&key("bob")).await.unwrap(), None);
    }
    // What the panel does not say this time is not withdrawn, and says of what time it is.
    let known = store.breakdown(&key("alice")).await.unwrap();
    now = now.plus(Seconds::hours(1));
    poll(&store, &lease, &mut loaded, now, &harvest(now, &[("alice", 7, 7)])).await.unwrap();
    assert_eq!(store.breakdown(&key("alice")).await.unwrap(), known);
    // A process that has just started writes it as well.
    let mut other = store.load(&backend(), None).await.unwrap();
    now = now.plus(Seconds::hours(1));
    let mut again = harvest(now, &[("alice", 7, 7)]);
    again.made_of(&name("alice"), of(now, &[("backup", 9)]));
    poll(&store, &lease, &mut other, now, &again).await.unwrap();
    assert_eq!(store.breakdown(&key("alice")).await.unwrap(), Some(of(now, &[("backup", 9)])));
}

pub async fn remarks_on_a_list_are_those_of_the_newest(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let remark = |about, service, said: &str| Remark { about, service, said: said.into() };
    let first = [
        remark(RemarkAbout::Size, Some(7), "option \"Disk\": \"a lot\" is no size"),
        remark(RemarkAbout::Companion, None, "ü <b>"),
    ];
    assert_eq!(store.remarks().await.unwrap().len(), 0);
    for (server, remarks) in [(12, &first[..]), (13, &first[..1]), (12, &first[1..]), (12, &first[1..])] {
        store.put_remarks(server, remarks).await.unwrap();
        assert_eq!(store.remarks().await.unwrap()[&server], remarks);
    }
    assert_eq!(store.remarks().await.unwrap()[&13], first[..1], "another server's stay");
    store.put_remarks(12, &[]).await.unwrap();
    assert!(!store.remarks().await.unwrap().contains_key(&12), "all is well");
}
