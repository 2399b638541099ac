//! What was sold, and since when: facts that only news adds to, and that go with their services.

use super::*;
use whmeter::pricing::LimitPiece;
use whmeter::store::ListAcceptance;

fn hour(number: i64) -> Timestamp {
    Timestamp::new(1_795_000_000 / 3_600 * 3_600 + number * 3_600).unwrap()
}

fn sold(id: i64, size: u64) -> Service {
    let mut service = Service::new(id, 1, "alice", "Active");
    service.limits.insert(Meter::StorageUsed, Limit::of_size(bytes(size)));
    service
}

fn until(from: i64, to: i64, limit: Limit) -> LimitPiece {
    LimitPiece { span: Span::new(hour(from), hour(to)).unwrap(), limit }
}

fn up_to(size: u64) -> Limit {
    Limit::UpTo(bytes(size))
}

async fn pieces(store: &Store, service: i64) -> Vec<LimitPiece> {
    let span = Span::new(hour(-10), hour(30)).unwrap();
    let of_one = store.sold_limits_of(service).await.unwrap().pieces(service, Meter::StorageUsed, span);
    let of_all = store.sold_limits().await.unwrap().pieces(service, Meter::StorageUsed, span);
    assert_eq!(of_one, of_all);
    of_one
}

pub async fn what_was_sold_is_kept_with_its_time(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    assert_eq!(pieces(&store, 7).await, [], "nothing was ever said");
    let put =
        async |service: Service, at: i64| store.put_services(12, &[service], &[], hour(at)).await.unwrap();
    put(sold(7, 100), 0).await;
    assert_eq!(pieces(&store, 7).await, [until(-10, 30, up_to(100))], "the first counts for before, too");
    // The same again, and another name of the product, are no news of what was sold.
    put(sold(7, 100), 1).await;
    put(Service { product: Some("S3".into()), ..sold(7, 100) }, 2).await;
    put(sold(7, 200), 10).await;
    put(sold(7, 0), 20).await;
    let expected = [until(-10, 10, up_to(100)), until(10, 20, up_to(200)), until(20, 30, Limit::Unlimited)];
    assert_eq!(pieces(&store, 7).await, expected);
    let facts = store.verify_chronicle().await.unwrap().unwrap().rows;
    put(sold(7, 0), 21).await;
    assert_eq!(
        store.verify_chronicle().await.unwrap().unwrap().rows,
        facts,
        "the same answer changes nothing"
    );
    // What is not said any more is unknown from then on. A clock that was ahead leaves nothing behind.
    put(Service::new(7, 1, "alice", "Active"), 29).await;
    assert_eq!(pieces(&store, 7).await[3], until(29, 30, Limit::Unknown));
    put(sold(7, 300), 25).await;
    let expected = [&expected[..2], &[until(20, 25, Limit::Unlimited), until(25, 30, up_to(300))]].concat();
    assert_eq!(pieces(&store, 7).await, expected);
    // Nor where the clock is right again and the list says what it said then: it counts from now on, and not from then.
    put(sold(7, 400), 29).await;
    put(sold(7, 400), 26).await;
    let ahead = [until(25, 26, up_to(300)), until(26, 30, up_to(400))];
    let expected = [&expected[..3], &ahead[..]].concat();
    assert_eq!(pieces(&store, 7).await, expected);
    // Under another number it is the same service.
    let said = ListAcceptance { same_services: true, author: "ann".into(), reason: "anew".into() };
    store.accept_list(12, &said, hour(26)).await.unwrap().unwrap();
    assert_eq!(put(sold(9, 400), 27).await.renumbered, 1);
    assert_eq!((pieces(&store, 9).await, pieces(&store, 7).await), (expected, Vec::new()));
    // By a clock that is behind the newest poll nothing is dated and nothing taken away: the next list does it.
    let lease = lease(&store, "a", hour(28)).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    poll(&store, &lease, &mut loaded, hour(28), &harvest(hour(28), &[("alice", 1, 1)])).await.unwrap();
    let before = pieces(&store, 9).await;
    put(sold(9, 500), -5).await;
    assert_eq!(pieces(&store, 9).await, before);
    put(sold(9, 500), 29).await;
    let news = [until(26, 29, up_to(400)), until(29, 30, up_to(500))];
    assert_eq!(pieces(&store, 9).await, [&before[..before.len() - 1], &news[..]].concat());
    store.verify_chronicle().await.unwrap().unwrap();
}
