//! A task that is never kept waiting lets others run all the same: a runtime cannot take its thread away.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::join;
use ipc_async::Async;
use ipc_ring::{Domain, spsc};

/// How often the other task gives way. Each time it has its turn again only if the busy one gives way, too.
const TURNS: u32 = 20;
/// More operations than a busy task can do in that number of turns.
const FAR_TOO_MANY: u64 = 3_000_000;

fn ends(name: &str) -> (spsc::Producer<u64>, spsc::Consumer<u64>) {
    let domain = Domain::open(&format!("async-fair-{name}-{}", std::process::id())).expect("a domain");
    let builder = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(16);
    (builder.create_sender().expect("a producer"), builder.open_receiver().expect("a consumer"))
}

/// Runs the busy task until the other one, in the same thread, has had its turns. `operation` is ready at
/// each poll.
async fn run(mut operation: impl AsyncFnMut(u64)) {
    let is_done = AtomicBool::new(false);
    let busy = async {
        for number in 0.. {
            if is_done.load(Ordering::SeqCst) {
                return number;
            }
            assert!(number < FAR_TOO_MANY, "the other task has had no turn");
            operation(number).await;
        }
        unreachable!("numbers do not end");
    };
    let other = async {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        is_done.store(true, Ordering::SeqCst);
    };
    let (operations, ()) = join!(busy, other);
    assert!(operations > u64::from(TURNS), "it was busy in between: {operations}");
}

fn in_one_thread(task: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(task);
}

#[test]
fn a_task_that_always_finds_a_message_gives_way() {
    let (mut producer, consumer) = ends("pop");
    let mut consumer = Async::new(consumer).expect("a task's");
    in_one_thread(run(async |number| {
        producer.try_push(number).expect("room");
        assert_eq!(consumer.pop().await.expect("a message"), number);
    }));
}

#[test]
fn a_task_that_always_finds_room_gives_way() {
    let (producer, mut consumer) = ends("push");
    let mut producer = Async::new(producer).expect("a task's");
    in_one_thread(run(async |number| {
        producer.push(&number).await.expect("room");
        assert_eq!(consumer.try_pop().expect("a message"), number);
    }));
}

#[test]
fn a_task_that_pops_many_at_a_time_gives_way() {
    let (mut producer, consumer) = ends("slice");
    let mut consumer = Async::new(consumer).expect("a task's");
    in_one_thread(run(async |number| {
        producer.try_push(number).expect("room");
        let mut out = [0; 4];
        assert_eq!(consumer.pop_slice(&mut out).await.expect("a message"), 1);
        assert_eq!(out[0], number);
    }));
}
