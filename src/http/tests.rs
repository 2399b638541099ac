//! The client against servers that misbehave, each written out byte by byte.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

mod tls;

/// What a server does with the n-th connection after it has read a request.
type Script = fn(usize) -> Vec<Do>;

enum Do {
    Say(Vec<u8>),
    Wait(u64),
    /// Go on saying this until the other side has had enough.
    SayForEver(&'static [u8]),
}

fn say(text: &str) -> Do {
    Do::Say(text.as_bytes().to_vec())
}

fn ok(body: &str) -> Do {
    say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()))
}

fn status(line: &str) -> Do {
    say(&format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
}

struct Server {
    url: Url,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(script: Script) -> Server {
    listen(script, None).await
}

async fn listen(script: Script, tls: Option<rustls::ServerConfig>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let acceptor = tls.map(|config| tokio_rustls::TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (counter, acceptor) = (counter.clone(), acceptor.clone());
            tokio::spawn(async move {
                match acceptor {
                    None => play(stream, script, &counter).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            play(stream, script, &counter).await;
                        }
                    }
                }
            });
        }
    });
    let url = Url::parse(&format!("{scheme}://localhost:{port}/list?token=hunter2")).expect("an address");
    Server { url, asked }
}

async fn play(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: Script, asked: &AtomicUsize) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    for act in script(asked.fetch_add(1, Ordering::SeqCst)) {
        let done = match act {
            Do::Say(bytes) => stream.write_all(&bytes).await,
            Do::Wait(millis) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                Ok(())
            }
            Do::SayForEver(bytes) => loop {
                if let Err(gone) = stream.write_all(bytes).await {
                    break Err(gone);
                }
            },
        };
        if done.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

fn http(keys: &str) -> Http {
    let mut section = Section::new(keys.parse().expect("toml"), std::path::Path::new("."));
    let settings = section.take::<HttpSettings>().expect("settings");
    Http::new(&settings, &section).expect("a client")
}

async fn get(http: &Http, url: &Url) -> Result<Answer, HttpError> {
    let result = http.send(|| Ok(Call::get(url.clone()))).await;
    if let Err(error) = &result {
        assert!(!error.to_string().contains("hunter2"), "leaks its query: {error}");
    }
    result
}

#[tokio::test]
async fn a_plain_answer_comes_home_whole() {
    let server =
        serve(|_| vec![say("HTTP/1.1 555 No ticket\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi")]).await;
    let answer = get(&http(""), &server.url).await.expect("an answer");
    assert_eq!((answer.status(), answer.reason(), &*answer.text()), (555, "No ticket", "hi"));
    assert_eq!(answer.header("x-a"), Some("b"));
}

