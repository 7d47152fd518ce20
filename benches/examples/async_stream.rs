//! Streams between two threads: a ring by itself, its ends as tasks of tokio, and tokio's own channel, by
//! turns. Prints millions of messages a second, and the ratio to the ring's: medians of all rounds.
//!
//! ```text
//! cargo run --release -p benches --example async_stream [ROUNDS [MILLISECONDS]]
//! ```
//!
//! `in place` pops with `pop_into`, `by value` with `pop`; both push by reference. Real-time priority
//! (`chrt -r 50`) helps on a machine that does other things.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use ipc_async::Async;
use ipc_ring::{PopError, spsc};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Slots of the ring.
const SLOTS: u64 = 1024;
/// Messages between two looks at the clock, and in a slice.
const BATCH: usize = 64;

/// How messages go in and out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    RingInPlace,
    RingByValue,
    RingSlices,
    TasksInPlace,
    TasksByValue,
    TasksStream,
    TasksSlices,
    TokioMpsc,
}

use Way::{
    RingByValue, RingInPlace, RingSlices, TasksByValue, TasksInPlace, TasksSlices, TasksStream, TokioMpsc,
};

impl Way {
    /// With the ring that it is compared with.
    const ALL: [(Self, &str, Self); 8] = [
        (RingInPlace, "ring, in place", RingInPlace),
        (TasksInPlace, "tasks, in place", RingInPlace),
        (RingByValue, "ring, by value", RingByValue),
        (TasksByValue, "tasks, by value", RingByValue),
        (TasksStream, "tasks, as a stream", RingByValue),
        (RingSlices, "ring, slices", RingSlices),
        (TasksSlices, "tasks, slices", RingSlices),
        (TokioMpsc, "tokio's mpsc", RingByValue),
    ];
}

fn pin_to(cpu: usize) -> nix::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().build()
}

/// Writes the next numbers into messages.
fn fill<const WORDS: usize>(messages: &mut [[u64; WORDS]], number: &mut u64) {
    for message in &mut *messages {
        *number += 1;
        message[0] = *number;
        message[WORDS - 1] = *number;
    }
    black_box(messages);
}

/// Pushes by `$push` until it is time to end.
macro_rules! produce {
    ($stop:ident, $messages:ident => $push:expr) => {{
        let (mut batch, mut number) = ([[0; WORDS]; BATCH], 0);
        while !$stop.load(Relaxed) {
            fill(&mut batch, &mut number);
            let $messages = &batch;
            $push
        }
    }};
}

/// Counts what `$pop` returns until the channel is closed.
macro_rules! consume {
    ($count:ident, $clock:ident, $pop:expr) => {
        while let Some(popped) = $pop {
            $count += popped;
            if $count % BATCH as u64 == 0 || popped > 1 {
                $clock.looks($count);
            }
        }
    };
}

/// Ends the run when its time is up, and notes the rate until then.
struct Clock<'a> {
    began: Instant,
    time: Duration,
    stop: &'a AtomicBool,
    looked: u64,
    rate: f64,
}

impl Clock<'_> {
    fn looks(&mut self, count: u64) {
        if self.rate > 0.0 || count - self.looked < 4096 {
            return;
        }
        self.looked = count;
        let elapsed = self.began.elapsed();
        if elapsed >= self.time {
            self.rate = count as f64 / elapsed.as_secs_f64() / 1e6;
            self.stop.store(true, Relaxed);
        }
    }
}

fn unless_closed<R>(popped: Result<R, PopError>) -> Option<R> {
    match popped {
        Ok(value) => Some(value),
        Err(PopError::Closed) => None,
        Err(error) => panic!("{error}"),
    }
}

fn producer_of_tokio<const WORDS: usize>(
    sender: &tokio::sync::mpsc::Sender<[u64; WORDS]>,
    stop: &AtomicBool,
) -> Outcome<()> {
    runtime()?.block_on(async {
        produce!(stop, messages => for message in messages {
            sender.send(*message).await?;
        });
        Ok(())
    })
}

fn producer<const WORDS: usize>(
    mut producer: spsc::Producer<[u64; WORDS]>,
    way: Way,
    stop: &AtomicBool,
) -> Outcome<()> {
    match way {
        RingInPlace | RingByValue => {
            produce!(stop, messages => for message in messages {
                producer.push_from(message)?;
            });
        }
        RingSlices => produce!(stop, messages => producer.push_slice(messages)?),
        TasksSlices => {
            let mut producer = Async::new(producer)?;
            runtime()?.block_on(async {
                produce!(stop, messages => {
                    let mut pushed = 0;
                    while pushed < BATCH {
                        pushed += producer.push_some(&messages[pushed..]).await?;
                    }
                });
                Outcome::Ok(())
            })?;
        }
        _ => {
            let mut producer = Async::new(producer)?;
            runtime()?.block_on(async {
                produce!(stop, messages => for message in messages {
                    producer.push(message).await?;
                });
                Outcome::Ok(())
            })?;
        }
    }
    Ok(())
}

