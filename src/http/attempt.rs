//! One attempt: send, look at the head, take the body in or pour it to a reader.

use std::io::{self, Read};
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes, BytesMut};
use chrono::DateTime;
use futures_util::StreamExt;
use futures_util::future::Either;
use reqwest::header::{AGE, CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER, VIA};
use reqwest::{Response, StatusCode};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::call::host_of;
use super::error::{HttpError, classify};
use super::{Answer, Call, Deadline, Shared};
use crate::domain::Timestamp;

/// What came of a streamed call.
#[derive(Debug)]
pub enum Streamed<T> {
    /// Success, and what the reader made of the body.
    Read(T),
    /// No success, or an HTML page in its place; the whole answer.
    Answer(Answer),
}

/// A successful head whose body is still to come, or a whole answer without success.
pub(super) struct Opened {
    body: Either<Response, Answer>,
    host: String,
    deadline: Deadline,
}

/// One way to make an attempt.
pub(super) trait Attempt: Sync {
    type Outcome: Judged + Send;
    fn attempt(
        &self,
        shared: &Shared,
        call: Call,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Self::Outcome, HttpError>> + Send;
}

/// Sends the call and takes the whole answer in.
pub(super) struct Whole {
    pub limit: u64,
}

impl Attempt for Whole {
    type Outcome = Answer;
    async fn attempt(&self, shared: &Shared, call: Call, deadline: Deadline) -> Result<Answer, HttpError> {
        let host = call.host();
        within(deadline, &host, async {
            let response = shared.head(call, &host).await?;
            collect(response, &host, self.limit).await
        })
        .await
    }
}

/// Sends the call and takes the answer in only if it is no success, or an HTML page.
pub(super) struct Opening {
    pub limit: u64,
}

impl Attempt for Opening {
    type Outcome = Opened;
    async fn attempt(&self, shared: &Shared, call: Call, deadline: Deadline) -> Result<Opened, HttpError> {
        let host = call.host();
        let body = within(deadline, &host, async {
            let response = shared.head(call, &host).await?;
            // A reader of an HTML page could only say that it is not what it expected.
            Ok(match response.status().is_success() && !is_page(&response) {
                true => Either::Left(response),
                false => Either::Right(collect(response, &host, self.limit).await?),
            })
        });
        let body = body.await?;
        Ok(Opened { body, host, deadline })
    }
}

fn is_page(response: &Response) -> bool {
    response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

/// What can be judged to be busy.
pub(super) trait Judged {
    fn answer(&self) -> Option<&Answer>;
    fn into_answer(self) -> Option<Answer>;
}

impl Judged for Answer {
    fn answer(&self) -> Option<&Answer> {
        Some(self)
    }
    fn into_answer(self) -> Option<Answer> {
        Some(self)
    }
}

impl Judged for Opened {
    fn answer(&self) -> Option<&Answer> {
        match &self.body {
            Either::Left(_) => None,
            Either::Right(answer) => Some(answer),
        }
    }
    fn into_answer(self) -> Option<Answer> {
        match self.body {
            Either::Left(_) => None,
            Either::Right(answer) => Some(answer),
        }
    }
}

/// Trouble that may pass by itself.
pub(super) struct Trouble {
    pub retry_after: Option<Duration>,
}

/// Whether the attempt failed in a way that may pass.
pub(super) fn trouble<A: Judged>(result: &Result<A, HttpError>) -> Option<Trouble> {
    match result {
        Ok(judged) => {
            let answer = judged.answer()?;
            matches!(answer.status(), 408 | 429 | 502 | 503 | 504)
                .then(|| Trouble { retry_after: retry_after(answer.headers()) })
        }
        Err(error) => error.may_pass().then_some(Trouble { retry_after: None }),
    }
}

/// The last word after the last attempt.
pub(super) fn give_up<A: Judged>(result: Result<A, HttpError>) -> Result<A, HttpError> {
    let answer = match result?.into_answer() {
        Some(answer) => answer,
        None => return Err(HttpError::Closed),
    };
    let (host, sketch) = (answer.host.clone(), answer.sketch());
    Err(match answer.status() {
        502 | 504 => HttpError::Gateway { host, sketch },
        _ => HttpError::Busy { host, after: retry_after(answer.headers()), sketch },
    })
}

impl Shared {
    async fn head(&self, call: Call, host: &str) -> Result<Response, HttpError> {
        let request = call.into_request()?;
        let response =
            self.client.execute(request).await.map_err(|error| classify(&error, host.to_string(), None))?;
        self.note_date(&response);
        if response.status().is_success() {
            self.note_who(&response, host);
        }
        match response.status() {
            status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                let to = points_to(&response);
                Err(HttpError::Redirect { host: host.to_string(), status: status.as_u16(), to })
            }
            _ => Ok(response),
        }
    }
}

impl Shared {
    /// Keeps who has answered: a cache sends an age, a proxy that it stands between.
    fn note_who(&self, response: &Response, host: &str) {
        let headers = response.headers();
        let who = match (headers.contains_key(AGE), headers.contains_key(VIA)) {
            (true, _) => format!("{host} by a cache"),
            (false, true) => format!("{host} by a proxy"),
            (false, false) => host.to_string(),
        };
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(who);
    }

