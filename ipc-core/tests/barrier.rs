//! The two halves of a barrier pair between two processes: never do both miss the other's store.

mod common;

use std::sync::atomic::Ordering;

use common::children::child;
use common::namespace::isolated;
use ipc_core::barrier::Pair;
use ipc_core::segment::Segment;
use ipc_core::shm::Options;

/// Rounds of the heavy side.
const HEAVY_ROUNDS: u64 = 50_000;
/// Rounds of the light side that are remembered; it stops there.
const LIGHT_ROUNDS: u64 = 8_000_000;

/// Without a meeting in between, each side again and again stores its round in its own word and then reads
/// the other's. The light side in round i saw the heavy side's word at y; so it missed the store of round y +
/// 1, and that round must have seen i or more. Counts where it did not: where both missed.
///
/// Without any barriers this counts thousands on x86-64 in an optimised build, and none in a debug build,
/// whose calls give the store time to complete.
fn both_missed(light_barrier: impl Fn(), heavy_barrier: impl Fn()) -> usize {
    let (memory, _) = Segment::ephemeral(4096 + LIGHT_ROUNDS as usize * 8, &Options::default()).unwrap();
    memory.prefault().unwrap();
    let word = |place: usize| memory.atomic_u64(place * 128).unwrap();
    let (light_word, heavy_word, started) = (word(0), word(1), word(2));
    let seen_by_light = |round: u64| memory.atomic_u64(4096 + (round as usize - 1) * 8).unwrap();

    // Relaxed throughout, on purpose: the pair alone must order them.
    let light = child(|| {
        started.store(1, Ordering::Release);
        for round in 1..=LIGHT_ROUNDS {
            light_word.store(round, Ordering::Relaxed);
            light_barrier();
            let other = heavy_word.load(Ordering::Relaxed);
            seen_by_light(round).store(other + 1, Ordering::Relaxed); // 0 stays "not reached"
            if other == HEAVY_ROUNDS {
                break;
            }
        }
    });
    common::until(|| started.load(Ordering::Acquire) == 1);
    let mut seen_by_heavy = Vec::with_capacity(HEAVY_ROUNDS as usize + 1);
    seen_by_heavy.push(0);
    for round in 1..=HEAVY_ROUNDS {
        heavy_word.store(round, Ordering::Relaxed);
        heavy_barrier();
        seen_by_heavy.push(light_word.load(Ordering::Relaxed));
    }
    light.join();
    let rounds = (1..=LIGHT_ROUNDS).map(|round| (round, seen_by_light(round).load(Ordering::Relaxed)));
    let mut reached = 0;
    let missed = rounds
        .take_while(|&(_, seen)| seen != 0)
        .inspect(|_| reached += 1)
        .filter(|&(round, missed)| seen_by_heavy.get(missed as usize).is_some_and(|&seen| seen < round))
        .count();
    assert!(reached > 0, "the sides never ran together");
    missed
}

#[test]
fn fences_on_both_sides_never_let_both_miss() {
    isolated(|| {
        let pair = Pair::Fences;
        assert_eq!(both_missed(|| pair.light(), || pair.heavy().unwrap()), 0);
    });
}

#[test]
fn light_and_heavy_never_let_both_miss() {
    isolated(|| match Pair::choose() {
        // The children inherit nothing: each process registers, the light side before it starts.
        pair @ Pair::Asymmetric => {
            let once = std::cell::OnceCell::new();
            let light = || {
                once.get_or_init(|| pair.join().unwrap());
                pair.light();
            };
            assert_eq!(both_missed(light, || pair.heavy().unwrap()), 0);
        }
        Pair::Fences => common::skip(common::Need::Membarrier, "light and heavy"),
    });
}

#[test]
fn without_barriers_the_count_is_taken_and_told() {
    isolated(|| {
        let nothing = || std::sync::atomic::compiler_fence(Ordering::SeqCst);
        let missed = both_missed(nothing, nothing);
        // Not asserted: a machine with one processor never shows it. It shows that the two tests above can
        // fail.
        println!("both missed {missed} times without barriers");
        common::say(&format!("barrier control: both sides missed {missed} times without barriers"));
    });
}
