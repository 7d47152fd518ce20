//! One tokio task that waits for a channel, a timer and a TCP socket at a time.
//!
//! ```text
//! cargo run -p ipc-async --example tokio_select
//! ```
//!
//! The program starts itself as the process that publishes prices, and connects to its own socket, so that it
//! can be run without anything else.

use std::error::Error;
use std::process::{Command, Stdio};
use std::time::Duration;

use ipc_async::Async;
use ipc_ring::spsc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PRICES: u64 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1) {
        Some(channel) => publish(&channel),
        None => tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve()),
    }
}

/// The other process: a price every five milliseconds, from a thread that knows nothing of tasks.
fn publish(channel: &str) -> Result<(), Box<dyn Error>> {
    let mut producer = spsc::Producer::<u64>::open(channel)?;
    for price in 0..PRICES {
        producer.push(10_000 + price)?;
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let channel = format!("tokio-select-{}", std::process::id());
    let mut prices = Async::new(spsc::Consumer::<u64>::create(&channel)?)?;
    let mut publisher = Command::new(std::env::current_exe()?).arg(&channel).stdin(Stdio::null()).spawn()?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    let (mut socket, _) = listener.accept().await?;
    let mut timer = tokio::time::interval(Duration::from_millis(20));
    let (mut popped, mut ticks, mut echoed) = (0, 0, 0);
    loop {
        let mut byte = [0];
        tokio::select! {
            price = prices.pop() => match price {
                Ok(price) => {
                    popped += 1;
                    // To the client, which sends a byte back.
                    client.write_all(&[price as u8]).await?;
                }
                Err(ipc_ring::PopError::Closed) => break,
                Err(error) => return Err(error.into()),
            },
            read = socket.read(&mut byte) => echoed += read?,
            _ = timer.tick() => ticks += 1,
        }
    }
    println!("{popped} prices, {echoed} bytes through the socket, {ticks} ticks of the timer");
    publisher.wait()?;
    Ok(())
}
