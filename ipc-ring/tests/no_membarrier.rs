//! A sandbox that forbids membarrier, entered after a channel was opened, over the table of kinds. A notifier
//! that streams has no fence of its own, so an end that goes to sleep could be missed, and so could a
//! subscriber that joins a gated channel: both get the kernel's refusal as their error, and the attempt
//! leaves nothing behind. An end whose notifiers fence sleeps without it.

mod common;
mod kinds;
mod spsc_common;

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use common::sandbox::forbid;
use common::{private_namespace, unique};
use ipc_ring::observe::{DomainObserver, Tap, TapError, TapStart};
use ipc_ring::ring::broadcast::{Mapped, Mode, Publish, Publisher, Resume, Start, Subscriber, seat};
use ipc_ring::{
    AttachError, AttachErrorKind, Barrier, Domain, Region, WaitSet, WaitSetError, WaitStrategy, broadcast,
    fault, spsc,
};
use kinds::{How, Told, every};
use nix::libc;

const PATIENCE: Duration = Duration::from_millis(300);
/// Messages after which each end has looked for sleepers more often than a notifier fences.
const STREAM: u64 = 100 * kinds::CAPACITY;

/// Runs `f` in a thread of its own, which may not use membarrier any more once it asks for that.
fn in_thread(f: impl FnOnce() + Send + 'static) {
    std::thread::spawn(f).join().unwrap();
}

fn forbid_membarrier() {
    forbid(libc::SYS_membarrier);
    assert!(ipc_core::barrier::heavy().is_err(), "the sandbox works");
}

#[track_caller]
fn assert_refused(told: &Told, case: &str) {
    assert!(matches!(told, Told::Otherwise(text) if text.contains("membarrier")), "{case}: {told:?}");
}

#[test]
fn who_cannot_say_that_it_sleeps_does_not_sleep() {
    private_namespace();
    for kind in every() {
        in_thread(move || {
            let domain = Domain::open(&unique("no-membarrier")).unwrap();
            let how = How::new(&domain, WaitStrategy::Sleep);
            let mut giver = (kind.giver)(how).unwrap();
            let mut taker = (kind.taker)(how).unwrap();
            assert_eq!(giver.give(7, PATIENCE), Told::Yes, "{}", kind.name);
            assert_eq!(taker.take(PATIENCE), Told::Number(7), "{}", kind.name);
            let mut set = WaitSet::new(&domain).unwrap();
            forbid_membarrier();
            // The giver is new, and fences.
            assert_eq!(taker.take(PATIENCE), Told::TimedOut, "{}", kind.name);
            let waited = set.wait(&mut [taker.waitable()], Some(Instant::now() + PATIENCE));
            assert!(matches!(waited, Err(WaitSetError::TimedOut)), "{}: {waited:?}", kind.name);
            // Neither end finds the other asleep, so both cease to fence.
            for number in 0..STREAM {
                assert_eq!(giver.give(number, PATIENCE), Told::Yes, "{}", kind.name);
                assert_eq!(taker.take(PATIENCE), Told::Number(number), "{}", kind.name);
            }
            assert_refused(&taker.take(PATIENCE), kind.name);
            let waited = set.wait(&mut [taker.waitable()], Some(Instant::now() + PATIENCE));
            assert!(
                matches!(&waited, Err(WaitSetError::System(error)) if error.to_string().contains("membarrier")),
                "{}: {waited:?}",
                kind.name
            );
            // Operations that need no sleep continue.
            assert_eq!(giver.give(8, PATIENCE), Told::Yes, "{}", kind.name);
            assert_eq!(taker.take(PATIENCE), Told::Number(8), "{}", kind.name);
            if kind.fills {
                let told = (9..9 + 2 * kinds::CAPACITY).map(|number| giver.give(number, PATIENCE));
                let last = told.into_iter().find(|told| *told != Told::Yes).expect("it is full at some time");
                assert_refused(&last, kind.name);
                assert_eq!(taker.take(PATIENCE), Told::Number(9), "{}", kind.name);
            }
        });
    }
}

