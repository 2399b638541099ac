//! A server to ask, and what it answers: the bytes as they come.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use whmeter::clock::Clock;
use whmeter::exposition::Exposition;
use whmeter::web::Access;

use crate::fixtures::at;

pub struct Server {
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
}

impl Server {
    pub fn start(exposition: &Exposition, now: i64) -> Server {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let routes = exposition.routes(&Access::default(), Clock::Fixed(at(now))).router;
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Server { address, _runtime: runtime }
    }

    pub fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("connected");
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: meter:9480\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(answer[..end].to_vec()).expect("text").to_ascii_lowercase();
        Answer { head, body: answer[end + 4..].to_vec() }
    }

    pub fn get(&self, path: &str) -> String {
        String::from_utf8(self.ask("GET", path, "").body).expect("text")
    }
}

pub const OPENMETRICS: &str = "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n";
