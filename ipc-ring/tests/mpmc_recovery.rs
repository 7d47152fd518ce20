//! Deaths in the many-to-many ring: an end or a recoverer stops permanently at each named place, others
//! continue, the books balance, and every slot and seat is recovered.

mod mpmc_common;

use std::cell::Cell;
use std::thread;

use ipc_ring::memory::Ring as _;
use ipc_ring::platform::Site;
use ipc_ring::ring::mpmc::recovery::{Repair, recover, repair, sweep};
use ipc_ring::ring::mpmc::{Counter, Nothing, Refused, Seat, close};
use mpmc_common::{Heap, dies_at, watchdog};

/// Everything that can be popped now.
fn drain(ring: &Heap) -> Vec<u64> {
    let mut consumer = ring.consumer();
    let mut all = Vec::new();
    loop {
        match consumer.try_pop() {
            Ok(popped) => all.push(popped.item),
            Err(Nothing::Empty) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    consumer.detach();
    all
}

/// The ring is as good as new: two laps go through it, and it is exactly empty and exactly full.
fn is_sound(ring: &Heap) {
    assert_eq!(ring.recover().slots, 0, "everything was repaired before");
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    for _ in 0..2 {
        assert_eq!(consumer.try_pop(), Err(Nothing::Empty));
        for value in 0..ring.capacity() {
            producer.try_push(&value).unwrap();
        }
        assert_eq!(producer.try_push(&0), Err(Refused::Full));
        for value in 0..ring.capacity() {
            let popped = consumer.try_pop().unwrap();
            assert_eq!((popped.item, popped.attempt), (value, 0));
        }
    }
    producer.detach();
    consumer.detach();
    assert_eq!(ring.seats_taken(), 0);
}

#[test]
fn a_producer_dies_at_each_place() {
    for capacity in [1, 2, 4] {
        for (site, arrives) in [
            (Site::MpmcClaimed, false),
            (Site::MpmcWritten, false),
            (Site::MpmcPublished, true),
            (Site::MpmcPushed, true),
        ] {
            for visit in 0..capacity as u32 {
                let ring = Heap::new(capacity);
                let victim = ring.identity();
                let mut producer = ring.producer_of(victim);
                assert!(dies_at(site, visit, || {
                    for value in 0..capacity {
                        producer.try_push(&value).unwrap();
                    }
                }));
                ring.die(victim);
                // A live competitor fills what is left.
                let mut other = ring.producer();
                let mut expected: Vec<u64> = (0..u64::from(visit) + u64::from(arrives)).collect();
                while other.try_push(&99).is_ok() {
                    expected.push(99);
                }
                let report = ring.recover();
                assert_eq!((report.seats, report.slots), (1, u64::from(!arrives)), "{site:?} {visit}");
                assert_eq!(ring.count(Counter::Voided), u64::from(!arrives));
                other.detach();
                assert_eq!(drain(&ring), expected, "{site:?} {visit}");
                is_sound(&ring);
            }
        }
    }
}

#[test]
fn a_consumer_dies_at_each_place() {
    for capacity in [1, 2, 4] {
        for (site, comes_back) in [
            (Site::MpmcTaken, true),
            (Site::MpmcCopied, true),
            (Site::MpmcReleased, false),
            (Site::MpmcPopped, false),
        ] {
            for visit in 0..capacity {
                let ring = Heap::new(capacity);
                let mut producer = ring.producer();
                for value in 0..capacity {
                    producer.try_push(&value).unwrap();
                }
                let mut other = ring.consumer();
                let victim = ring.identity();
                let mut consumer = ring.consumer_of(victim);
                assert!(dies_at(site, visit as u32, || {
                    for _ in 0..capacity {
                        consumer.try_pop().unwrap();
                    }
                }));
                ring.die(victim);
                // A live competitor takes the rest, and has looked past the victim's slot.
                let mut expected: Vec<u64> = (visit + 1..capacity).collect();
                for value in &expected {
                    assert_eq!(other.try_pop().unwrap().item, *value);
                }
                assert_eq!(other.try_pop(), Err(Nothing::Empty));
                let report = ring.recover();
                assert_eq!((report.seats, report.slots), (1, u64::from(comes_back)), "{site:?} {visit}");
                if comes_back {
                    let popped = other.try_pop().unwrap();
                    assert_eq!((popped.item, popped.attempt), (visit, 1));
                    expected.push(visit);
                }
                assert_eq!(other.try_pop(), Err(Nothing::Empty));
                producer.detach();
                other.detach();
                is_sound(&ring);
            }
        }
    }
}

#[test]
fn a_taker_of_an_orphan_dies_too() {
    for site in [Site::MpmcOrphanTaken, Site::MpmcCopied] {
        let ring = Heap::new(2);
        let mut producer = ring.producer();
        producer.try_push(&5).unwrap();
        producer.detach();
        for death in 0..40 {
            let victim = ring.identity();
            let mut consumer = ring.consumer_of(victim);
            let first = if death == 0 { Site::MpmcTaken } else { site };
            assert!(dies_at(first, 0, || assert_eq!(consumer.try_pop().unwrap().item, 5)));
            ring.die(victim);
            assert_eq!(ring.recover().slots, 1);
        }
        let mut consumer = ring.consumer();
        let popped = consumer.try_pop().unwrap();
        // No user code ran, so it is not a dead letter, however many died.
        assert_eq!((popped.item, popped.attempt), (5, 40 % 16));
        assert_eq!(ring.count(Counter::Orphaned), 40);
        assert_eq!(ring.count(Counter::DeadLetters), 0);
        consumer.detach();
        is_sound(&ring);
    }
}

#[test]
fn an_element_that_kills_its_readers_becomes_a_dead_letter() {
    let ring = Heap::with(2, 16, 46, 3);
    let mut producer = ring.producer();
    producer.try_push(&5).unwrap();
    producer.try_push(&6).unwrap();
    for attempt in 0..3 {
        let victim = ring.identity();
        let mut consumer = ring.consumer_of(victim);
        let lent = consumer.try_lend().unwrap();
        assert_eq!((lent.read(), lent.attempt()), (5, attempt));
        std::mem::forget(lent); // Dies inside the user's code.
        ring.die(victim);
        assert_eq!(ring.recover().slots, 1);
    }
    assert_eq!(ring.count(Counter::DeadLetters), 1);
    assert_eq!(ring.count(Counter::Orphaned), 2);
    // The slot is free for producers at once, before any consumer has passed.
    producer.try_push(&7).unwrap();
    assert_eq!(producer.try_push(&8), Err(Refused::Full));
    producer.detach();
    assert_eq!(drain(&ring), [6, 7]);
    is_sound(&ring);
}

#[test]
fn a_dead_letter_behind_all_ends_is_passed_over() {
    let ring = Heap::with(1, 16, 46, 1);
    let (mut producer, mut other) = (ring.producer(), ring.consumer());
    for value in 0..3 {
        producer.try_push(&value).unwrap();
        let victim = ring.identity();
        std::mem::forget(ring.consumer_of(victim).try_lend().unwrap());
        ring.die(victim);
        assert_eq!(other.try_pop(), Err(Nothing::Empty));
        assert_eq!(ring.recover().slots, 1);
        assert_eq!(other.try_pop(), Err(Nothing::Empty));
    }
    assert_eq!(ring.count(Counter::DeadLetters), 3);
    producer.detach();
    other.detach();
    is_sound(&ring);
}

#[test]
fn any_end_that_meets_a_dead_slot_repairs_it() {
    let ring = Heap::new(2);
    let dead_producer = ring.identity();
    std::mem::forget(ring.producer_of(dead_producer).try_claim().unwrap());
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    producer.try_push(&1).unwrap();
    let Err(Nothing::Busy(holder)) = consumer.try_pop() else { panic!("its owner has not committed") };
    let alive = repair(&ring, &holder, |identity| ring.is_alive(identity));
    assert_eq!(alive, Repair::Alive { identity: dead_producer.get() });
    ring.die(dead_producer);
    let repaired = repair(&ring, &holder, |identity| ring.is_alive(identity));
    assert_eq!(repaired, Repair::Repaired { identity: dead_producer.get() });
    assert_eq!(repair(&ring, &holder, |identity| ring.is_alive(identity)), Repair::Moved);
    assert_eq!(consumer.try_pop().unwrap().item, 1);

    producer.try_push(&2).unwrap();
    let dead_consumer = ring.identity();
    std::mem::forget(ring.consumer_of(dead_consumer).try_lend().unwrap());
    ring.die(dead_consumer);
    producer.try_push(&3).unwrap();
    let Err(Refused::Busy(holder)) = producer.try_push(&4) else { panic!("a consumer reads there") };
    assert!(matches!(repair(&ring, &holder, |identity| ring.is_alive(identity)), Repair::Repaired { .. }));
    assert_eq!(producer.try_push(&4), Err(Refused::Full));
    assert_eq!(consumer.try_pop().map(|popped| (popped.item, popped.attempt)), Ok((2, 1)));
    assert_eq!(consumer.try_pop().map(|popped| (popped.item, popped.attempt)), Ok((3, 0)));
    assert_eq!(consumer.try_pop(), Err(Nothing::Empty));
    assert_eq!(ring.recover().seats, 2);
    producer.detach();
    consumer.detach();
    is_sound(&ring);
}

#[test]
fn a_recoverer_dies_at_each_place_and_another_goes_on() {
    for site in [Site::MpmcRepaired, Site::MpmcSwept, Site::MpmcOrphansPublished] {
        for visit in 0..2 {
            if site != Site::MpmcRepaired && visit > 0 {
                continue; // One seat only.
            }
            let ring = Heap::new(4);
            let mut producer = ring.producer();
            for value in 0..3 {
                producer.try_push(&value).unwrap();
            }
            // One process with two ends dies holding a slot with each; the recoverer has a seat itself.
            let victim = ring.identity();
            std::mem::forget(ring.producer_of(victim).try_claim().unwrap());
            let mut consumer = ring.consumer_of(victim);
            std::mem::forget(consumer.try_lend().unwrap());
            ring.die(victim);
            let mut other = ring.consumer();
            assert_eq!(other.try_pop().unwrap().item, 1);
            let recoverer = ring.identity();
            let seat = Seat::take(&ring, recoverer).unwrap();
            assert!(dies_at(site, visit, || {
                ring.recover();
            }));
            ring.die(recoverer);
            drop(seat);
            ring.recover();
            assert_eq!(ring.seats_taken(), 2, "{site:?} {visit}");
            let mut rest = Vec::new();
            while let Ok(popped) = other.try_pop() {
                rest.push((popped.item, popped.attempt));
            }
            rest.sort_unstable();
            assert_eq!(rest, [(0, 1), (2, 0)], "{site:?} {visit}");
            producer.detach();
            other.detach();
            is_sound(&ring);
        }
    }
}

#[test]
fn a_late_recoverer_does_not_touch_the_next_holder_of_the_number() {
    let ring = Heap::new(2);
    let dead = ring.identity();
    std::mem::forget(ring.producer_of(dead).try_claim().unwrap());
    ring.die(dead);
    let (number, met) = {
        let mut consumer = ring.consumer();
        let Err(Nothing::Busy(holder)) = consumer.try_pop() else { panic!("not committed") };
        consumer.detach();
        (holder.endpoint, holder)
    };
    assert_eq!(ring.recover().seats, 1);
    let mut next = ring.producer();
    assert_eq!(next.seat().number(), number);
    // A lap later the next holder has the same slot; and with another lap bit pattern.
    next.try_push(&1).unwrap();
    let mut consumer = ring.consumer();
    assert_eq!(consumer.try_pop().unwrap().item, 1);
    let mut claim = next.try_claim().unwrap();
    assert_eq!(sweep(&ring, number, dead.get()), (0, false));
    assert_eq!(repair(&ring, &met, |identity| ring.is_alive(identity) && identity != dead.get()), {
        Repair::Alive { identity: 3 }
    });
    claim.write(&2);
    claim.commit();
    assert_eq!(consumer.try_pop().unwrap().item, 2);
    next.detach();
    consumer.detach();
    is_sound(&ring);
}

#[test]
fn a_seat_without_an_end_is_freed() {
    let ring = Heap::new(2);
    let victim = ring.identity();
    assert!(dies_at(Site::MpmcSeated, 0, || drop(ring.producer_of(victim))));
    assert_eq!(ring.seats_taken(), 1);
    assert_eq!(recover(&ring, |_| true).seats, 0);
    ring.die(victim);
    assert_eq!(ring.recover().seats, 1);
    is_sound(&ring);
}

#[test]
fn an_end_that_closes_or_skips_may_die() {
    let ring = Heap::new(2);
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    drop(producer.try_claim().unwrap());
    let victim = ring.identity();
    let mut skipper = ring.consumer_of(victim);
    assert!(dies_at(Site::MpmcSkipped, 0, || {
        let _ = skipper.try_pop();
    }));
    ring.die(victim);
    producer.try_push(&1).unwrap();
    assert!(dies_at(Site::MpmcCloseSet, 0, || close(&ring)));
    assert_eq!(consumer.try_pop().unwrap().item, 1);
    assert_eq!(consumer.try_pop(), Err(Nothing::Closed));
}

#[test]
fn an_orphan_is_delivered_before_and_even_after_the_end() {
    let ring = Heap::new(4);
    let mut producer = ring.producer();
    producer.try_push(&1).unwrap();
    let (first, second) = (ring.identity(), ring.identity());
    std::mem::forget(ring.consumer_of(first).try_lend().unwrap());
    let mut consumer = ring.consumer();
    close(&ring);
    assert_eq!(consumer.try_pop(), Err(Nothing::Closed));
    ring.die(first);
    ring.recover();
    let mut victim = ring.consumer_of(second);
    std::mem::forget(victim.try_lend().unwrap());
    ring.die(second);
    assert_eq!(consumer.try_pop(), Err(Nothing::Closed));
    ring.recover();
    assert_eq!(consumer.try_pop().map(|popped| (popped.item, popped.attempt)), Ok((1, 2)));
    assert_eq!(consumer.try_pop(), Err(Nothing::Closed));
}

/// Ends die at random places for a while, next to live ones and recoverers; in the end every element that was
/// committed was popped once.
#[test]
fn a_storm_of_deaths() {
    watchdog();
    const SITES: [Site; 8] = [
        Site::MpmcClaimed,
        Site::MpmcWritten,
        Site::MpmcPublished,
        Site::MpmcTaken,
        Site::MpmcOrphanTaken,
        Site::MpmcCopied,
        Site::MpmcReleased,
        Site::MpmcRepaired,
    ];
    const LIVES: u64 = 400;
    for capacity in [1, 8] {
        let ring = Heap::with(capacity, 16, 46, 15);
        // What each life committed and took, as it would know from outside; the element under way at a death
        // is unknown.
        let (mut pushed, mut popped, mut unsure) = (Vec::new(), Vec::new(), Vec::new());
        let results: Vec<_> = thread::scope(|scope| {
            let workers: Vec<_> = (0..4u64)
                .map(|worker| {
                    let ring = &ring;
                    scope.spawn(move || {
                        let (mut pushed, mut popped, mut unsure) = (Vec::new(), Vec::new(), Vec::new());
                        let mut delivered = 0;
                        for life in 0..LIVES {
                            let seed = worker * 7919 + life * 104_729;
                            let site = SITES[(seed % 8) as usize];
                            let identity = ring.identity();
                            let (mut producer, mut consumer) =
                                (ring.producer_of(identity), ring.consumer_of(identity));
                            let pushing = Cell::new(None);
                            let died = dies_at(site, (seed / 8 % 5) as u32, || {
                                for step in 0..12 {
                                    let value = worker << 32 | life << 8 | step;
                                    pushing.set(Some(value));
                                    if producer.try_push(&value).is_ok() {
                                        pushed.push(value);
                                    }
                                    pushing.set(None);
                                    if let Ok(element) = consumer.try_pop() {
                                        popped.push(element.item);
                                    }
                                    if step % 4 == 0 {
                                        ring.recover();
                                    }
                                }
                            });
                            if died {
                                unsure.extend(pushing.get());
                                delivered += u64::from(site == Site::MpmcReleased);
                                ring.die(identity);
                            } else {
                                producer.detach();
                                consumer.detach();
                            }
                        }
                        (pushed, popped, unsure, delivered)
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        let mut delivered = 0;
        for (a, b, c, d) in results {
            delivered += d;
            pushed.extend(a);
            popped.extend(b);
            unsure.extend(c);
        }
        while ring.recover().seats > 0 {}
        popped.extend(drain(&ring));
        pushed.sort_unstable();
        popped.sort_unstable();
        unsure.sort_unstable();
        assert!(popped.windows(2).all(|pair| pair[0] != pair[1]), "an element was doubled");
        assert!(
            popped
                .iter()
                .all(|value| { pushed.binary_search(value).is_ok() || unsure.binary_search(value).is_ok() })
        );
        // A consumer that dies after the release dies with its element; all others are accounted for.
        let lost = pushed.iter().filter(|value| popped.binary_search(value).is_err()).count() as u64;
        assert!(lost <= delivered, "{lost} lost, {delivered} died with theirs");
        assert!(pushed.len() > 1000, "something happened");
        assert!(ring.count(Counter::Voided) > 0 && ring.count(Counter::Orphaned) > 0);
        is_sound(&ring);
    }
}