/// Where stores do not become visible in order, a copy that no barrier followed may be torn.
#[test]
fn a_tap_that_cannot_order_its_copies_returns_none() {
    private_namespace();
    in_thread(|| {
        fault::leave_stores_unordered(true);
        let name = unique("no-membarrier");
        let domain = Domain::open(&name).unwrap();
        let observer = DomainObserver::open(&name).unwrap();
        let mut producer = spsc::Builder::<u64>::new("x").domain(&domain).create_sender().unwrap();
        producer.push(7).unwrap();
        let mut tap = Tap::open(&observer, "x", TapStart::Oldest).unwrap();
        forbid_membarrier();
        let mut out = Vec::new();
        let refused = tap.try_read(&mut out).unwrap_err();
        assert!(matches!(refused, TapError::System(_)), "{refused}");
        let refused = Tap::open(&observer, "x", TapStart::Oldest).unwrap_err();
        assert!(matches!(refused, TapError::System(_)), "{refused}");
        assert!(refused.to_string().contains("membarrier"), "{refused}");
    });
}

/// Where stores do not become visible in order, membarrier has to reach the producers.
#[test]
fn a_channel_with_fences_is_refused_where_stores_are_unordered() {
    private_namespace();
    let name = unique("fences");
    let domain = Domain::open(&name).unwrap();
    let observer = DomainObserver::open(&name).unwrap();
    let builder = spsc::Builder::<u64>::new("fenced").domain(&domain).barrier(Barrier::Fence);
    let _fenced = builder.create_sender().unwrap();
    assert!(Tap::open(&observer, "fenced", TapStart::Next).is_ok());
    fault::leave_stores_unordered(true);
    let refused = Tap::open(&observer, "fenced", TapStart::Next).unwrap_err();
    fault::leave_stores_unordered(false);
    assert!(matches!(refused, TapError::Unordered), "{refused}");
}

/// Its correctness, and not only a wake-up, rests on the barrier: a publisher that misses a cursor overwrites
/// the messages it protects.
#[test]
fn no_process_joins_a_gated_channel_without_the_barrier() {
    private_namespace();
    in_thread(|| {
        let domain = Domain::open(&unique("no-membarrier")).unwrap();
        let messages = || broadcast::Builder::<u64>::new("messages").domain(&domain).gated().capacity(4);
        let frames = || broadcast::frames::Builder::new("frames").domain(&domain).gated().capacity(64);
        let mut of_messages = messages().create_sender().unwrap();
        let mut of_frames = frames().create_sender().unwrap();
        let watchers = (messages().open_observer().unwrap(), frames().open_observer().unwrap());
        forbid_membarrier();
        for _ in 0..3 {
            let answers = [messages().open_receiver().map(drop), frames().open_receiver().map(drop)];
            for answer in answers {
                assert!(
                    matches!(answer.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::System(error)) if error.to_string().contains("membarrier")),
                    "{answer:?}"
                );
            }
        }
        assert_eq!((watchers.0.counters().subscribers, watchers.1.counters().subscribers), (0, 0));
        // No cursor is in the way.
        for number in 0..20 {
            of_messages.try_push(number).unwrap();
            of_frames.try_push(&[7; 8]).unwrap();
        }
    });
}

/// The ring by itself: the seat may stay taken for a while.
#[test]
fn who_may_not_join_a_gated_ring_does_not_hold_up_its_publisher() {
    in_thread(|| {
        let region = Region::heap(Mapped::<u64>::geometry(4).unwrap().total_size());
        let memory = Mapped::<u64>::make(region, 4, Barrier::Asymmetric, Mode::Gated, 0).unwrap();
        let mut publisher = Publisher::attach(memory.clone()).unwrap();
        forbid_membarrier();
        let seat = seat::take(&memory, NonZeroU64::MIN).unwrap();
        let refused = Subscriber::join(memory, seat, Start::Oldest, Resume::Oldest, || true).map(drop);
        assert!(refused.unwrap_err().0.to_string().contains("membarrier"));
        for number in 0..20 {
            assert_eq!(publisher.try_publish(&number), Publish::Done);
        }
    });
}
