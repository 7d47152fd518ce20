//! The two halves of a barrier pair between two processes: never do both miss the other's store.

mod common;

use std::sync::atomic::Ordering;

use common::children::child;
use common::namespace::isolated;
use ipc_core::barrier::Pair;
use ipc_core::segment::Segment;
use ipc_core::shm::Options;

const ROUNDS: u64 = 20_000;

/// Each side stores its own word and then reads the other's; they meet before each round.
fn both_missed(pair: Pair) -> u64 {
    let (memory, _) = Segment::ephemeral(4096, &Options::default()).unwrap();
    let word = |line: usize| memory.atomic_u64(line * 128).unwrap();
    const LIGHT: usize = 0;
    const HEAVY: usize = 1;
    const SEEN_BY_LIGHT: usize = 2;
    const READY: usize = 3; // and the next
    let meet = |side: usize, round: u64| {
        word(READY + side).store(round, Ordering::Release);
        while word(READY + 1 - side).load(Ordering::Acquire) < round {
            std::thread::yield_now();
        }
    };
    let light = child(|| {
        pair.join().unwrap();
        for round in 1..=ROUNDS {
            meet(0, round * 2 - 1);
            // Relaxed on purpose: the pair alone must order them.
            word(LIGHT).store(round, Ordering::Relaxed);
            pair.light();
            let other = word(HEAVY).load(Ordering::Relaxed);
            word(SEEN_BY_LIGHT).store(other, Ordering::Relaxed);
            meet(0, round * 2);
        }
    });
    pair.join().unwrap();
    let mut missed = 0;
    for round in 1..=ROUNDS {
        meet(1, round * 2 - 1);
        word(HEAVY).store(round, Ordering::Relaxed);
        pair.heavy().unwrap();
        let other = word(LIGHT).load(Ordering::Relaxed);
        meet(1, round * 2);
        missed += u64::from(other < round && word(SEEN_BY_LIGHT).load(Ordering::Relaxed) < round);
    }
    light.join();
    missed
}

#[test]
fn fences_on_both_sides_never_let_both_miss() {
    isolated(|| assert_eq!(both_missed(Pair::Fences), 0));
}

#[test]
fn light_and_heavy_never_let_both_miss() {
    isolated(|| match Pair::choose() {
        Pair::Asymmetric => assert_eq!(both_missed(Pair::Asymmetric), 0),
        Pair::Fences => common::skipped("light and heavy", "no membarrier here"),
    });
}
