//! A whole channel, in kernel objects, with a hostile peer that scribbles on its segment and its domain's
//! segment between any two calls. Every result is acceptable except a panic, a call that does not return, or
//! a kernel object left behind.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ipc_core::shm::{Attachment, SharedMemory, ShmId};
use ipc_ring::spsc::{Builder, Consumer, Observer, Producer};
use ipc_ring::{Barrier, Domain, WaitStrategy};

use super::input::Input;

type Item = [u8; 24];

/// No input makes more calls than this.
const MOST_STEPS: usize = 60;

/// A domain that all runs of a process use, so that each is quick.
pub struct Bed {
    domain: Domain,
    /// The domain's segment, bypassing the library.
    table: Attachment,
    /// What it holds while there is no channel.
    clean: Vec<u8>,
    /// The segments without a key while there is no channel: the one that represents this program.
    before: Vec<i32>,
}

impl Bed {
    pub fn new(name: &str) -> Self {
        let others = segments(|key| key != 0);
        let domain = Domain::open(name).expect("a fresh domain");
        let made = segments(|key| key != 0).into_iter().find(|id| !others.contains(id)).expect("its segment");
        let table = SharedMemory::from_id(ShmId::from_raw(made)).attach().expect("our own segment");
        let mut clean = vec![0; table.len()];
        table.copy_from(0, &mut clean).expect("the whole of it");
        Self { domain, table, clean, before: segments(|key| key == 0) }
    }

    /// Runs one sequence of calls and corrupted words. Gives the number of calls that were made with an end
    /// that attached.
    pub fn run(&self, data: &[u8]) -> usize {
        let mut input = Input::new(data);
        let steps = self.work(&mut input);
        self.table.copy_to(0, &self.clean).expect("the whole of it");
        assert_eq!(segments(|key| key == 0), self.before, "a ring's segment stays behind");
        steps
    }

    fn work(&self, input: &mut Input<'_>) -> usize {
        let wait = match input.byte() % 3 {
            0 => WaitStrategy::Sleep,
            1 => WaitStrategy::SpinYield,
            _ => WaitStrategy::SpinSleep { spin: Duration::from_micros(1) },
        };
        let builder = Builder::<Item>::new("channel").domain(&self.domain).wait(wait);
        let capacity = 1 << (input.byte() % 4);
        let barrier = if input.byte().is_multiple_of(2) { Barrier::Fence } else { Barrier::Asymmetric };
        let first = builder.clone().capacity(capacity).barrier(barrier).create_new_sender();
        let mut ring = segments(|key| key == 0);
        ring.retain(|id| !self.before.contains(id));
        let [ring] = ring[..] else { panic!("{first:?}, {ring:?}") };
        let ring = SharedMemory::from_id(ShmId::from_raw(ring)).attach().expect("our own segment");
        let mut producer = Some(first.expect("a fresh channel"));
        let mut consumer: Option<Consumer<Item>> = None;
        let mut observer: Option<Observer> = None;
        let mut steps = 0;
        while !input.is_used_up() && steps < MOST_STEPS {
            steps += 1;
            let step = input.byte();
            // Mostly a deadline that has passed; now and then time for a short sleep.
            let deadline = Instant::now() + Duration::from_micros(if step >= 250 { 300 } else { 0 });
            match step % 16 {
                0 => producer = producer.or_else(|| builder.open_sender().ok()),
                1 | 2 => consumer = consumer.or_else(|| builder.open_receiver().ok()),
                3 => observer = Observer::open_in(&self.domain, "channel").ok(),
                4..8 => {
                    if let Some(producer) = &mut producer {
                        push(producer, step, deadline);
                    }
                }
                8..12 => {
                    if let Some(consumer) = &mut consumer {
                        pop(consumer, step, deadline);
                    }
                }
                12 => {
                    if let Some(observer) = &observer {
                        let _ =
                            (observer.counters(), observer.producer().unwrap(), observer.consumer().unwrap());
                        let _ = (observer.producer_sleeps(), observer.consumer_sleeps());
                    }
                }
                13 => {
                    match step / 16 % 4 {
                        0 => drop(producer.take().map(Producer::close)),
                        1 => drop(producer.take().map(Producer::detach)),
                        2 => drop(consumer.take().map(Consumer::close)),
                        _ => drop(consumer.take()),
                    }
                    // With both ends gone the name is free again, and nothing is left to attach to.
                    if producer.is_none() && consumer.is_none() {
                        break;
                    }
                }
                14 if step < 64 => self.spoil_table(input),
                _ => spoil_ring(input, &ring),
            }
        }
        steps
    }

