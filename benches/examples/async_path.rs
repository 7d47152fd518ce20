//! Pushes and pops of async tasks that need not wait, next to those of the same ends without tasks, through
//! functions of their own, so that a tool can count the instructions of each: as `hot_path`.
//!
//! ```text
//! cargo build --release -p benches --example async_path
//! valgrind --tool=callgrind --callgrind-out-file=async.out target/release/examples/async_path
//! callgrind_annotate async.out | grep _once
//! ```
//!
//! A way to pop is called 102 400 times, and `pop_into` as often again after `sink`; `push` 307 200 times,
//! and `ring_push` 204 800 times.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_core::Stream as _;
use futures_sink::Sink as _;
use ipc_async::Async;
use ipc_ring::{mpmc, spsc};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Rounds of a filled and emptied ring.
const ROUNDS: u64 = 100;
/// Slots of the ring.
const SLOTS: u64 = 1024;

/// The result of a future that need not wait. One that yields to other tasks is polled again, as a runtime
/// would.
#[inline(always)]
fn finish<R>(future: impl Future<Output = R>) -> R {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}

/// The ways to push a message and to pop one, each in pairs of functions with names ending in `$words` words.
macro_rules! run {
    ($kind:ident, $words:literal: $push:ident $pop_into:ident, $pop:ident, $stream:ident, $sink:ident,
     $ring_push:ident $ring_pop_into:ident $ring_pop:ident) => {{
        type Message = [u64; $words];
        type Producer = $kind::Producer<Message>;
        type Consumer = $kind::Consumer<Message>;

        #[inline(never)]
        fn $ring_push(producer: &mut Producer, message: &Message) -> bool {
            producer.try_push_from(message).is_ok()
        }

        #[inline(never)]
        fn $ring_pop_into(consumer: &mut Consumer, message: &mut Message) -> bool {
            consumer.try_pop_into(message).is_ok()
        }

        #[inline(never)]
        fn $ring_pop(consumer: &mut Consumer, message: &mut Message) -> bool {
            consumer.try_pop().map(|popped| *message = popped).is_ok()
        }

        #[inline(never)]
        fn $push(producer: &mut Async<Producer>, message: &Message) -> bool {
            finish(producer.push(message)).is_ok()
        }

        #[inline(never)]
        fn $pop_into(consumer: &mut Async<Consumer>, message: &mut Message) -> bool {
            finish(consumer.pop_into(message)).is_ok()
        }

        #[inline(never)]
        fn $pop(consumer: &mut Async<Consumer>, message: &mut Message) -> bool {
            finish(consumer.pop()).map(|popped| *message = popped).is_ok()
        }

        #[inline(never)]
        fn $stream(consumer: &mut Async<Consumer>, message: &mut Message) -> bool {
            let next = std::future::poll_fn(|context| Pin::new(&mut *consumer).poll_next(context));
            matches!(finish(next), Some(Ok(popped)) if { *message = popped; true })
        }

        #[inline(never)]
        fn $sink(producer: &mut ipc_async::Outbox<Producer, Message>, message: &Message) -> bool {
            let mut sink = Pin::new(producer);
            finish(std::future::poll_fn(|context| sink.as_mut().poll_ready(context))).is_ok()
                && sink.as_mut().start_send(*message).is_ok()
        }

        let (mut producer, mut consumer) = benches::$kind::<Message>(SLOTS)?;
        let mut message = [0; $words];
        for round in 0..ROUNDS * 2 {
            for _ in 0..SLOTS {
                message[0] += 1;
                assert!($ring_push(&mut producer, &message), "there is room");
            }
            for _ in 0..SLOTS {
                let popped = match round % 2 {
                    0 => $ring_pop_into(&mut consumer, &mut message),
                    _ => $ring_pop(&mut consumer, &mut message),
                };
                assert!(popped, "there is a message");
            }
        }
        let (mut producer, mut consumer) = (Async::new(producer)?, Async::new(consumer)?);
        for round in 0..ROUNDS * 3 {
            for _ in 0..SLOTS {
                message[0] += 1;
                assert!($push(&mut producer, &message), "there is room");
            }
            for _ in 0..SLOTS {
                let popped = match round % 3 {
                    0 => $pop_into(&mut consumer, &mut message),
                    1 => $pop(&mut consumer, &mut message),
                    _ => $stream(&mut consumer, &mut message),
                };
                assert!(popped, "there is a message");
            }
        }
        let mut producer = producer.into_sink::<Message>();
        for _ in 0..ROUNDS {
            for _ in 0..SLOTS {
                assert!($sink(&mut producer, &message), "there is room");
            }
            for _ in 0..SLOTS - 1 {
                assert!($pop_into(&mut consumer, &mut message), "there is a message");
            }
            finish(std::future::poll_fn(|context| Pin::new(&mut producer).poll_flush(context)))?;
            assert!($pop_into(&mut consumer, &mut message), "there is a message");
        }
    }};
}

fn main() -> Outcome {
    run!(spsc, 1: push_once_8 pop_into_once_8, pop_once_8, stream_once_8, sink_once_8,
         ring_push_once_8 ring_pop_into_once_8 ring_pop_once_8);
    run!(spsc, 8: push_once_64 pop_into_once_64, pop_once_64, stream_once_64, sink_once_64,
         ring_push_once_64 ring_pop_into_once_64 ring_pop_once_64);
    run!(spsc, 32: push_once_256 pop_into_once_256, pop_once_256, stream_once_256, sink_once_256,
         ring_push_once_256 ring_pop_into_once_256 ring_pop_once_256);
    run!(mpmc, 8: mpmc_push_once_64 mpmc_pop_into_once_64, mpmc_pop_once_64, mpmc_stream_once_64,
         mpmc_sink_once_64,
         mpmc_ring_push_once_64 mpmc_ring_pop_into_once_64 mpmc_ring_pop_once_64);
    Ok(())
}
