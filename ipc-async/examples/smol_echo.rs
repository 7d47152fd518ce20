//! An echo server and its client in smol, over a connection that is a stream of bytes.
//!
//! ```text
//! cargo run -p ipc-async --example smol_echo --features futures-io
//! ```

use std::error::Error;

use ipc_async::{Async, Stream, connect};
use ipc_ring::Listener;
use ipc_ring::control::Builder;
use smol::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use smol::stream::StreamExt as _;

fn main() -> Result<(), Box<dyn Error>> {
    let name = format!("smol-echo-{}", std::process::id());
    let mut listener = Async::new(Listener::bind(&name)?)?;
    // Another process, as a rule.
    let client = std::thread::spawn(move || smol::block_on(ask(&name)).map_err(|error| error.to_string()));
    smol::block_on(async {
        let connection = listener.pop().await?;
        let (reader, mut writer, _session) = Stream::new(connection)?.into_split();
        let mut lines = BufReader::new(reader).lines();
        while let Some(line) = lines.next().await {
            writer.write_all(format!("{}\n", line?.to_uppercase()).as_bytes()).await?;
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    println!("{}", client.join().map_err(|_| "the client's thread failed")??);
    Ok(())
}

async fn ask(name: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = Stream::new(connect(&Builder::new(name)).await?)?;
    stream.write_all(b"first line\nsecond line\n").await?;
    stream.close().await?;
    let mut answers = Vec::new();
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next().await {
        answers.push(line?);
    }
    Ok(answers.join(", "))
}
