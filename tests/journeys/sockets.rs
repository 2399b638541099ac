//! Sockets on which nothing comes, or comes too slowly: they end, and take nothing from anybody else.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use whmeter_simulators::clock::ClockStart;

use crate::support::panels::section;
use crate::support::program::{Site, free_port};

/// Time-outs are ten seconds; a busy machine is late.
const ENDED_WITHIN: Duration = Duration::from_secs(25);

/// Everything that comes until the socket is closed, and how long that took. `drip` is sent, byte by byte.
async fn until_closed(port: u16, first: &str, drip: &[u8]) -> (String, Duration) {
    let began = Instant::now();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut reads, mut writes) = stream.into_split();
    writes.write_all(first.as_bytes()).await.unwrap();
    let dripping = async {
        for byte in drip {
            if writes.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        std::future::pending::<()>().await
    };
    let mut heard = Vec::new();
    let hearing = reads.read_to_end(&mut heard);
    tokio::select! {
        ended = tokio::time::timeout(ENDED_WITHIN, hearing) => drop(ended.expect("it is never closed")),
        () = dripping => {}
    }
    (String::from_utf8_lossy(&heard).into_owned(), began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_silent_or_slow_is_left() {
    let port = free_port();
    let site = Site::new(&crate::house(port, "", "", &[]));
    let daemon = site.serve(port).await;
    let request = "GET /-/healthy HTTP/1.1\r\nhost: localhost\r\n";
    let endless = format!("x-slow: {}", "a".repeat(200));
    let body = "PUT /v1/whmcs/billable?server=12 HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                content-length: 100000\r\n\r\n{";
    let kept = format!("{request}\r\n");
    let (silent, header, body, idle, h2c) = tokio::join!(
        until_closed(port, "", b""),
        until_closed(port, request, endless.as_bytes()),
        until_closed(port, body, b""),
        until_closed(port, &kept, b""),
        until_closed(port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
    );
    assert_eq!(silent.0.matches("200 OK").count(), 0);
    assert!(!header.0.contains("200 OK") && header.1 > Duration::from_secs(5), "{header:?}");
    assert!(body.0.starts_with("HTTP/1.1 400"), "{body:?}");
    assert!(idle.0.starts_with("HTTP/1.1 200 OK"), "{idle:?}");
    assert!(h2c.0.is_empty() || h2c.0.starts_with("HTTP/1.1 400"), "HTTP/2 is not spoken: {h2c:?}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_8_many_silent_sockets_stop_neither_health_nor_polls() {
    let panel = crate::start(3, ClockStart::WallClock).await;
    let port = free_port();
    let site = Site::new(&crate::house(port, "", "", &[section(&panel, "s3", "every = \"1s\"")]));
    // Few descriptors, and no right to more.
    let few = format!("ulimit -n 200; exec {} serve", env!("CARGO_BIN_EXE_whmeter"));
    let daemon = site.start_of("/bin/sh".as_ref(), port, &["-c", &few]);
    daemon.until("/-/ready", "ready", |got| got.status == 200).await;
    let polled = "whmeter_poll_duration_seconds_count{backend=\"s3\"}";
    let before = daemon.until("/metrics", "has polled", |got| got.sample(polled) > Some(0)).await;
    let before = before.sample(polled).unwrap();
    let mut silent = Vec::new();
    for _ in 0..400 {
        // One that is refused is one that takes nothing.
        silent.extend(TcpStream::connect(("127.0.0.1", port)).await);
        if silent.len() % 50 == 0 {
            assert_eq!(daemon.get("/-/ready").await.status, 200, "with {} silent sockets", silent.len());
        }
    }
    assert!(silent.len() > 300, "only {}", silent.len());
    let page = daemon.until("/metrics", "polls on", |got| got.sample(polled) > Some(before + 2)).await;
    assert_eq!(page.sample("whmeter_poll_success{backend=\"s3\"}"), Some(1));
    assert!(page.sample("whmeter_http_connections_dropped_total") > Some(0), "{}", page.text());
    drop(silent);
    daemon.stop().await;
}