#[tokio::test]
async fn a_slow_body_runs_out_of_time() {
    let server = serve(|_| {
        let drip = || [Do::Wait(100), say("x")];
        let head = say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        std::iter::once(head).chain((0..1000).flat_map(|_| drip())).collect()
    })
    .await;
    let begun = Instant::now();
    let error = get(&http("timeout = '600ms'"), &server.url).await.expect_err("too slow");
    assert!(matches!(error, HttpError::Timeout { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(error.to_string().contains("within 600ms; raise `timeout`"), "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_tried_again_and_then_told() {
    let server = serve(|_| vec![say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")]).await;
    let error = get(&http("retries = 1"), &server.url).await.expect_err("cut off");
    assert!(matches!(error, HttpError::BrokenOff { received: 9, .. }), "{error:?}");
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn an_endless_body_stops_at_the_limit() {
    let server = serve(|_| {
        vec![
            say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Do::SayForEver(b"a\r\n0123456789\r\n"),
        ]
    })
    .await;
    let error = get(&http("body_limit = '1 MiB'"), &server.url).await.expect_err("endless");
    assert!(matches!(error, HttpError::TooLong { limit: 1_048_576, .. }), "{error:?}");
    assert!(error.to_string().contains("1048576 bytes; raise body_limit"), "{error}");
    assert_eq!(server.asked(), 1, "a long answer is not asked for again");
}

fn gzipped(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).expect("in memory");
    encoder.finish().expect("in memory")
}

fn gzip_answer(body: &[u8]) -> Vec<Do> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    vec![say(&head), Do::Say(body.to_vec())]
}

#[tokio::test]
async fn gzip_is_undone_and_a_bomb_stops_at_the_limit() {
    let server = serve(|_| gzip_answer(&gzipped(b"hello"))).await;
    assert_eq!(get(&http(""), &server.url).await.expect("an answer").text(), "hello");
    let bomb = serve(|_| gzip_answer(&gzipped(&vec![b'a'; 20 << 20]))).await;
    let error = get(&http("body_limit = '1 MiB'"), &bomb.url).await.expect_err("a bomb");
    assert!(matches!(error, HttpError::TooLong { .. }), "{error:?}");
}

#[tokio::test]
async fn bad_gzip_is_not_taken_for_a_bad_network() {
    let noise = serve(|_| gzip_answer(b"this is no gzip at all")).await;
    let cut = serve(|_| {
        let whole = gzipped(&(0..50_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
        gzip_answer(&whole[..whole.len() / 2])
    })
    .await;
    for server in [noise, cut] {
        let error = get(&http(""), &server.url).await.expect_err("not gzip");
        assert!(matches!(error, HttpError::BadEncoding { .. }), "{error:?}");
        assert_eq!(server.asked(), 1);
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_said() {
    let server = serve(|n| match n {
        0 => vec![say("HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")],
        _ => vec![ok("now")],
    })
    .await;
    let begun = Instant::now();
    assert_eq!(get(&http(""), &server.url).await.expect("an answer").text(), "now");
    assert!(begun.elapsed() >= Duration::from_secs(1), "came back too early");
}

#[tokio::test]
async fn a_server_that_wants_a_long_rest_gets_it() {
    let server =
        serve(|_| vec![say("HTTP/1.1 503 Later\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n")]).await;
    let error = get(&http(""), &server.url).await.expect_err("busy");
    assert!(
        matches!(error, HttpError::Busy { after: Some(after), .. } if after.as_secs() == 3600),
        "{error:?}"
    );
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn enough_is_enough() {
    let server = serve(|_| vec![status("503 Service Unavailable")]).await;
    let error = get(&http(""), &server.url).await.expect_err("busy");
    assert!(matches!(error, HttpError::Busy { after: None, .. }), "{error:?}");
    assert_eq!(server.asked(), 3);
    let gateway = serve(|_| vec![status("502 Bad Gateway")]).await;
    let error = get(&http("retries = 0"), &gateway.url).await.expect_err("no gateway");
    assert!(matches!(error, HttpError::Gateway { .. }), "{error:?}");
    assert_eq!(gateway.asked(), 1);
}

#[tokio::test]
async fn what_may_not_be_repeated_is_not() {
    let server = serve(|_| vec![status("503 Service Unavailable")]).await;
    let post = |repeatable: bool| {
        let call = Call::post(server.url.clone()).form(&[("a b", "c&d")]);
        Ok(if repeatable { call.repeatable() } else { call })
    };
    http("").send(|| post(false)).await.expect_err("busy");
    assert_eq!(server.asked(), 1);
    http("").send(|| post(true)).await.expect_err("busy");
    assert_eq!(server.asked(), 4);
}

#[tokio::test]
async fn redirects_are_told_not_followed() {
    let server = serve(|_| {
        vec![say("HTTP/1.1 302 Found\r\nLocation: \
             https://login.example.net/?sid=hunter2\r\nContent-Length: 0\r\n\r\n")]
    })
    .await;
    let error = get(&http(""), &server.url).await.expect_err("elsewhere");
    let HttpError::Redirect { status: 302, to, .. } = &error else { panic!("{error:?}") };
    assert_eq!(to, "https://login.example.net:443");
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_no_such_name() {
    let refused = Url::parse("http://127.0.0.1:1/").expect("an address");
    let error = get(&http("retries = 0"), &refused).await.expect_err("nobody");
    assert!(matches!(&error, HttpError::Connect { detail, .. } if detail.contains("refused")), "{error:?}");
    let nowhere = Url::parse("http://no-such-host.invalid/").expect("an address");
    let error = get(&http("retries = 0"), &nowhere).await.expect_err("no name");
    assert!(matches!(error, HttpError::Dns { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_not_http_is_told() {
    let server = serve(|_| vec![say("SSH-2.0-OpenSSH_9.2\r\n\r\n")]).await;
    let error = get(&http(""), &server.url).await.expect_err("ssh");
    assert!(matches!(error, HttpError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn a_header_with_a_line_break_is_never_sent() {
    let server = serve(|_| vec![ok("")]).await;
    let build = || Ok(Call::get(server.url.clone()).secret_header("x-token", "hunter2\r\nx-admin: yes"));
    let error = http("").send(build).await.expect_err("not a header");
    assert!(matches!(error, HttpError::Malformed { .. }), "{error:?}");
    assert!(!error.to_string().contains("hunter2"));
    assert_eq!(server.asked(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_calls_are_on_their_way() {
    static BUSY: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let server = serve(|_| vec![Do::Wait(50), ok("")]).await;
    let http = http("max_in_flight = 2");
    let calls = (0..8).map(async |_| {
        let build = || Ok(Call::get(server.url.clone()));
        let counted = http.stream(build, |_| {
            MOST.fetch_max(BUSY.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            BUSY.fetch_sub(1, Ordering::SeqCst);
        });
        counted.await.expect("an answer");
    });
    futures_util::future::join_all(calls).await;
    assert!((1..=2).contains(&MOST.load(Ordering::SeqCst)), "{MOST:?} at once");
}

#[tokio::test]
async fn starts_are_paced() {
    let server = serve(|_| vec![ok("")]).await;
    let http = http("requests_per_second = 10");
    let begun = Instant::now();
    for _ in 0..4 {
        get(&http, &server.url).await.expect("an answer");
    }
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

async fn stream_length(http: &Http, server: &Server) -> Result<Streamed<io::Result<u64>>, HttpError> {
    let build = || Ok(Call::get(server.url.clone()));
    http.stream(build, |body| std::io::copy(body, &mut std::io::sink())).await
}

#[tokio::test]
async fn a_stream_is_read_while_it_comes_and_broken_ones_are_errors() {
    let long = serve(|_| gzip_answer(&gzipped(&vec![b'a'; 5 << 20]))).await;
    let read = stream_length(&http("body_limit = '1 MiB'"), &long).await;
    assert!(matches!(read, Ok(Streamed::Read(Ok(length))) if length == 5 << 20), "{read:?}");
    let read = stream_length(&http("body_limit = '100 KiB'"), &long).await;
    assert!(matches!(read, Err(HttpError::TooLong { .. })), "{read:?}");
    let cut = serve(|_| vec![say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[1,2")]).await;
    let read = stream_length(&http("retries = 0"), &cut).await;
    assert!(matches!(read, Err(HttpError::BrokenOff { received: 4, .. })), "{read:?}");
    let denied = serve(|_| vec![say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")]).await;
    let read = stream_length(&http(""), &denied).await;
    assert!(matches!(&read, Ok(Streamed::Answer(answer)) if answer.status() == 403), "{read:?}");
    let busy = serve(|n| if n == 0 { vec![status("503 Later")] } else { vec![ok("yes")] }).await;
    let read = stream_length(&http(""), &busy).await;
    assert!(matches!(read, Ok(Streamed::Read(Ok(3)))), "{read:?}");
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_ends_the_stream() {
    let server = serve(|_| {
        vec![
            say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Do::SayForEver(b"a\r\n0123456789\r\n"),
        ]
    })
    .await;
    let build = || Ok(Call::get(server.url.clone()));
    let http = http("");
    let read = http.stream(build, |body| {
        let mut start = [0; 4];
        body.read_exact(&mut start).map(|()| start)
    });
    assert!(matches!(read.await, Ok(Streamed::Read(Ok(start))) if &start == b"0123"));
}
