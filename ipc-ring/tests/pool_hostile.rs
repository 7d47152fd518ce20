//! Whatever a peer writes into a pool's memory and into the handles it sends, the answer is an error or some
//! bytes of the pool. The same body as the fuzz target in `fuzz/`, with a fixed number of pseudo-random
//! inputs; and one that checks what this process relies on: that no byte is handed out twice.
//!
//! `HOSTILE_SEED` repeats a run, `HOSTILE_IMAGES` makes it longer.

mod common;
mod hostile;
mod spsc_common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{private_namespace, unique};
use hostile::pool::Bed;
use ipc_core::shm::{SharedMemory, ShmId};
use ipc_ring::pool::{Builder, Refused, Route};
use ipc_ring::{Domain, PushError};
use spsc_common::Random;

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// A seed of this run's own, printed so that a failure can be repeated.
fn seed() -> u64 {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("HOSTILE_SEED", clock.as_nanos() as u64);
    eprintln!("HOSTILE_SEED={seed}");
    seed
}

#[test]
fn any_segment_of_a_pool_is_survived() {
    private_namespace();
    let mut random = Random::new(seed());
    let images = number("HOSTILE_IMAGES", 1_500);
    let bed = Bed::new(&unique("hostile"));
    let mut steps = 0;
    for image in 0..images {
        let data: Vec<u8> = (0..random.below(400)).map(|_| random.next() as u8).collect();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bed.run(&data)));
        let Ok(done) = done else { panic!("image {image}: {data:?}") };
        steps += done as u64;
    }
    eprintln!("{images} sequences, {steps} calls");
    assert!(steps > images);
}

/// Two threads work with the blocks while a third writes any tag it likes. Each byte range that is held for
/// writing is held once, and not read by the other thread meanwhile.
#[test]
fn no_byte_is_in_two_hands_of_a_process() {
    private_namespace();
    let domain = Domain::open(&unique("hands")).unwrap();
    let before = hostile::channel::segments(|key| key == 0);
    let pool = Builder::new("pool").domain(&domain).class(64, 4).create_new().unwrap();
    let made =
        hostile::channel::segments(|key| key == 0).into_iter().find(|id| !before.contains(id)).unwrap();
    let memory = SharedMemory::from_id(ShmId::from_raw(made)).attach().unwrap();
    // The holder of a block: 0: none, 1 to 1000: readers, more: a writer. Kept here, out of the hostile
    // peer's reach.
    let held: [std::sync::atomic::AtomicU32; 4] = Default::default();
    let first = pool.loan(64).unwrap().as_ptr().addr();
    let start =
        (0..4).map(|_| pool.loan(64).unwrap()).map(|loan| loan.as_ptr().addr()).min().unwrap().min(first);
    let block = |address: usize| (address - start) / 64;
    let stop = AtomicBool::new(false);
    let enough = number("HOSTILE_IMAGES", 1_500) / 2;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(seed());
            while !stop.load(Ordering::Relaxed) {
                let tag = memory.atomic_u64(0x9900 + random.below(4) as usize * 128).unwrap();
                let state = random.below(7) << 32;
                let holders = random.below(3);
                tag.store(random.below(3) << 40 | state | holders, Ordering::Relaxed);
                random.pause();
            }
        });
        let workers: Vec<_> = (0..2)
            .map(|worker| {
                let (pool, held) = (pool.clone(), &held);
                scope.spawn(move || {
                    let mut random = Random::new(worker + 1);
                    let mut handle = None;
                    let (mut wrote, mut read) = (0, 0);
                    while wrote < enough || read < enough {
                        std::thread::yield_now();
                        if random.below(2) == 0 {
                            let Ok(mut loan) = pool.try_loan(64) else { continue };
                            let mine = &held[block(loan.as_ptr().addr())];
                            assert_eq!(mine.swap(10_000, Ordering::SeqCst), 0, "in two hands");
                            loan.fill(worker as u8).unwrap();
                            std::thread::yield_now();
                            std::thread::sleep(std::time::Duration::from_micros(random.below(3) * 20));
                            wrote += 1;
                            assert_eq!(mine.swap(0, Ordering::SeqCst), 10_000, "in two hands");
                            let route = Route::from_words(1, 1);
                            let _ = loan.send_with(route, |sent| {
                                handle = Some(sent);
                                if random.below(4) > 0 { Ok(()) } else { Err(PushError::Full(())) }
                            });
                        } else if let Some(Ok(view)) = handle.map(|handle| pool.accept(&handle)) {
                            let mine = &held[block(view.as_ptr().addr())];
                            assert!(mine.fetch_add(1, Ordering::SeqCst) < 1000, "read while it is written");
                            std::hint::black_box(view.to_vec().unwrap());
                            std::thread::sleep(std::time::Duration::from_micros(random.below(3) * 20));
                            read += 1;
                            assert!(mine.fetch_sub(1, Ordering::SeqCst) < 1000, "read while it is written");
                        }
                    }
                    (wrote, read)
                })
            })
            .collect();
        let did: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        stop.store(true, Ordering::Relaxed);
        let did: Vec<(u64, u64)> = did.into_iter().map(|did| did.expect("the thread lives")).collect();
        eprintln!("(loans, views) of each thread: {did:?}");
    });
}

