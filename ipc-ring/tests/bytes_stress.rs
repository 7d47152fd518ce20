//! Two processes and a ring of frames under load with random pauses: every frame arrives once, whole and in
//! order. Run longer as `spsc_stress` is.

mod common;
mod spsc_common;

use std::io::IoSlice;
use std::time::Instant;

use common::{Role, private_namespace, role, say, unique};
use ipc_ring::Domain;
use ipc_ring::bytes::{Builder, Consumer, PopError, Producer};
use spsc_common::{Amount, Random, WAITS, mix, strategy, waits};

fn builder(domain: &str, wait: &str) -> Builder {
    Builder::new("channel").domain(&Domain::open(domain).unwrap()).wait(strategy(wait))
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", domain, wait] => push_until_enough(&mut builder(domain, wait).open_sender().unwrap()),
        _ => panic!("no such role: {arguments:?}"),
    }
}

/// Frame `number`: its length and its bytes are derived from the number. Mostly short, sometimes of the
/// maximum length.
fn write_frame(number: u64, longest: usize, frame: &mut Vec<u8>) {
    let random = mix(number);
    let most = if random.is_multiple_of(16) { longest } else { longest.min(100) };
    let len = (random >> 8) as usize % (most + 1);
    frame.clear();
    let mut word = random;
    while frame.len() < len {
        word = mix(word);
        frame.extend_from_slice(&word.to_le_bytes()[..8.min(len - frame.len())]);
    }
}

fn push_until_enough(producer: &mut Producer) {
    let amount = Amount::of_one_in(1);
    let longest = producer.longest();
    let mut random = Random::new(u64::from(std::process::id()));
    let mut frames = [Vec::new(), Vec::new(), Vec::new()];
    let mut next = 0;
    while amount.has(next) {
        write_frame(next, longest, &mut frames[0]);
        match random.below(8) {
            0 => {
                write_frame(next + 1, longest, &mut frames[1]);
                write_frame(next + 2, longest, &mut frames[2]);
                producer.push_batch(&frames).unwrap();
                next += 2;
            }
            1 => {
                let (front, back) = frames[0].split_at(frames[0].len() / 3);
                producer.push_vectored(&[IoSlice::new(front), IoSlice::new(back)]).unwrap();
            }
            2 => {
                // Room for more than there is, and once in a while nothing at all.
                let mut claim = producer.claim(longest).unwrap();
                claim.write(0, &frames[0]);
                if random.below(4) == 0 {
                    claim.abort();
                    continue;
                }
                claim.commit(frames[0].len()).unwrap();
            }
            _ => producer.push(&frames[0]).unwrap(),
        }
        next += 1;
        random.pause();
    }
    say(&next.to_string());
}

/// Pops a frame by one of the possible ways. False when there was none.
fn pop(consumer: &mut Consumer, way: u64, frame: &mut Vec<u8>) -> Result<bool, PopError> {
    let popped = match way {
        0 => consumer.try_pop_vec(frame).map(drop),
        1 => consumer.try_view().map(|view| {
            *frame = view.to_vec();
            view.release();
        }),
        2 => consumer.pop().map(|popped| *frame = popped),
        _ => consumer.pop_vec(frame).map(drop),
    };
    match popped {
        Ok(()) => Ok(true),
        Err(PopError::Empty) => Ok(false),
        Err(other) => Err(other),
    }
}

fn everything_arrives(capacity: u64) {
    for wait in waits(&WAITS) {
        private_namespace();
        let domain = unique("stress");
        let mut consumer = builder(&domain, &wait).capacity(capacity).create_receiver().unwrap();
        let longest = consumer.longest();
        let began = Instant::now();
        let mut producer = Role::start("push", &[&domain, &wait]);
        let mut random = Random::new(capacity);
        let (mut frame, mut expected) = (Vec::new(), Vec::new());
        let mut next = 0;
        loop {
            frame.clear();
            match pop(&mut consumer, random.below(8), &mut frame) {
                Ok(true) => {
                    write_frame(next, longest, &mut expected);
                    assert!(frame == expected, "{wait}, capacity {capacity}: frame {next} is {frame:?}");
                    next += 1;
                }
                Ok(false) => {}
                Err(PopError::Closed) => break,
                Err(other) => panic!("{wait}, capacity {capacity}: {other}"),
            }
            random.pause();
        }
        assert_eq!(producer.hear(), next.to_string());
        producer.finish();
        eprintln!("{wait}, capacity {capacity}: {next} frames in {:?}", began.elapsed());
        assert!(next > 0, "{wait}, capacity {capacity}: {next} frames");
    }
}

#[test]
fn nothing_is_lost_doubled_torn_or_reordered_in_the_smallest_ring() {
    everything_arrives(64);
}

#[test]
fn nothing_is_lost_doubled_torn_or_reordered_in_a_small_ring() {
    everything_arrives(128);
}

#[test]
fn nothing_is_lost_doubled_torn_or_reordered_in_a_large_ring() {
    everything_arrives(1 << 16);
}
