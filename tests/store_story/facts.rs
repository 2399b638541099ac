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
