//! Tests of the machinery itself: it detects what it should, and refuses models that check nothing.

use std::rc::Rc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use ipc_ring::platform::{Barrier, Platform, Word};
use loom::thread;
use loom_tests::{Loom, Model, Mutation, Verdict, Word64, reached};

/// Two threads store to a word each and read the other's. With the two halves of a barrier pair in between,
/// at least one of them sees the other's store.
fn store_then_load(barrier: Barrier, both_light: bool) {
    let words = Rc::new([Word64::checked(0), Word64::checked(0)]);
    let shared = Rc::clone(&words);
    let other = thread::spawn(move || {
        shared[1].store(1, Relaxed);
        Loom::light(barrier);
        shared[0].load(Relaxed)
    });
    words[0].store(1, Relaxed);
    if both_light {
        Loom::light(barrier)
    } else {
        Loom::heavy(barrier).expect("no barrier of a model fails")
    }
    let seen = words[1].load(Relaxed);
    assert!(seen + other.join().unwrap() > 0, "neither saw the other");
}

#[test]
fn a_barrier_pair_orders_a_store_before_a_load() {
    for (barrier, model) in [
        (Barrier::Fence, Model::new("pair_fence", 3, || store_then_load(Barrier::Fence, false))),
        (
            Barrier::Asymmetric,
            Model::new("pair_asymmetric", 3, || store_then_load(Barrier::Asymmetric, false)),
        ),
    ] {
        model.check();
        for mutation in [Mutation::NoLight(barrier), Mutation::NoHeavy(barrier)] {
            assert!(matches!(model.check_with(mutation), Verdict::Caught { .. }), "{mutation}");
        }
    }
}

#[test]
fn two_light_halves_order_nothing_when_asymmetric() {
    let model = Model::new("two_light_halves", 1, || store_then_load(Barrier::Asymmetric, true));
    let harmless = Mutation::Logic("none");
    assert!(matches!(model.check_with(harmless), Verdict::Caught { .. }));
}

#[test]
#[should_panic(expected = "expected 1000")]
fn a_model_with_too_few_executions_is_refused() {
    Model::new("too_few", 1000, || store_then_load(Barrier::Fence, false)).check();
}

#[test]
#[should_panic(expected = "never reached: the other side")]
fn a_model_that_misses_its_state_is_refused() {
    Model::new("misses", 1, || reached("this side")).reaches(&["the other side"]).check();
}

/// One thread loads a word and then stores to it, while another loads it.
fn load_then_store(word: fn(u64) -> Word64) {
    let word = Rc::new(word(0));
    let shared = Rc::clone(&word);
    let other = thread::spawn(move || {
        assert_eq!(shared.load(Relaxed), 0);
        shared.store(1, Release);
    });
    if word.load(Acquire) == 1 {
        reached("the store is seen");
    }
    other.join().unwrap();
}

#[test]
fn a_contended_word_shows_what_loom_overlooks() {
    Model::new("contended", 2, || load_then_store(Word64::contended)).reaches(&["the store is seen"]).check();
    // The pitfall: one execution. If this fails, loom has been improved and the shadows can be removed.
    assert_eq!(Model::new("overlooked", 1, || load_then_store(Word64::checked)).check(), 1);
}
