//! `send_file` and `receive_file` as two processes, with files of several sizes, one above 100 MB.

mod common;

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use common::{Program, isolated, kernel_objects};
use examples::file::CHUNK;

/// Writes a file whose bytes do not repeat with the period of a chunk.
fn write_sample(path: &Path, length: usize) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let mut block = [0_u8; 8192];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut left = length;
    while left > 0 {
        for word in block.chunks_exact_mut(8) {
            // Marsaglia's xorshift.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let count = left.min(block.len());
        file.write_all(&block[..count]).unwrap();
        left -= count;
    }
    file.flush().unwrap();
}

fn assert_same(one: &Path, other: &Path) {
    let (mut one, mut other) = (open(one), open(other));
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let (count_a, count_b) = (fill(&mut one, &mut a), fill(&mut other, &mut b));
        assert!(a[..count_a] == b[..count_b], "the files differ");
        if count_a == 0 {
            return;
        }
    }
}

fn open(path: &Path) -> BufReader<File> {
    BufReader::with_capacity(1 << 20, File::open(path).unwrap())
}

fn fill(file: &mut impl Read, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]).unwrap() {
            0 => break,
            count => filled += count,
        }
    }
    filled
}

fn moves_a_file_of(length: usize, sender_first: bool) {
    let folder = tempfile::tempdir().unwrap();
    let (original, copy) = (folder.path().join("original.bin"), folder.path().join("copy.bin"));
    write_sample(&original, length);
    let (original_name, copy_name) = (original.to_str().unwrap(), copy.to_str().unwrap());

    let before = kernel_objects();
    let (sender, receiver) = if sender_first {
        let mut sender = Program::start("send_file", &[original_name]);
        assert_eq!(sender.says(), "waiting for receive_file");
        (sender, Program::start("receive_file", &[copy_name]))
    } else {
        let mut receiver = Program::start("receive_file", &[copy_name]);
        assert_eq!(receiver.says(), "waiting for a file");
        (Program::start("send_file", &[original_name]), receiver)
    };
    let (sender, receiver) = (sender.end(), receiver.end());
    assert!(sender.status.success() && receiver.status.success(), "{sender:?} {receiver:?}");
    assert_eq!(kernel_objects(), before);

    assert!(receiver.output.contains(&format!("received {length} bytes, ")), "{receiver:?}");
    assert!(receiver.output.ends_with("the digests agree\n"), "{receiver:?}");
    let digest = |output: &str| output.split_whitespace().next().unwrap().to_owned();
    assert_eq!(digest(&sender.output), digest(&receiver.output));
    assert_same(&original, &copy);
    println!("{}{}", sender.output, receiver.output);
}

#[test]
fn small_files_and_those_on_the_edge_of_a_chunk_arrive_whole() {
    isolated("small_files_and_those_on_the_edge_of_a_chunk_arrive_whole", || {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 100 * CHUNK] {
            moves_a_file_of(length, true);
            moves_a_file_of(length, false);
        }
    });
}

#[test]
fn a_file_of_more_than_100_megabytes_arrives_whole() {
    isolated("a_file_of_more_than_100_megabytes_arrives_whole", || {
        moves_a_file_of(128_000_003, true);
    });
}

#[test]
fn the_digest_of_three_letters_is_the_published_one() {
    isolated("the_digest_of_three_letters_is_the_published_one", || {
        let folder = tempfile::tempdir().unwrap();
        let (original, copy) = (folder.path().join("abc"), folder.path().join("copy"));
        std::fs::write(&original, "abc").unwrap();
        let receiver = Program::start("receive_file", &[copy.to_str().unwrap()]);
        let sender = Program::start("send_file", &[original.to_str().unwrap()]).end();
        // FIPS 180-2, appendix B.1.
        let published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(sender.output.starts_with(published), "{sender:?}");
        assert!(receiver.end().output.starts_with(published));
    });
}

#[test]
fn a_sender_that_is_killed_leaves_no_file_that_looks_complete() {
    isolated("a_sender_that_is_killed_leaves_no_file_that_looks_complete", || {
        let before = kernel_objects();
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.bin");
        let mut receiver = Program::start("receive_file", &[copy.to_str().unwrap()]);
        assert_eq!(receiver.says(), "waiting for a file");
        // It has no end, so the sender is killed in the middle of it.
        let mut sender = Program::start("send_file", &["/dev/zero"]);
        while std::fs::metadata(folder.path().join("copy.bin.part")).unwrap().len() == 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        sender.kill();
        let receiver = receiver.end();
        assert!(!receiver.status.success(), "{receiver:?}");
        assert!(
            receiver.errors.contains("without a digest") && receiver.errors.contains("died"),
            "{receiver:?}"
        );
        assert!(!copy.exists());
        assert_eq!(kernel_objects(), before);
    });
}