/// A message was popped, unless the channel is closed.
macro_rules! one {
    ($message:ident, $popped:expr) => {
        unless_closed($popped).map(|()| {
            black_box(&mut $message);
            1
        })
    };
}

fn consumer<const WORDS: usize>(
    mut consumer: spsc::Consumer<[u64; WORDS]>,
    way: Way,
    clock: &mut Clock<'_>,
) -> Outcome<()> {
    let (mut message, mut count) = ([0; WORDS], 0);
    let mut batch = [[0; WORDS]; BATCH];
    match way {
        RingInPlace => consume!(count, clock, one!(message, consumer.pop_into(&mut message))),
        RingByValue => consume!(count, clock, one!(message, consumer.pop().map(|popped| message = popped))),
        RingSlices => consume!(count, clock, {
            let popped = unless_closed(consumer.pop_slice(&mut batch));
            black_box(&mut batch);
            popped.map(|popped| popped as u64)
        }),
        _ => {
            let mut consumer = Async::new(consumer)?;
            runtime()?.block_on(async {
                // A task's own, as they are a function's above.
                let (mut message, mut count) = ([0; WORDS], 0);
                let mut batch = [[0; WORDS]; BATCH];
                match way {
                    TasksInPlace => {
                        consume!(count, clock, one!(message, consumer.pop_into(&mut message).await))
                    }
                    TasksByValue => {
                        consume!(
                            count,
                            clock,
                            one!(message, consumer.pop().await.map(|popped| message = popped))
                        );
                    }
                    TasksStream => {
                        use futures_core::Stream as _;
                        consume!(count, clock, {
                            let next = std::future::poll_fn(|context| {
                                std::pin::Pin::new(&mut consumer).poll_next(context)
                            });
                            next.await.map(|popped| {
                                message = popped.expect("a message");
                                black_box(&mut message);
                                1
                            })
                        });
                    }
                    _ => consume!(count, clock, {
                        let popped = unless_closed(consumer.pop_slice(&mut batch).await);
                        black_box(&mut batch);
                        popped.map(|popped| popped as u64)
                    }),
                }
            });
        }
    }
    Ok(())
}

/// The rate of one run.
fn run<const WORDS: usize>(way: Way, time: Duration) -> Outcome<f64> {
    let (to_ring, from_ring) = benches::spsc::<[u64; WORDS]>(SLOTS)?;
    let (to_tokio, mut from_tokio) = tokio::sync::mpsc::channel::<[u64; WORDS]>(SLOTS as usize);
    let stop = AtomicBool::new(false);
    let mut clock = Clock { began: Instant::now(), time, stop: &stop, looked: 0, rate: 0.0 };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            pin_to(0)?;
            match way {
                TokioMpsc => {
                    drop(to_ring);
                    producer_of_tokio(&{ to_tokio }, &stop)
                }
                _ => producer(to_ring, way, &stop),
            }
        });
        pin_to(1)?;
        clock.began = Instant::now();
        match way {
            TokioMpsc => runtime()?.block_on(async {
                let (mut message, mut count) = ([0; WORDS], 0);
                consume!(
                    count,
                    clock,
                    from_tokio.recv().await.map(|popped| {
                        message = popped;
                        black_box(&mut message);
                        1
                    })
                );
            }),
            _ => consumer(from_ring, way, &mut clock)?,
        }
        other.join().expect("the producer ends")
    })?;
    Ok(clock.rate)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn table<const WORDS: usize>(rounds: usize, time: Duration) -> Outcome<()> {
    let mut rates = vec![Vec::new(); Way::ALL.len()];
    for _ in 0..rounds {
        for (way, rates) in Way::ALL.iter().zip(&mut rates) {
            rates.push(run::<WORDS>(way.0, time)?);
        }
    }
    println!("{} bytes", WORDS * 8);
    for (index, (_, name, ring)) in Way::ALL.iter().enumerate() {
        let base = Way::ALL.iter().position(|way| way.0 == *ring).expect("one of all");
        // Of one round: the machine is as busy as it was then.
        let ratios = rates[index].iter().zip(&rates[base]).map(|(rate, base)| rate / base).collect();
        println!("  {name:20} {:7.1} M/s  {:5.2} of the ring", median(rates[index].clone()), median(ratios));
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let time = Duration::from_millis(arguments.next().map_or(Ok(100), |text| text.parse())?);
    table::<1>(rounds, time)?;
    table::<8>(rounds, time)?;
    table::<32>(rounds, time)
}
