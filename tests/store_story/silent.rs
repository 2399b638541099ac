//! A database that is gone without a word: sockets stay open and say nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Stands between us and a server, and passes on only so many pieces of what they say.
struct Relay {
    address: String,
    left: Arc<AtomicI64>,
}

impl Relay {
    async fn before(server: &str) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (server, left) = (server.to_string(), Arc::new(AtomicI64::new(i64::MAX)));
        let allowed = Arc::clone(&left);
        tokio::spawn(async move {
            while let Ok((ours, _)) = listener.accept().await {
                let theirs = TcpStream::connect(&server).await.unwrap();
                let ((from_us, to_us), (from_it, to_it)) = (ours.into_split(), theirs.into_split());
                tokio::spawn(pass(from_us, to_it, Arc::clone(&allowed)));
                tokio::spawn(pass(from_it, to_us, Arc::clone(&allowed)));
            }
        });
        Relay { address, left }
    }
}

/// What was swallowed once is never passed on: those connections are lost for good.
async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    left: Arc<AtomicI64>,
) {
    let (mut buffer, mut lost) = (vec![0; 65_536], false);
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        lost |= left.fetch_sub(1, Ordering::SeqCst) <= 0;
        if !lost && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    // Nobody hears that the other end hung up, either.
    if lost || left.load(Ordering::SeqCst) <= 0 {
        std::future::pending::<()>().await;
    }
}

/// The server's part of a database's address.
fn host(url: &str) -> &str {
    let rest = url.split_once('@').unwrap().1;
    rest.split_once('/').unwrap().0
}

pub async fn a_server_that_says_nothing_makes_nobody_deaf(databases: &Databases) {
    let fresh = databases.fresh().await;
    let relay = Relay::before(host(&fresh.url)).await;
    let url = fresh.url.replace(host(&fresh.url), &relay.address);
    let through = StoreSettings { url: Secret::new(url), ..StoreSettings::default() };
    let store = Store::open(through, fresh.folder.path()).await.unwrap();
    let now = at("2026-11-20T11:00:00Z");
    let held = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    poll(&store, &held, &mut loaded, now, &harvest(now, &[("a", 1, 1)])).await.unwrap();

    // The connection is still there when it is asked for, and a transaction begins; what is read in it never comes.
    // What was used before is asked whether it is still there, a moment after.
    tokio::time::sleep(Duration::from_secs(1)).await;
    relay.left.store(4, Ordering::SeqCst);
    let began = Instant::now();
    let silent = store.load(&backend(), None).await.unwrap_err();
    assert!(matches!(silent, StoreError::Silent(_)), "{silent}");
    assert!(began.elapsed() < Duration::from_secs(60), "longer than a lease: {:?}", began.elapsed());
    // It is there again: the connections that were lost are replaced, and what was not committed is done again.
    relay.left.store(i64::MAX, Ordering::SeqCst);
    let later = now.plus(Seconds::new(900));
    let began = Instant::now();
    let held = loop {
        match store.take_lease(&backend(), "minio", "a", later, Seconds::new(60)).await {
            Ok(held) => break held.unwrap(),
            Err(error) => assert!(began.elapsed() < Duration::from_secs(40), "{error}"),
        }
    };
    let mut loaded = store.load(&backend(), None).await.unwrap();
    poll(&store, &held, &mut loaded, later, &harvest(later, &[("a", 2, 2)])).await.unwrap();
    let key = AccountKey { backend: backend(), name: name("a") };
    let month = store.month_total(&key, Meter::TrafficOut, Month::parse("2026-11").unwrap()).await.unwrap();
    assert_eq!(month.unwrap().amount, bytes(1));
    store.verify(&backend(), &rules()).await.unwrap().unwrap();
}
