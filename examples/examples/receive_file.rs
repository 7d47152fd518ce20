//! Receives the file that `send_file` sends, which says how to run both, and compares digests.
//!
//! The file takes its name only when it is complete and the digests agree; until then it is called
//! `NAME.part`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use examples::Outcome;
use examples::file::{CHANNEL, Chunk, DATA, END, hex, megabytes_a_second};
use ipc_ring::spsc;
use sha2::{Digest, Sha256};

fn main() -> ExitCode {
    examples::run("receive_file", || {
        let path = std::env::args_os().nth(1).ok_or("where to? usage: receive_file FILE")?;
        let path = PathBuf::from(path);
        let mut part = path.clone().into_os_string();
        part.push(".part");
        receive(Path::new(&part))?;
        Ok(fs::rename(&part, &path)?)
    })
}

fn receive(path: &Path) -> Outcome {
    let mut file =
        BufWriter::new(File::create(path).map_err(|error| format!("{}: {error}", path.display()))?);
    let mut digest = Sha256::new();
    let mut received = 0_u64;
    let mut began = None;

    let mut chunks = spsc::Consumer::<Chunk>::create(CHANNEL)?;
    eprintln!("waiting for a file");
    for chunk in &mut chunks {
        began.get_or_insert_with(Instant::now);
        if chunk.offset != received {
            return Err(format!("byte {received} was to come, byte {} came", chunk.offset).into());
        }
        match chunk.kind {
            DATA => {
                digest.update(chunk.content());
                file.write_all(chunk.content())?;
                received += chunk.content().len() as u64;
            }
            END => {
                file.flush()?;
                let time = began.map_or_else(Default::default, |began| began.elapsed());
                let (ours, theirs) = (hex(&digest.finalize()), hex(chunk.content()));
                println!("{ours}  {}", path.with_extension("").display());
                println!("received {received} bytes, {:.0} MB/s", megabytes_a_second(received, time));
                if ours != theirs {
                    return Err(format!("the digests differ: the sender's is {theirs}").into());
                }
                println!("the digests agree");
                return Ok(());
            }
            kind => return Err(format!("a message of unknown kind {kind}").into()),
        }
    }
    let reason = chunks.last_error().map_or_else(|| "the sender closed it".to_owned(), ToString::to_string);
    Err(format!("the stream ended after {received} bytes without a digest: {reason}").into())
}
