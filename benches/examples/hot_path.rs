//! Pushes, publications, stores, calls and loans, and their counterparts, through functions of their own, so
//! that a tool can count the instructions of each.
//!
//! ```text
//! cargo build --release -p benches --example hot_path
//! valgrind --tool=callgrind --callgrind-out-file=hot.out target/release/examples/hot_path
//! callgrind_annotate hot.out | grep _once
//! objdump -d --no-show-raw-insn --disassemble=push_once_8 target/release/examples/hot_path
//! ```
//!
//! Each function is called 102 400 times; the count divided by that is one call, its own `call` and `ret`
//! included.

use benches::{both_ends, call, mpmc};
use ipc_ring::broadcast::{Mode, Publisher, Subscriber, payloads};
use ipc_ring::call::{Caller, Responder};
use ipc_ring::latest::{Reader, Writer};
use ipc_ring::pool::{Handle, Loan, Pool, View};
use ipc_ring::{bytes, mpmc, spsc};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Rounds of a filled and emptied ring.
const ROUNDS: u64 = 100;
/// Slots of the ring.
const SLOTS: u64 = 1024;
/// Bytes of a block.
const BLOCK: usize = 4096;

macro_rules! counted_call {
    ($words:literal, $ask:ident, $answer:ident, $reply:ident) => {
        #[inline(never)]
        fn $ask(caller: &mut Caller<[u64; $words], [u64; $words]>, message: &[u64; $words]) -> bool {
            caller.ask(*message).is_ok()
        }

        /// Takes the request, and replies with its content.
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
    ($kind:ident, $ends:ident, $words:literal, $push:ident, $pop:ident) => {{
        #[inline(never)]
        fn $push(producer: &mut $kind::Producer<[u64; $words]>, message: &[u64; $words]) -> bool {
            producer.try_push_from(message).is_ok()
        }

        #[inline(never)]
        fn $pop(consumer: &mut $kind::Consumer<[u64; $words]>, message: &mut [u64; $words]) -> bool {
            consumer.try_pop_into(message).is_ok()
        }

        let (mut producer, mut consumer) = $ends::<[u64; $words]>(SLOTS)?;
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

/// Pops of 1 KiB to the caller's variable, by value and into it.
macro_rules! run_long {
    ($kind:ident, $ends:ident, $by_value:ident, $into:ident) => {{
        #[inline(never)]
        fn $by_value(consumer: &mut $kind::Consumer<[u64; 128]>, message: &mut [u64; 128]) -> bool {
            match consumer.try_pop() {
                Ok(popped) => {
                    *message = popped;
                    true
                }
                Err(_) => false,
            }
        }

        #[inline(never)]
        fn $into(consumer: &mut $kind::Consumer<[u64; 128]>, message: &mut [u64; 128]) -> bool {
            consumer.try_pop_into(message).is_ok()
        }

        let (mut producer, mut consumer) = $ends::<[u64; 128]>(SLOTS)?;
        let mut message = [0; 128];
        for _ in 0..ROUNDS {
            for number in 0..SLOTS {
                message[127] = number;
                producer.try_push_from(&message)?;
            }
            for number in (0..SLOTS).step_by(2) {
                assert!($by_value(&mut consumer, &mut message), "there is a message");
                assert_eq!(message[127], number);
                assert!($into(&mut consumer, &mut message), "there is a message");
                assert_eq!(message[127], number + 1);
            }
        }
    }};
}

macro_rules! run_frames {
    ($len:literal, $push:ident, $pop:ident) => {{
        #[inline(never)]
        fn $push(producer: &mut bytes::Producer, frame: &[u8]) -> bool {
            producer.try_push(frame).is_ok()
        }

        #[inline(never)]
        fn $pop(consumer: &mut bytes::Consumer, frame: &mut [u8]) -> bool {
            consumer.try_pop_into(frame).is_ok()
        }

        // The space that a frame of this length takes, with its header and padding up to the next multiple
        // of 8.
        let (mut producer, mut consumer) = benches::bytes(SLOTS * ($len + 8))?;
        let mut frame = [0; $len];
        for round in 0..ROUNDS {
            for number in 0..SLOTS / 2 {
                frame[0] = (round + number) as u8;
                assert!($push(&mut producer, &frame), "there is room");
            }
            for number in 0..SLOTS / 2 {
                assert!($pop(&mut consumer, &mut frame), "there is a frame");
                assert_eq!(frame[0], (round + number) as u8);
            }
        }
    }};
}

macro_rules! published {
    ($mode:expr, $publish:ident, $pop:ident) => {{
        #[inline(never)]
        fn $publish(publisher: &mut Publisher<[u64; 7]>, message: &[u64; 7]) -> bool {
            publisher.try_push(*message).is_ok()
        }

        #[inline(never)]
        fn $pop(subscriber: &mut Subscriber<[u64; 7]>) -> Option<[u64; 7]> {
            subscriber.try_pop().ok()
        }

        let (mut publisher, mut subscriber) = benches::broadcast::<[u64; 7]>($mode, SLOTS)?;
        for round in 0..ROUNDS {
            for number in 0..SLOTS {
                assert!($publish(&mut publisher, &[round * SLOTS + number; 7]), "there is room");
            }
            for number in 0..SLOTS {
                let message = $pop(&mut subscriber).expect("a message");
                assert_eq!(message, [round * SLOTS + number; 7]);
            }
        }
    }};
}

#[inline(never)]
fn store_once(writer: &mut Writer<[u64; 7]>, value: &[u64; 7]) -> bool {
    writer.publish_at(value, 0).is_ok()
}

#[inline(never)]
fn load_once(reader: &mut Reader<[u64; 7]>) -> Option<[u64; 7]> {
    reader.get_newer().ok().flatten().map(|newest| newest.value)
}

fn newest() -> Outcome {
    let (mut writer, mut reader) = benches::latest::<[u64; 7]>()?;
    for number in 0..ROUNDS * SLOTS {
        assert!(store_once(&mut writer, &[number; 7]));
        assert_eq!(load_once(&mut reader), Some([number; 7]));
    }
    Ok(())
}

#[inline(never)]
fn lend_once(pool: &Pool) -> Option<Loan> {
    pool.loan(BLOCK).ok()
}

#[inline(never)]
fn send_once(loan: Loan, producer: &mut spsc::Producer<Handle>) -> bool {
    loan.send(producer).is_ok()
}

#[inline(never)]
fn receive_once(pool: &Pool, consumer: &mut spsc::Consumer<Handle>) -> Option<View> {
    pool.try_receive(consumer).ok()
}

#[inline(never)]
fn let_go_once(view: View) {
    drop(view);
}

fn lent() -> Outcome {
    let (pool, mut producer, mut consumer) = benches::pool(BLOCK, 8)?;
    for number in 0..ROUNDS * SLOTS {
        let mut loan = lend_once(&pool).expect("a block");
        loan.write(0, &(number as u8))?;
        assert!(send_once(loan, &mut producer), "there is room");
        let view = receive_once(&pool, &mut consumer).expect("a payload");
        assert_eq!(view.read::<u8>(0)?, number as u8);
        let_go_once(view);
    }
    Ok(())
}

#[inline(never)]
fn publish_payload_once(publisher: &mut payloads::Publisher, loan: Loan) -> bool {
    publisher.try_push(loan).is_ok()
}

#[inline(never)]
fn pop_payload_once(subscriber: &mut payloads::Subscriber) -> Option<View> {
    subscriber.try_pop().ok()
}

#[inline(never)]
fn let_go_shared_once(view: View) {
    drop(view);
}

fn lent_to_all() -> Outcome {
    let (mut publisher, mut subscriber) = benches::payloads(Mode::Lossy, BLOCK, 8)?;
    for number in 0..ROUNDS * SLOTS {
        let mut loan = publisher.loan(BLOCK)?;
        loan.write(0, &(number as u8))?;
        assert!(publish_payload_once(&mut publisher, loan), "there is room");
        let view = pop_payload_once(&mut subscriber).expect("a payload");
        assert_eq!(view.read::<u8>(0)?, number as u8);
        let_go_shared_once(view);
    }
    Ok(())
}

fn main() -> Outcome {
    run!(spsc, both_ends, 1, push_once_8, pop_once_8);
    run!(spsc, both_ends, 7, push_once_56, pop_once_56);
    run!(spsc, both_ends, 8, push_once_64, pop_once_64);
    run_frames!(8, push_frame_once_8, pop_frame_once_8);
    run_frames!(56, push_frame_once_56, pop_frame_once_56);
    run_frames!(64, push_frame_once_64, pop_frame_once_64);
    run!(mpmc, mpmc, 1, push_once_mpmc_8, pop_once_mpmc_8);
    run!(mpmc, mpmc, 7, push_once_mpmc_56, pop_once_mpmc_56);
    run!(mpmc, mpmc, 8, push_once_mpmc_64, pop_once_mpmc_64);
    run_long!(spsc, both_ends, pop_by_value_once_1k, pop_into_once_1k);
    run_long!(mpmc, mpmc, pop_by_value_once_mpmc_1k, pop_into_once_mpmc_1k);
    run_call!(1, ask_once_8, answer_once_8, reply_once_8);
    run_call!(7, ask_once_56, answer_once_56, reply_once_56);
    published!(Mode::Lossy, publish_lossy_once, pop_lossy_once);
    published!(Mode::Gated, publish_gated_once, pop_gated_once);
    newest()?;
    lent()?;
    lent_to_all()
}