    /// Keeps when the panel says that it answered.
    fn note_date(&self, response: &Response) {
        let headers = response.headers();
        let date = headers.get(DATE).filter(|_| !headers.contains_key(AGE));
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date.to_str().ok()?).ok());
        if let Some(date) = date.and_then(|date| Timestamp::from_utc(date.to_utc()).ok()) {
            let mut dated = self.dated.lock().unwrap_or_else(PoisonError::into_inner);
            *dated = Some((date, Instant::now()));
        }
    }
}

/// Feeds a successful body to `read` while it arrives; `read` blocks on a thread of its own.
pub(super) async fn pour<T: Send + 'static>(
    Opened { body, host, deadline }: Opened,
    limit: u64,
    read: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
) -> Result<Streamed<T>, HttpError> {
    let response = match body {
        Either::Left(response) => response,
        Either::Right(answer) => return Ok(Streamed::Answer(answer)),
    };
    let (sender, receiver) = mpsc::channel(4);
    let reading = tokio::task::spawn_blocking(move || {
        let mut source = Chunks { receiver, chunk: Bytes::new(), ended: false };
        read(&mut source)
    });
    let poured = within(deadline, &host, feed(response, &host, limit, sender)).await;
    // After an error the sender is gone without the end mark: the reader sees a broken pipe and ends.
    let made = reading.await.map_err(|_| HttpError::Closed)?;
    poured.map(|()| Streamed::Read(made))
}

/// Sends chunk after chunk and then the end mark. A reader that has seen enough ends it early.
async fn feed(
    response: Response,
    host: &str,
    limit: u64,
    sender: mpsc::Sender<Option<Bytes>>,
) -> Result<(), HttpError> {
    let mut body = Body { stream: response.bytes_stream().boxed(), received: 0, limit };
    loop {
        let chunk = body.next(host).await?;
        let ended = chunk.is_none();
        if sender.send(chunk).await.is_err() || ended {
            return Ok(());
        }
    }
}

async fn collect(response: Response, host: &str, limit: u64) -> Result<Answer, HttpError> {
    let status = response.status();
    let headers = response.headers().clone();
    let reason = response.extensions().get::<hyper::ext::ReasonPhrase>().map_or_else(
        || status.canonical_reason().unwrap_or_default().to_string(),
        |reason| String::from_utf8_lossy(reason.as_bytes()).into_owned(),
    );
    let mut body = Body { stream: response.bytes_stream().boxed(), received: 0, limit };
    let mut whole = BytesMut::new();
    while let Some(chunk) = body.next(host).await? {
        whole.extend_from_slice(&chunk);
    }
    Ok(Answer { host: host.to_string(), status, reason, headers, body: whole.freeze() })
}

/// A body that counts what has come, after decompression, and stops at the limit.
struct Body {
    stream: futures_util::stream::BoxStream<'static, reqwest::Result<Bytes>>,
    received: u64,
    limit: u64,
}

impl Body {
    async fn next(&mut self, host: &str) -> Result<Option<Bytes>, HttpError> {
        let chunk = match self.stream.next().await {
            None => return Ok(None),
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) => return Err(classify(&error, host.to_string(), Some(self.received))),
        };
        self.received += chunk.len() as u64;
        if self.received > self.limit {
            return Err(HttpError::TooLong { host: host.to_string(), limit: self.limit });
        }
        Ok(Some(chunk))
    }
}

/// The reader's end of the pipe.
struct Chunks {
    receiver: mpsc::Receiver<Option<Bytes>>,
    chunk: Bytes,
    ended: bool,
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !self.ended {
            match self.receiver.blocking_recv() {
                Some(Some(chunk)) => self.chunk = chunk,
                Some(None) => self.ended = true,
                None => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        let length = self.chunk.len().min(into.len());
        self.chunk.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}

async fn within<T>(
    deadline: Deadline,
    host: &str,
    work: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    tokio::time::timeout_at(deadline.at, work)
        .await
        .unwrap_or_else(|_| Err(HttpError::Timeout { host: host.to_string(), within: deadline.budget }))
}

/// Scheme, host and port a redirect points to; its path and query may hold a token.
fn points_to(response: &Response) -> String {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    match location.map(|location| response.url().join(location)) {
        Some(Ok(url)) => format!("{}://{}", url.scheme(), host_of(&url)),
        _ => "an address it does not name".to_string(),
    }
}

/// How long the server wants to be left alone: seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    SystemTime::from(date).duration_since(SystemTime::now()).ok()
}
