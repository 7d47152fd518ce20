//! Pushes and pops, calls and replies through functions of their own, so that a tool can count what one of them takes.
//!
//! ```text
//! cargo build --release -p benches --example hot_path
//! valgrind --tool=callgrind --callgrind-out-file=hot.out target/release/examples/hot_path
//! callgrind_annotate hot.out | grep _once
//! objdump -d --no-show-raw-insn --disassemble=push_once_8 target/release/examples/hot_path
//! ```
//!
//! Each function is called 102 400 times; the count divided by that is one call, its own `call` and `ret` included.

use benches::{both_ends, call};
use ipc_ring::call::{Caller, Responder};
use ipc_ring::spsc::{Consumer, Producer};

/// Rounds of a filled and emptied ring.
const ROUNDS: u64 = 100;
/// Slots of the ring.
const SLOTS: u64 = 1024;

macro_rules! counted {
    ($words:literal, $push:ident, $pop:ident) => {
        #[inline(never)]
        fn $push(producer: &mut Producer<[u64; $words]>, message: &[u64; $words]) -> bool {
            producer.try_push_from(message).is_ok()
        }

        #[inline(never)]
        fn $pop(consumer: &mut Consumer<[u64; $words]>, message: &mut [u64; $words]) -> bool {
            consumer.try_pop_into(message).is_ok()
        }
    };
}

counted!(1, push_once_8, pop_once_8);
counted!(7, push_once_56, pop_once_56);
counted!(8, push_once_64, pop_once_64);

macro_rules! counted_call {
    ($words:literal, $ask:ident, $answer:ident, $reply:ident) => {
        #[inline(never)]
        fn $ask(caller: &mut Caller<[u64; $words], [u64; $words]>, message: &[u64; $words]) -> bool {
            caller.ask(*message).is_ok()
        }

        /// Takes the request, and answers with what was asked.
        #[inline(never)]
        fn $answer(responder: &mut Responder<[u64; $words], [u64; $words]>) -> bool {
            match responder.take() {
                Ok(request) => {
                    let message = request.value();
                    request.reply(message);
                    true
                }
                Err(_) => false,
            }
        }

        #[inline(never)]
        fn $reply(caller: &mut Caller<[u64; $words], [u64; $words]>, message: &mut [u64; $words]) -> bool {
            caller.wait().map(|reply| *message = reply).is_ok()
        }
    };
}

counted_call!(1, ask_once_8, answer_once_8, reply_once_8);
counted_call!(7, ask_once_56, answer_once_56, reply_once_56);

macro_rules! run_call {
    ($words:literal, $ask:ident, $answer:ident, $reply:ident) => {{
        let (mut caller, mut responder) = call::<[u64; $words], [u64; $words]>()?;
        let mut message = [0; $words];
        for number in 0..ROUNDS * SLOTS {
            message[0] = number;
            assert!($ask(&mut caller, &message), "no call is in flight");
            assert!($answer(&mut responder), "a request waits");
            assert!($reply(&mut caller, &mut message), "a reply waits");
            assert_eq!(message[0], number);
        }
    }};
}

macro_rules! run {
    ($words:literal, $push:ident, $pop:ident) => {{
        let (mut producer, mut consumer) = both_ends::<[u64; $words]>(SLOTS)?;
        let mut message = [0; $words];
        for round in 0..ROUNDS {
            for number in 0..SLOTS {
                message[0] = round * SLOTS + number;
                assert!($push(&mut producer, &message), "there is room");
            }
            for number in 0..SLOTS {
                assert!($pop(&mut consumer, &mut message), "there is a message");
                assert_eq!(message[0], round * SLOTS + number);
            }
        }
    }};
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    run!(1, push_once_8, pop_once_8);
    run!(7, push_once_56, pop_once_56);
    run!(8, push_once_64, pop_once_64);
    run_call!(1, ask_once_8, answer_once_8, reply_once_8);
    run_call!(7, ask_once_56, answer_once_56, reply_once_56);
    Ok(())
}
