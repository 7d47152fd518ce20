//! A server of a small key-value store, for any number of `rpc_client`s at a time.
//!
//! ```text
//! cargo run --release -p examples --example rpc_server
//! cargo run --release -p examples --example rpc_client -- set colour green
//! cargo run --release -p examples --example rpc_client -- get colour
//! cargo run --release -p examples --example rpc_client -- list
//! cargo run --release -p examples --example rpc_client -- stop
//! ```
//!
//! Each client has a thread here; one that is slow, stopped or killed does not affect the others.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use examples::{Outcome, rpc};
use ipc_ring::Listener;
use ipc_ring::control::{AcceptError, Connection, RequestError, Responder};

fn main() -> ExitCode {
    examples::run("rpc_server", serve)
}

/// What the threads share.
#[derive(Default)]
struct Store {
    values: Mutex<BTreeMap<String, String>>,
    stop: AtomicBool,
}

fn serve() -> Outcome {
    let store = Store::default();
    let mut listener = Listener::bind(rpc::NAME)?;
    eprintln!("listening as {}", rpc::NAME);
    std::thread::scope(|threads| {
        // A client's thread requests the end, so check for such a request ten times a second.
        while !store.stop.load(Ordering::Relaxed) {
            match listener.accept_timeout(Duration::from_millis(100)) {
                Ok(connection) => {
                    threads.spawn(|| answer(&store, connection));
                }
                Err(AcceptError::TimedOut { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    })
}

/// Answers one client until it leaves.
fn answer(store: &Store, connection: Connection) {
    let peer = connection.peer();
    let mut responder = Responder::new(connection);
    let reason = loop {
        let request = match responder.next() {
            Ok(request) => request,
            Err(reason) => break reason,
        };
        let id = request.id();
        let mut values = store.values.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = match rpc::Call::parse(request.body()) {
            Some(rpc::Call::Set(key, value)) => {
                values.insert(key.to_owned(), value.to_owned());
                responder.reply(id, b"")
            }
            Some(rpc::Call::Get(key)) => match values.get(key) {
                Some(value) => responder.reply(id, value.as_bytes()),
                None => responder.fail(id, rpc::NO_SUCH_KEY),
            },
            // An answer in parts: one for each pair, however many there are.
            Some(rpc::Call::List) => {
                let pairs = values.clone();
                drop(values);
                pairs
                    .iter()
                    .try_for_each(|(key, value)| responder.part(id, format!("{key} = {value}\n").as_bytes()))
                    .and_then(|()| responder.reply(id, b""))
            }
            Some(rpc::Call::Stop) => {
                store.stop.store(true, Ordering::Relaxed);
                responder.reply(id, b"")
            }
            None => responder.fail(id, rpc::NO_SUCH_CALL),
        };
        if let Err(reason) = answered {
            break reason;
        }
    };
    if !matches!(reason, RequestError::Closed { .. }) {
        eprintln!("{peer}: {reason}");
    }
}
