//! What the spsc tests and the stress tests share: payloads in which every byte is derived from their number,
//! a small random number generator, and the duration of a stress test.
#![allow(dead_code, reason = "each test file uses a part")]

use std::time::{Duration, Instant};

use ipc_ring::WaitStrategy;

/// The names of the wait strategies, as `STRESS_WAIT` has them.
pub const WAITS: [&str; 4] = ["spin", "spin_yield", "spin_sleep", "sleep"];

/// The strategy of this name.
pub fn strategy(wait: &str) -> WaitStrategy {
    match wait {
        "spin" => WaitStrategy::Spin,
        "spin_yield" => WaitStrategy::SpinYield,
        "spin_sleep" => WaitStrategy::DEFAULT,
        "sleep" => WaitStrategy::Sleep,
        _ => panic!("no such way to wait: {wait}"),
    }
}

/// The ways to wait to be tried: all, or the one that `STRESS_WAIT` names, whether it is among them or not.
pub fn waits(usual: &[&str]) -> Vec<String> {
    match std::env::var("STRESS_WAIT") {
        Ok(only) => vec![only],
        Err(_) => usual.iter().map(ToString::to_string).collect(),
    }
}

/// How many messages a case of a stress test moves: `STRESS_MESSAGES`, or as many as go in most of a second.
pub enum Amount {
    Messages(u64),
    Until(Instant),
}

impl Amount {
    /// The share of one of several producers; its time starts now.
    pub fn of_one_in(producers: u64) -> Self {
        std::env::var("STRESS_MESSAGES").map_or_else(
            |_| Self::Until(Instant::now() + Duration::from_millis(900)),
            |text| Self::Messages(text.parse::<u64>().unwrap().div_ceil(producers)),
        )
    }

    /// Whether message `next` is to be sent.
    pub fn has(&self, next: u64) -> bool {
        match self {
            Self::Messages(count) => next < *count,
            Self::Until(end) => !next.is_multiple_of(16) || Instant::now() < *end,
        }
    }
}

/// One step of splitmix64 (Steele, Lea, Flood, 2014): a well mixed function of the number.
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The payload of message `number`: the number itself where there is room for it, then bytes derived from it.
/// A torn, lost, duplicated or misplaced payload is not the one of any expected number.
pub fn payload<const N: usize>(number: u64) -> [u8; N] {
    let mut bytes = [0; N];
    let mut word = number;
    for (at, chunk) in bytes.chunks_mut(8).enumerate() {
        if N < 8 || at > 0 {
            word = mix(number ^ (at as u64) << 48);
        }
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
    bytes
}

/// Panics unless these are the bytes of message `number`.
#[track_caller]
pub fn check<const N: usize>(bytes: &[u8; N], number: u64) {
    if *bytes != payload::<N>(number) {
        let found = bytes.first_chunk::<8>().map(|word| u64::from_le_bytes(*word));
        let differs = bytes.iter().zip(payload::<N>(number)).position(|(a, b)| *a != b);
        panic!("message {number} of {N} bytes: found number {found:?}, first wrong byte {differs:?}");
    }
}

/// Random numbers from a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Mostly no time, sometimes a while, rarely the rest of the time slice, very rarely a sleep.
    pub fn pause(&mut self) {
        match self.below(1000) {
            0..900 => {}
            900..998 => (0..self.below(300)).for_each(|_| std::hint::spin_loop()),
            998 => std::thread::yield_now(),
            _ => std::thread::sleep(std::time::Duration::from_micros(self.below(100))),
        }
    }
}
