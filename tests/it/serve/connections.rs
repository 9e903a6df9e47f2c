//! How connections end. Fluent Bit takes a connection that is closed before a response for one whose response has still
//! to come, and hangs for good.

use tests::upstream::{Fault, Service as Upstream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Reply, Served, parse};
use crate::machine::Machine;

/// A client that keeps its connection for as long as it may, and never asks for its end.
struct KeepingClient<'a> {
    served: &'a Served,
    kept: Option<TcpStream>,
}

impl KeepingClient<'_> {
    async fn send(&mut self, request: &str, headers: &str) -> Reply {
        let mut stream = match self.kept.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&self.served.address).await.expect("it listens"),
        };
        let request = format!("{request} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", self.served.address);
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let reply = read_response(&mut stream).await;
        let may_be_kept = reply.headers.get("connection").is_none_or(|value| value != "close");
        self.kept = may_be_kept.then_some(stream);
        reply
    }
}

/// By its length, as a client does that keeps the connection.
async fn read_response(stream: &mut TcpStream) -> Reply {
    let mut received = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&received).into_owned();
        if text.contains("\r\n\r\n") {
            let reply = parse(&text);
            let length = reply.headers.get("content-length").map_or(0, |length| length.parse().expect("a number"));
            if reply.body.len() >= length {
                return reply;
            }
        }
        let length = stream.read_buf(&mut received).await.expect("the connection holds");
        assert!(length > 0, "closed without a response, as which Fluent Bit hangs: {text:?}");
    }
}

#[tokio::test]
async fn every_response_announces_the_end_of_its_connection() {
    let machine = Machine::start().await;
    machine.service.upstream.break_service(Upstream::Token, Fault::Status(503, String::new()));
    let served = Served::on(machine, &["--imds"], &[]).await;
    let token = format!("authorization: {}\r\n", served.token());
    let keep = format!("{token}connection: keep-alive\r\n");
    let long = format!("{token}x-long: {}\r\n", "x".repeat(64 * 1024));
    let mut client = KeepingClient { served: &served, kept: None };
    served.ask_until("/credentials", |reply| reply.body.contains("/oauth2/token")).await;
    for (request, headers, status) in [
        ("GET /credentials", token.as_str(), 503),
        ("GET /2016-11-01/credentialprovider/", &keep, 503),
        ("GET /credentials", "", 401),
        ("GET /credentials/other", &token, 404),
        ("GET /nothing", &keep, 404),
        ("POST /credentials", &token, 405),
        ("GET /credentials", "via: x\r\n", 403),
        ("GET /credentials", &long, 431),
        ("GET /livez", "", 200),
        ("GET /readyz", &token, 503),
        ("GET /metrics", &token, 200),
        ("GET /latest/meta-data/", "", 401),
        ("PUT /latest/api/token", "x-aws-ec2-metadata-token-ttl-seconds: 60\r\n", 200),
    ] {
        let reply = client.send(request, headers).await;
        assert_eq!(reply.status, status, "{request}: {}", reply.body);
        assert!(client.kept.is_none(), "{request} leaves a connection that ends later without a response");
    }
    served.machine.service.upstream.mend();
    served.ask_until("/credentials", |reply| reply.status == 200).await;
    client.send("GET /credentials", &keep).await.credentials();
    assert!(client.kept.is_none());
}

#[tokio::test]
async fn one_who_is_too_slow_gets_a_response() {
    let served = Served::start(&[]).await;
    let mut waiting = Vec::new();
    for sent in ["", "G", "GET /credentials HTTP/1.1\r\n", "GET /credentials HTTP/1.1\r\nauthorization: x\r\n"] {
        let mut stream = TcpStream::connect(&served.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        waiting.push((sent, stream));
    }
    for (sent, mut stream) in waiting {
        let reply = read_response(&mut stream).await;
        assert_eq!((reply.status, reply.headers["connection"].as_str()), (408, "close"), "{sent:?}");
        assert!(reply.body.contains("RequestTimeout"), "{sent:?}: {}", reply.body);
        assert_eq!(reply.headers["cache-control"], "no-store", "{sent:?}");
    }
}

#[tokio::test]
async fn one_who_has_asked_nothing_yet_is_told_of_the_stop() {
    let served = Served::start(&[]).await;
    let mut waiting = Vec::new();
    for sent in ["", "GET /cre", "GET /credentials HTTP/1.1\r\n"] {
        let mut stream = TcpStream::connect(&served.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    // A connection after them has been answered, so they have been accepted.
    served.get("/livez", &[]).await;
    served.process.signal(rustix::process::Signal::TERM);
    for mut stream in waiting {
        assert_eq!(read_response(&mut stream).await.status, 503);
    }
}
