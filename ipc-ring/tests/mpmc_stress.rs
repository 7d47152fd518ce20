//! Many processes at one ring under load with random pauses: every message arrives once, whole, in the order
//! of its producer, and no producer is starved. Run longer as `spsc_stress` is; the messages are shared out
//! among the producers.

mod common;
mod spsc_common;

use std::collections::BTreeMap;
use std::time::Instant;

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::Domain;
use ipc_ring::mpmc::{Builder, Consumer, PopError, Producer};
use spsc_common::{Amount, Random, check, payload, strategy, waits};

/// Two lines and a bit; its first eight bytes are its number.
type Item = [u8; 65];

/// Bits of a message's number below those of its producer.
const RANK_BITS: u32 = 40;

fn builder(domain: &str, wait: &str) -> Builder<Item> {
    Builder::new("queue").domain(&Domain::open(domain).unwrap()).wait(strategy(wait))
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", domain, wait, number, producers] => {
            let producer = builder(domain, wait).open_sender().unwrap();
            push_until_enough(producer, number.parse().unwrap(), producers.parse().unwrap());
        }
        ["pop", domain, wait] => {
            let mut consumer = builder(domain, wait).open_receiver().unwrap();
            say("ready");
            Seen::all(&mut consumer).say();
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

fn push_until_enough(mut producer: Producer<Item>, number: u64, producers: u64) {
    say("ready");
    listen();
    let amount = Amount::of_one_in(producers);
    let mut random = Random::new(number + 1);
    let mut next = 0;
    let item = |rank: u64| payload(number << RANK_BITS | rank);
    while amount.has(next) {
        if random.below(8) == 0 {
            let items: Vec<Item> = (next..next + random.below(6)).map(item).collect();
            producer.push_slice(&items).unwrap();
            next += items.len() as u64;
        } else {
            producer.push(item(next)).unwrap();
            next += 1;
        }
        random.pause();
    }
    say(&next.to_string());
}

/// What consumers have popped: of each producer the next rank that may come here, and a bit for each message.
#[derive(Default)]
struct Seen(BTreeMap<u64, (u64, Vec<u64>)>);

impl Seen {
    fn all(consumer: &mut Consumer<Item>) -> Self {
        let mut seen = Self::default();
        let mut random = Random::new(u64::from(std::process::id()));
        let mut batch = [[0; 65]; 5];
        loop {
            let popped = match random.below(8) {
                0 => consumer.try_pop_slice(&mut batch),
                _ => consumer.pop().map(|item| {
                    batch[0] = item;
                    1
                }),
            };
            match popped {
                Ok(count) => batch[..count].iter().for_each(|item| seen.note(item)),
                Err(PopError::Empty | PopError::Busy { .. }) => {}
                Err(PopError::PeerGone(_) | PopError::Closed) => return seen,
                Err(other) => panic!("{other}"),
            }
            random.pause();
        }
    }

    fn note(&mut self, item: &Item) {
        let number = u64::from_le_bytes(*item.first_chunk().unwrap());
        check(item, number);
        let (producer, rank) = (number >> RANK_BITS, number & ((1 << RANK_BITS) - 1));
        let (next, bits) = self.0.entry(producer).or_default();
        assert!(rank >= *next, "message {rank} of producer {producer} came after {}", *next - 1);
        *next = rank + 1;
        let word = (rank / 64) as usize;
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1 << (rank % 64);
    }

    fn say(&self) {
        let parts = self.0.iter().map(|(producer, (_, bits))| {
            let words: String = bits.iter().map(|word| format!("{word:016x}")).collect();
            format!("{producer}:{words}")
        });
        say(&parts.collect::<Vec<_>>().join(" "));
    }

    /// Adds what another consumer has said it saw.
    fn hear(&mut self, said: &str) {
        for part in said.split_whitespace() {
            let (producer, words) = part.split_once(':').unwrap();
            let (_, bits) = self.0.entry(producer.parse().unwrap()).or_default();
            for (at, word) in words.as_bytes().chunks(16).enumerate() {
                let word = u64::from_str_radix(str::from_utf8(word).unwrap(), 16).unwrap();
                if bits.len() <= at {
                    bits.push(0);
                }
                assert_eq!(bits[at] & word, 0, "producer {producer}: doubled near message {}", at * 64);
                bits[at] |= word;
            }
        }
    }

    /// Panics unless exactly the first `count` messages of a producer are there.
    fn assert_first(&self, producer: u64, count: u64) {
        let none = Vec::new();
        let bits = self.0.get(&producer).map_or(&none, |(_, bits)| bits);
        for rank in 0..count.max(bits.len() as u64 * 64) {
            let there = bits.get((rank / 64) as usize).is_some_and(|word| word >> (rank % 64) & 1 == 1);
            assert_eq!(there, rank < count, "message {rank} of producer {producer}, which pushed {count}");
        }
    }
}

fn the_books_agree(producers: u64, consumers: u64, usual: &[&str]) {
    for wait in waits(usual) {
        private_namespace();
        let domain = unique("stress");
        // It makes the ring, and leaves when all are there.
        let maker = builder(&domain, &wait).capacity(64).create_sender().unwrap();
        let mut popping: Vec<Role> = (0..consumers).map(|_| Role::start("pop", &[&domain, &wait])).collect();
        let mut pushing: Vec<Role> = (0..producers)
            .map(|number| Role::start("push", &[&domain, &wait, &number.to_string(), &producers.to_string()]))
            .collect();
        for end in popping.iter_mut().chain(&mut pushing) {
            assert_eq!(end.hear(), "ready");
        }
        drop(maker);
        let began = Instant::now();
        pushing.iter_mut().for_each(|producer| producer.tell("go"));
        let counts: Vec<u64> = pushing.iter_mut().map(|producer| producer.hear().parse().unwrap()).collect();
        pushing.into_iter().for_each(Role::finish);
        let mut seen = Seen::default();
        for mut consumer in popping {
            seen.hear(&consumer.hear());
            consumer.finish();
        }
        eprintln!("{wait}, {producers} to {consumers}: {counts:?} messages in {:?}", began.elapsed());
        for (producer, count) in counts.into_iter().enumerate() {
            assert!(count > 0, "{wait}: producer {producer} was starved");
            seen.assert_first(producer as u64, count);
        }
    }
}

#[test]
fn one_producer_and_one_consumer() {
    the_books_agree(1, 1, &["spin", "spin_yield", "spin_sleep", "sleep"]);
}

#[test]
fn two_producers_and_two_consumers() {
    the_books_agree(2, 2, &["spin_yield", "spin_sleep", "sleep"]);
}

#[test]
fn four_producers_and_four_consumers() {
    the_books_agree(4, 4, &["spin_sleep", "sleep"]);
}

#[test]
fn eight_producers_and_one_consumer() {
    the_books_agree(8, 1, &["spin_sleep", "sleep"]);
}

#[test]
fn one_producer_and_eight_consumers() {
    the_books_agree(1, 8, &["spin_sleep", "sleep"]);
}
