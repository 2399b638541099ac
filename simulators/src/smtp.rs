//! A mail server that takes mail and keeps it: STARTTLS or TLS from the first byte, a login, and the
//! ways in which mail servers make senders wait, refuse them or leave them in doubt.
//!
//! Written from RFC 5321 (SMTP), 3207 (STARTTLS), 4954 (AUTH) and 8314 (implicit TLS).

use crate::tls::Certificates;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;
use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How connections are encrypted.
#[derive(Clone, Debug, Default)]
pub enum Encryption {
    /// Not at all.
    #[default]
    None,
    /// After `STARTTLS`; mail is refused before.
    Starttls(Certificates),
    /// From the first byte.
    Implicit(Certificates),
}

/// How it behaves; may be changed while it runs.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// User and password; mail is refused without them.
    pub login: Option<(String, String)>,
    /// The ways to log in that it offers: `PLAIN`, `LOGIN`.
    pub mechanisms: Vec<&'static str>,
    /// Says 451 to a recipient it sees for the first time.
    pub greylists: bool,
    /// Says 550 to these recipients.
    pub refuses: BTreeSet<String>,
    /// Keeps the mail and breaks the connection off before it says so.
    pub drops_after_data: bool,
    /// Keeps the mail and says nothing for this long.
    pub silent_after_data: Option<Duration>,
    /// Says this instead of 250 to a mail, and does not keep it.
    pub answers_data: Option<&'static str>,
}

/// A mail as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Header and body, dots unstuffed, lines ending in `\r\n`.
    pub text: String,
    /// Whether it came encrypted.
    pub encrypted: bool,
    /// Who had logged in.
    pub user: Option<String>,
}

impl Received {
    /// A header's value on one line.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.text.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }
}

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    received: Vec<Received>,
    seen: BTreeSet<String>,
}

/// A running mail server; clones are the same one.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: CancellationToken,
}

impl Receiver {
    /// Listens on a free port of this machine.
    pub async fn start(encryption: Encryption, behaviour: Behaviour) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let state = Arc::new(Mutex::new(State { behaviour, ..State::default() }));
        let receiver =
            Self { address: listener.local_addr()?, state: state.clone(), stop: CancellationToken::new() };
        let stop = receiver.stop.clone();
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                // A sender that breaks off is its own affair.
                tokio::spawn(greet(tcp, encryption.clone(), state.clone()));
            }
        }));
        Ok(receiver)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes how it behaves.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.state).behaviour);
    }

    /// The mails that arrived, oldest first.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }

    /// Listens no more.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn greet(tcp: TcpStream, encryption: Encryption, state: Arc<Mutex<State>>) -> Result<()> {
    match encryption {
        Encryption::None => Session::new(tcp, false, state).hold(false, true).await.map(drop),
        Encryption::Implicit(certificates) => {
            let stream = TlsAcceptor::from(certificates.server).accept(tcp).await?;
            Session::new(stream, true, state).hold(false, true).await.map(drop)
        }
        Encryption::Starttls(certificates) => {
            let acceptor = TlsAcceptor::from(certificates.server);
            let session = Session::new(tcp, false, state.clone());
            let Some(tcp) = session.hold(true, true).await? else { return Ok(()) };
            let stream = acceptor.accept(tcp).await?;
            Session::new(stream, true, state).hold(false, false).await.map(drop)
        }
    }
}

struct Session<S> {
    stream: BufReader<S>,
    encrypted: bool,
    state: Arc<Mutex<State>>,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn new(stream: S, encrypted: bool, state: Arc<Mutex<State>>) -> Self {
        let stream = BufReader::new(stream);
        Self { stream, encrypted, state, user: None, from: None, to: Vec::new() }
    }

