//! Sends a file through a ring to another process, `receive_file`, and a digest of it.
//!
//! In two terminals, in either order:
//!
//! ```text
//! cargo run --release -p examples --example receive_file -- copy.bin
//! cargo run --release -p examples --example send_file -- original.bin
//! ```
//!
//! Both print the SHA-256 of what they have seen, as `sha256sum` does. The throughput includes reading the
//! file, hashing it at both ends and writing it; the hashing is most of it.

use std::fs::File;
use std::io::Read;
use std::process::ExitCode;
use std::time::Instant;

use examples::Outcome;
use examples::file::{CHANNEL, CHUNK, Chunk, DATA, END, hex, megabytes_a_second};
use ipc_ring::spsc;
use sha2::{Digest, Sha256};

fn main() -> ExitCode {
    examples::run("send_file", send)
}

fn send() -> Outcome {
    let path = std::env::args_os().nth(1).ok_or("which file? usage: send_file FILE")?;
    let mut file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;

    let mut chunks = spsc::Producer::<Chunk>::create(CHANNEL)?;
    eprintln!("waiting for receive_file");
    chunks.wait_for_peer(None)?;

    let began = Instant::now();
    let mut digest = Sha256::new();
    let mut chunk = Chunk::new(DATA, 0);
    loop {
        let length = fill(&mut file, &mut chunk.bytes)?;
        if length == 0 {
            break;
        }
        chunk.length = length as u64;
        digest.update(chunk.content());
        chunks.push(chunk)?; // Waits while the ring is full.
        chunk.offset += chunk.length;
    }
    let mut end = Chunk::new(END, chunk.offset);
    end.set_digest(digest);
    chunks.push(end)?;

    let time = began.elapsed();
    println!("{}  {}", hex(end.content()), path.display());
    println!("sent {} bytes, {:.0} MB/s", chunk.offset, megabytes_a_second(chunk.offset, time));
    Ok(())
}

/// Reads until the buffer is full or the file ends; gives the number of bytes.
fn fill(file: &mut File, buffer: &mut [u8; CHUNK]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}