    /// Writes a word of the domain's segment, after its header: of the process table, the wake table or the
    /// directory.
    fn spoil_table(&self, input: &mut Input<'_>) {
        // The first entries of each are those in use.
        let (start, words) = [(0x100, 16), (0x4100, 8), (0x6100, 64)][usize::from(input.byte()) % 3];
        let offset = start + usize::from(input.byte()) % words * 8;
        let close = self.table.load_u64(offset, Ordering::Relaxed).expect("inside");
        let value = input.value(close);
        self.table.atomic_u64(offset).expect("inside").store(value, Ordering::Relaxed);
    }
}

fn spoil_ring(input: &mut Input<'_>, ring: &Attachment) {
    let choice = usize::from(input.byte());
    // The records of the ends and the signal words first, where the kernel calls are decided.
    let offset = match choice % 4 {
        0 => 0x100 + choice / 4 % 4 * 8,
        1 => 0x180 + choice / 4 % 4 * 8,
        2 => [0x380, 0x400][choice / 4 % 2],
        _ => usize::from(input.byte()) * 8 % ring.len(),
    };
    let word = ring.atomic_u64(offset).expect("inside");
    let value = input.value(word.load(Ordering::Relaxed));
    word.store(value, Ordering::Relaxed);
}

fn push(producer: &mut Producer<Item>, step: u8, deadline: Instant) {
    let item = [step; 24];
    let _ = match step / 16 {
        0..4 => producer.try_push(item).is_ok(),
        4..8 => producer.push_deadline(item, deadline).is_ok(),
        8..10 => producer.try_push_slice(&[item; 3]).is_ok(),
        10 | 11 => matches!(producer.peer().unwrap(), ipc_ring::PeerState::Alive { .. }),
        12 => producer.try_claim().is_ok(),
        _ => match producer.try_claim() {
            Ok(mut claim) => {
                claim.write(&item);
                claim.commit().is_ok()
            }
            Err(_) => false,
        },
    };
}

fn pop(consumer: &mut Consumer<Item>, step: u8, deadline: Instant) {
    let mut out = [[0; 24]; 3];
    let _ = match step / 16 {
        0..4 => consumer.try_pop().is_ok(),
        4..8 => consumer.pop_deadline(deadline).is_ok(),
        8..10 => consumer.try_pop_slice(&mut out).is_ok(),
        10 | 11 => matches!(consumer.peer().unwrap(), ipc_ring::PeerState::Alive { .. }),
        12 => consumer.try_view().is_ok(),
        _ => match consumer.try_view() {
            Ok(view) => {
                std::hint::black_box(view.read());
                view.release();
                true
            }
            Err(_) => false,
        },
    };
}

/// The segments this process made in this namespace, by their keys.
pub fn segments(key: impl Fn(i64) -> bool) -> Vec<i32> {
    let me = i64::from(std::process::id());
    std::fs::read_to_string("/proc/sysvipc/shm")
        .expect("System V IPC")
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().map(|word| word.parse().unwrap_or(-1)).collect::<Vec<i64>>())
        .filter(|fields| key(fields[0]) && fields[4] == me)
        .map(|fields| fields[1] as i32)
        .collect()
}
