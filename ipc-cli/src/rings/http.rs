//! Answers over HTTP on the loopback interface, for programs and browsers of this machine.
//!
//! A page of another site that a user of this machine has open can send requests here. It cannot read the
//! answers, except when its own name has been made to point to this machine (DNS rebinding): then its
//! requests name another host than this one, and are refused. Nothing is changed by any request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ipc_cli_support::interrupt;
use tiny_http::{Header, Method, Request, Response};

use crate::exit::{FAILED, Failure};

/// Between two looks whether a signal has come.
const SLICE: Duration = Duration::from_millis(100);
/// Answers that are being sent at a time. A client may take its time to read one.
const MOST: usize = 32;

const TEXT: &str = "text/plain; charset=utf-8";

/// What browsers shall make of an answer: nothing from elsewhere, in no frame, for no other site.
const HEADERS: [(&str, &str); 6] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
];

/// What is answered to a request.
pub(super) struct Answer {
    status: u16,
    kind: &'static str,
    text: String,
}

impl Answer {
    pub(super) fn new(status: u16, kind: &'static str, text: impl Into<String>) -> Answer {
        Answer { status, kind, text: text.into() }
    }
}

/// A server that listens.
pub(super) struct Server {
    server: tiny_http::Server,
    address: SocketAddr,
}

impl Server {
    pub(super) fn listen(address: SocketAddr) -> Result<Server, Failure> {
        let server = tiny_http::Server::http(address).map_err(|error| failed(address, &error))?;
        let address = server.server_addr().to_ip().unwrap_or(address);
        Ok(Server { server, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers each request for a path with `answer`, until it is interrupted. Calls `rest` some times a
    /// second in between.
    pub(super) fn run(
        &self,
        mut answer: impl FnMut(&str) -> Answer,
        mut rest: impl FnMut(),
    ) -> Result<(), Failure> {
        let sending = Arc::new(AtomicUsize::new(0));
        while !interrupt::came() {
            rest();
            let request = self.server.recv_timeout(SLICE).map_err(|error| failed(self.address, &error))?;
            let Some(request) = request else { continue };
            let given = match refused(&request) {
                Some(refusal) => refusal,
                None => answer(request.url().split('?').next().unwrap_or_default()),
            };
            send(request, given, &sending);
        }
        Ok(())
    }
}

fn failed(address: SocketAddr, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(FAILED, format!("listening at {address}: {error}"))
}

/// Why a request is not answered.
fn refused(request: &Request) -> Option<Answer> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return Some(Answer::new(405, TEXT, "only GET is answered\n"));
    }
    let mut hosts = request.headers().iter().filter(|header| header.field.equiv("Host"));
    // A browser always names one.
    hosts.any(|host| !is_local(host.value.as_str())).then(|| {
        Answer::new(
            421,
            TEXT,
            "only requests for localhost or an address of the loopback interface are answered\n",
        )
    })
}

/// Whether a name with or without a port is that of this machine. The port may be a forwarded one.
fn is_local(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => address,
        Some((address, port)) if port.strip_prefix(':').is_some_and(is_port) => address,
        Some(_) => return false,
        None => match host.split_once(':') {
            Some((name, port)) if is_port(port) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// In a thread of its own: a client that does not read holds up no one else.
fn send(request: Request, answer: Answer, sending: &Arc<AtomicUsize>) {
    // Relaxed: a count, by which nothing else is published.
    if sending.fetch_add(1, Ordering::Relaxed) >= MOST {
        sending.fetch_sub(1, Ordering::Relaxed); // As above.
        // Closes the connection.
        return drop(request);
    }
    let sending = Arc::clone(sending);
    std::thread::spawn(move || {
        let mut response = Response::from_string(answer.text).with_status_code(answer.status);
        for (name, value) in HEADERS.into_iter().chain([("Content-Type", answer.kind)]) {
            response
                .add_header(Header::from_bytes(name, value).expect("names and values of headers are ASCII"));
        }
        // One that asked and has gone away needs no answer.
        let _ = request.respond(response);
        sending.fetch_sub(1, Ordering::Relaxed); // As above.
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in ["localhost", "LocalHost:80", "127.0.0.1:9465", "127.1.2.3", "[::1]", "[::1]:9465"] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org:9465",
            "192.168.0.1",
            "0.0.0.0",
            "[::2]:80",
            "[::1]x",
            "::1",
            "localhost:80x",
            "localhost@example.org",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