    /// Talks until the end, or until the stream is to be encrypted: then it is given back.
    async fn hold(mut self, starttls: bool, greets: bool) -> Result<Option<S>> {
        if greets {
            self.say("220 mail.example.net ready").await?;
        }
        loop {
            let line = self.line().await?;
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.extensions(starttls).await?,
                "HELO" | "RSET" | "NOOP" => self.say("250 OK").await?,
                "STARTTLS" if starttls => {
                    self.say("220 go ahead").await?;
                    return Ok(Some(self.stream.into_inner()));
                }
                "AUTH" => self.login(rest).await?,
                "MAIL" => self.sender(rest, starttls).await?,
                "RCPT" => self.recipient(rest).await?,
                "DATA" if self.to.is_empty() => self.say("503 no recipients").await?,
                "DATA" => self.text().await?,
                "QUIT" => {
                    self.say("221 bye").await?;
                    return Ok(None);
                }
                _ => self.say("500 what?").await?,
            }
        }
    }

    async fn extensions(&mut self, starttls: bool) -> Result<()> {
        let mechanisms = lock(&self.state).behaviour.mechanisms.join(" ");
        let mut lines = vec!["mail.example.net".to_owned(), "8BITMIME".to_owned()];
        if starttls {
            lines.push("STARTTLS".to_owned());
        } else if !mechanisms.is_empty() {
            lines.push(format!("AUTH {mechanisms}"));
        }
        for line in &lines {
            self.say(&format!("250-{line}")).await?;
        }
        self.say("250 SIZE 1000000").await
    }

    async fn login(&mut self, asked: &str) -> Result<()> {
        let behaviour = lock(&self.state).behaviour.clone();
        let (mechanism, initial) = asked.split_once(' ').unwrap_or((asked, ""));
        if !behaviour.mechanisms.iter().any(|offered| offered.eq_ignore_ascii_case(mechanism)) {
            return self.say("504 no such mechanism").await;
        }
        let pair = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let told = self.told(initial, "").await?;
                let mut parts = told.split('\0').skip(1).map(str::to_owned);
                parts.next().zip(parts.next())
            }
            _ => {
                let user = self.told(initial, "Username:").await?;
                Some((user, self.told("", "Password:").await?))
            }
        };
        match pair {
            Some(pair) if behaviour.login.as_ref() == Some(&pair) => {
                self.user = Some(pair.0);
                self.say("235 welcome").await
            }
            // As careless as some servers: it repeats what it was sent.
            told => {
                let (user, password) = told.unwrap_or_default();
                let plain = STANDARD.encode(format!("\0{user}\0{password}"));
                let again = STANDARD.encode(&password);
                self.say(&format!("535 5.7.8 wrong user or password: {plain} {again} {password}")).await
            }
        }
    }

    /// What came with the command, or the answer to a question.
    async fn told(&mut self, initial: &str, question: &str) -> Result<String> {
        let encoded = match initial {
            "" => {
                self.say(&format!("334 {}", STANDARD.encode(question))).await?;
                self.line().await?
            }
            told => told.to_owned(),
        };
        Ok(String::from_utf8_lossy(&STANDARD.decode(encoded).unwrap_or_default()).into_owned())
    }

    async fn sender(&mut self, rest: &str, must_encrypt: bool) -> Result<()> {
        if must_encrypt {
            return self.say("530 5.7.0 STARTTLS first").await;
        }
        if lock(&self.state).behaviour.login.is_some() && self.user.is_none() {
            return self.say("530 5.7.0 log in first").await;
        }
        self.from = Some(address(rest));
        self.to.clear();
        self.say("250 OK").await
    }

    async fn recipient(&mut self, rest: &str) -> Result<()> {
        let to = address(rest);
        let reply = {
            let mut state = lock(&self.state);
            if state.behaviour.refuses.contains(&to) {
                "550 5.1.1 no such user"
            } else if state.seen.insert(to.clone()) && state.behaviour.greylists {
                "451 4.7.1 greylisted, try again later"
            } else {
                self.to.push(to);
                "250 OK"
            }
        };
        self.say(reply).await
    }

    async fn text(&mut self) -> Result<()> {
        self.say("354 go on").await?;
        let mut text = String::new();
        loop {
            let line = self.line().await?;
            match line.as_str() {
                "." => break,
                line => text.push_str(line.strip_prefix('.').unwrap_or(line)),
            }
            text.push_str("\r\n");
        }
        let behaviour = lock(&self.state).behaviour.clone();
        if let Some(reply) = behaviour.answers_data {
            return self.say(reply).await;
        }
        let received = Received {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            text,
            encrypted: self.encrypted,
            user: self.user.clone(),
        };
        lock(&self.state).received.push(received);
        if behaviour.drops_after_data {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        if let Some(pause) = behaviour.silent_after_data {
            tokio::time::sleep(pause).await;
        }
        self.say("250 2.0.0 queued as 4711").await
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
        let line = String::from_utf8_lossy(&line);
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn say(&mut self, reply: &str) -> Result<()> {
        self.stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }
}

/// The address between the angle brackets of `FROM:<…>` or `TO:<…>`.
fn address(rest: &str) -> String {
    let inside = rest.split_once('<').and_then(|(_, after)| after.split_once('>'));
    inside.map_or_else(String::new, |(address, _)| address.to_owned())
}