/// A payload was received, by one process and permanently. A hostile peer marks it as shared in its word, and
/// the handle arrives again: a second view in this process would still exist after the first one has released
/// the block.
#[test]
fn what_was_taken_is_not_shared_by_a_forged_word() {
    private_namespace();
    let domain = Domain::open(&unique("forged")).unwrap();
    let before = hostile::channel::segments(|key| key == 0);
    let pool = Builder::new("pool").domain(&domain).class(64, 1).create_new().unwrap();
    let made =
        hostile::channel::segments(|key| key == 0).into_iter().find(|id| !before.contains(id)).unwrap();
    let memory = SharedMemory::from_id(ShmId::from_raw(made)).attach().unwrap();
    let tag = memory.atomic_u64(0x9900).unwrap();
    for state in [5, 6] {
        let mut handle = None;
        let loan = pool.loan(64).unwrap();
        loan.send_with(Route::from_words(1, 1), |sent| {
            handle = Some(sent);
            Ok::<(), PushError<()>>(())
        })
        .unwrap();
        let handle = handle.unwrap();
        let view = pool.accept(&handle).unwrap();
        let word = tag.load(Ordering::Relaxed);
        tag.store(word & !(7 << 32) | state << 32, Ordering::Relaxed);
        let answer = pool.accept(&handle);
        assert!(
            matches!(answer, Err(Refused::Corrupt { .. })),
            "a second view of a payload for one: {answer:?}"
        );
        drop(view);
        // According to the word, no one has it; and no one has.
        assert_eq!(pool.loan(64).unwrap().len(), 64);
    }
}

/// The pool is opened twice, and a block that is lent is marked as free. Two independent openings would each
/// lend it.
#[test]
fn a_tag_that_is_put_back_gives_no_block_twice_to_one_process() {
    private_namespace();
    let domain = Domain::open(&unique("twice")).unwrap();
    let before = hostile::channel::segments(|key| key == 0);
    let builder = Builder::new("pool").domain(&domain).class(64, 1);
    let one = builder.create_new().unwrap();
    let made =
        hostile::channel::segments(|key| key == 0).into_iter().find(|id| !before.contains(id)).unwrap();
    let two = builder.open().unwrap();
    let memory = SharedMemory::from_id(ShmId::from_raw(made)).attach().unwrap();
    let tag = memory.atomic_u64(0x9900).unwrap();
    let free = tag.load(Ordering::Relaxed);
    let held = one.loan(64).unwrap();
    let lent = tag.load(Ordering::Relaxed);
    tag.store(free, Ordering::Relaxed);
    assert!(two.loan(64).is_err(), "two writers of one block in one process");
    tag.store(lent, Ordering::Relaxed);
    drop(held);
    // Read by one, lent by the other.
    let (view, _) = one.loan(64).unwrap().share();
    tag.store(free, Ordering::Relaxed);
    assert!(two.loan(64).is_err(), "a writer and a reader of one block in one process");
    drop(view);
}
