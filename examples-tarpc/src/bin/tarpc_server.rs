//! Serves [`Weather`] to any number of `tarpc_client`s at a time, in one thread.
//!
//! ```text
//! cargo run --release -p examples-tarpc --bin tarpc_server
//! cargo run --release -p examples-tarpc --bin tarpc_client -- note oslo -4
//! cargo run --release -p examples-tarpc --bin tarpc_client -- mean oslo
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use examples_tarpc::{NAME, Weather, over};
use futures_util::StreamExt as _;
use ipc_async::{Async, Stream};
use ipc_ring::Listener;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel as _};

/// The measurements of each place, for all clients.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<HashMap<String, Vec<f64>>>>);

impl Weather for Server {
    async fn note(self, _: Context, place: String, degrees: f64) -> u64 {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let measured = places.entry(place).or_default();
        measured.push(degrees);
        measured.len() as u64
    }

    async fn mean(self, _: Context, place: String) -> Option<f64> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(&place).map(|measured| measured.iter().sum::<f64>() / measured.len() as f64)
    }

    async fn slow(self, _: Context) -> String {
        tokio::time::sleep(Duration::from_secs(1)).await;
        "at last".to_owned()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut listener = Async::new(Listener::bind(NAME)?)?;
    println!("listening as {NAME}");
    let server = Server::default();
    while let Some(connection) = listener.next().await {
        let channel = BaseChannel::with_defaults(over(Stream::new(connection?)?));
        let requests = channel.execute(server.clone().serve());
        // A client that closes or dies ends its own stream of requests.
        tokio::spawn(requests.for_each(|answer| async {
            tokio::spawn(answer);
        }));
    }
    Ok(())
}
