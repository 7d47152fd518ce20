//! Loans that wait: each way to give a block back ends the wait of one lender, and nothing is lost when
//! lenders give up or are interrupted.

mod common;

use std::time::{Duration, Instant};

use common::{private_namespace, unique, wait_for_a_sleeper, wait_for_sleepers};
use ipc_ring::broadcast::payloads;
use ipc_ring::pool::{Builder, Handle, Lender, Loan, LoanError, Pool, View};
use ipc_ring::wait::late;
use ipc_ring::{AttachErrorKind, Barrier, Domain, News, WaitSet, WaitSetError, WaitStrategy, Waitable, spsc};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);
/// Both schemes, and both ways to wait that sleep.
const WAYS: [(Barrier, WaitStrategy); 4] = [
    (Barrier::Fence, WaitStrategy::Sleep),
    (Barrier::Asymmetric, WaitStrategy::Sleep),
    (Barrier::Fence, WaitStrategy::DEFAULT),
    (Barrier::Asymmetric, WaitStrategy::DEFAULT),
];

fn pool(domain: &Domain) -> Builder {
    Builder::new("pool").domain(domain).class(64, 1)
}

fn handles(domain: &Domain) -> spsc::Builder<Handle> {
    spsc::Builder::new("handles").domain(domain).capacity(8)
}

/// A lender sleeps; what this does ends its wait.
fn a_lender_sleeps_until(
    what: &str,
    prepare: fn(&Domain, &Pool) -> Box<dyn FnOnce()>,
    (barrier, strategy): (Barrier, WaitStrategy),
) {
    let domain = Domain::open(&unique("lender")).unwrap();
    let pool = pool(&domain).barrier(barrier).create().unwrap();
    let give_back = prepare(&domain, &pool);
    let mut lender = Lender::with_strategy(&pool, strategy).unwrap();
    assert!(matches!(lender.try_loan(8), Err(LoanError::Exhausted { class: 0, size: 64, count: 1 })));
    let waiting = std::thread::spawn(move || lender.loan(8));
    wait_for_a_sleeper();
    give_back();
    let loan = waiting.join().unwrap().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(loan.len(), 8);
    assert!(pool.try_loan(8).is_err(), "{what}: one block was lent twice");
    drop(loan);
    assert_eq!(pool.stats().in_use(), 0, "{what}");
}

#[test]
fn each_way_to_give_a_block_back_ends_the_wait() {
    private_namespace();
    for way in WAYS {
        a_lender_sleeps_until(
            "a loan is dropped",
            |_, pool| {
                let held = pool.loan(8).unwrap();
                Box::new(move || drop(held))
            },
            way,
        );
        a_lender_sleeps_until(
            "a view is dropped",
            |domain, pool| {
                let mut producer = handles(domain).create_sender().unwrap();
                let mut consumer = handles(domain).open_receiver().unwrap();
                pool.loan(8).unwrap().send(&mut producer).unwrap();
                let view = pool.receive(&mut consumer).unwrap();
                Box::new(move || drop((view, producer, consumer)))
            },
            way,
        );
        a_lender_sleeps_until(
            "the last of two shared views is dropped",
            |_, pool| {
                let (view, handle) = pool.loan(8).unwrap().share();
                let other = pool.accept(&handle).unwrap();
                drop(view);
                Box::new(move || drop(other))
            },
            way,
        );
        a_lender_sleeps_until(
            "a publisher leaves",
            |_, pool| {
                let channel = payloads::Builder::new("payloads", pool).gated();
                let mut publisher = channel.create_sender().unwrap();
                let loan = publisher.loan(8).unwrap();
                publisher.push(loan).unwrap();
                Box::new(move || drop(publisher))
            },
            way,
        );
        a_lender_sleeps_until(
            "a channel goes with a payload in it",
            |domain, pool| {
                let mut producer = handles(domain).create_sender().unwrap();
                pool.loan(8).unwrap().send(&mut producer).unwrap();
                let pool = pool.clone();
                Box::new(move || {
                    drop(producer);
                    // By this process, or by the sleeper's own check.
                    assert!(pool.recover().unwrap().lost <= 1);
                })
            },
            way,
        );
        a_lender_sleeps_until(
            "a push panics",
            |_, pool| {
                let loan = pool.loan(8).unwrap();
                let route = ipc_ring::pool::Route::from_words(1, 2);
                Box::new(move || {
                    let push = |_| -> Result<(), ipc_ring::Forked> { panic!("on purpose") };
                    let send = std::panic::AssertUnwindSafe(|| loan.send_with(route, push));
                    assert!(std::panic::catch_unwind(send).is_err());
                })
            },
            way,
        );
    }
    assert_eq!(late::count(), 0);
}

#[test]
fn a_message_that_is_overwritten_ends_the_wait() {
    private_namespace();
    for (barrier, strategy) in WAYS {
        let domain = Domain::open(&unique("overwritten")).unwrap();
        let pool = Builder::new("pool").domain(&domain).class(64, 3).barrier(barrier).create().unwrap();
        let channel = payloads::Builder::new("payloads", &pool).lossy().capacity(1);
        let mut publisher = channel.create_sender().unwrap();
        let [first, second, third] = [(); 3].map(|()| publisher.loan(8).unwrap());
        publisher.push(first).unwrap();
        let mut lender = Lender::with_strategy(&pool, strategy).unwrap();
        let waiting = std::thread::spawn(move || lender.loan(8).unwrap());
        wait_for_a_sleeper();
        publisher.push(second).unwrap();
        let lent = waiting.join().unwrap();
        drop((lent, third));
    }
    assert_eq!(late::count(), 0);
}

#[test]
fn one_block_wakes_one_lender_and_all_have_their_turn() {
    private_namespace();
    for (barrier, strategy) in WAYS {
        let domain = Domain::open(&unique("turns")).unwrap();
        let pool = pool(&domain).barrier(barrier).create().unwrap();
        let held = pool.loan(8).unwrap();
        let lenders: Vec<_> = (0..5)
            .map(|_| {
                let mut lender = Lender::with_strategy(&pool, strategy).unwrap();
                std::thread::spawn(move || {
                    // Each gives it back to the next.
                    for _ in 0..20 {
                        drop(lender.loan(8).unwrap());
                    }
                })
            })
            .collect();
        wait_for_sleepers(5);
        drop(held);
        lenders.into_iter().for_each(|lender| lender.join().unwrap());
        assert_eq!(pool.stats().in_use(), 0);
    }
    assert_eq!(late::count(), 0);
}

#[test]
fn a_lender_waits_for_its_class_only() {
    private_namespace();
    let domain = Domain::open(&unique("classes")).unwrap();
    let pool = Builder::new("pool").domain(&domain).class(64, 1).class(128, 1).create().unwrap();
    let (small, large) = (pool.loan(8).unwrap(), pool.loan(100).unwrap());
    let mut lender = Lender::with_strategy(&pool, WaitStrategy::Sleep).unwrap();
    let waiting = std::thread::spawn(move || (lender.loan(100).unwrap().capacity(), lender));
    wait_for_a_sleeper();
    drop(small);
    drop(pool.loan(8).unwrap());
    assert!(!waiting.is_finished());
    drop(large);
    let (capacity, mut lender) = waiting.join().unwrap();
    assert_eq!(capacity, 128);
    assert_eq!(lender.loan(129).unwrap_err(), LoanError::TooLarge { len: 129, limit: 128 });
    assert_eq!(lender.expect_len(129).unwrap_err(), LoanError::TooLarge { len: 129, limit: 128 });
    assert_eq!(lender.loan(64).unwrap().capacity(), 64);
}

#[test]
fn a_wait_ends_by_its_deadline_and_passes_on_what_woke_it() {
    private_namespace();
    let domain = Domain::open(&unique("deadline")).unwrap();
    let pool = pool(&domain).create().unwrap();
    let held = pool.loan(8).unwrap();
    let mut lender = Lender::new(&pool).unwrap();
    let (began, patience) = (Instant::now(), Duration::from_millis(30));
    assert_eq!(lender.loan_timeout(8, patience).unwrap_err(), LoanError::TimedOut);
    assert!(began.elapsed() >= patience);
    assert_eq!(lender.loan_deadline(8, Instant::now()).unwrap_err(), LoanError::TimedOut);
    assert_eq!(pool.stats().classes[0].exhausted, 2);
    drop(held);
    drop(lender.loan_timeout(8, LONG).unwrap());
    // Many short waits beside a long one: none of them may keep the wake of a block to itself.
    let mut patient = Lender::with_strategy(&pool, WaitStrategy::Sleep).unwrap();
    let until = Instant::now() + Duration::from_secs(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let mut hasty = Lender::with_strategy(&pool, WaitStrategy::Sleep).unwrap();
            scope.spawn(move || {
                while Instant::now() < until {
                    match hasty.loan_timeout(8, Duration::from_micros(60)) {
                        Ok(loan) => drop(loan),
                        Err(error) => assert_eq!(error, LoanError::TimedOut),
                    }
                }
            });
        }
        while Instant::now() < until {
            drop(patient.loan(8).unwrap());
        }
    });
    assert_eq!(late::count(), 0);
}

#[test]
fn an_interrupter_ends_the_wait() {
    private_namespace();
    let domain = Domain::open(&unique("interrupted")).unwrap();
    let pool = pool(&domain).create().unwrap();
    let held = pool.loan(8).unwrap();
    for strategy in [WaitStrategy::Sleep, WaitStrategy::DEFAULT, WaitStrategy::Spin] {
        let mut lender = Lender::with_strategy(&pool, strategy).unwrap();
        let interrupter = lender.interrupter();
        let waiting = std::thread::spawn(move || (lender.loan(8).unwrap_err(), lender));
        std::thread::sleep(Duration::from_millis(5));
        interrupter.interrupt().unwrap();
        let (error, mut lender) = waiting.join().unwrap();
        assert_eq!(error, LoanError::Interrupted);
        assert_eq!(lender.loan_timeout(8, Duration::ZERO).unwrap_err(), LoanError::TimedOut);
    }
    drop(held);
}

#[test]
fn seats_of_lenders_are_limited_and_come_back() {
    private_namespace();
    let domain = Domain::open(&unique("seats")).unwrap();
    let pool = pool(&domain).create().unwrap();
    for _ in 0..2 {
        let mut lenders = Vec::new();
        let error = loop {
            match Lender::new(&pool) {
                Ok(lender) => lenders.push(lender),
                Err(error) => break error,
            }
        };
        assert!(matches!(error.kind(), AttachErrorKind::DomainFull { .. }), "{error}");
        assert!(lenders.len() <= ipc_ring::pool::MAX_LENDERS.into() && lenders.len() > 50, "{error}");
        // They share few bits: each is found below its own.
        let held = pool.loan(8).unwrap();
        let threads: Vec<_> = lenders
            .into_iter()
            .map(|mut lender| std::thread::spawn(move || drop(lender.loan(8).unwrap())))
            .collect();
        drop(held);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
    assert_eq!(late::count(), 0);
}

#[test]
fn a_set_waits_for_a_block() {
    private_namespace();
    for (barrier, strategy) in WAYS {
        let domain = Domain::open(&unique("set")).unwrap();
        let pool = Builder::new("pool")
            .domain(&domain)
            .class(64, 1)
            .class(128, 1)
            .barrier(barrier)
            .create()
            .unwrap();
        let (mut one, mut two) = (Lender::new(&pool).unwrap(), Lender::new(&pool).unwrap());
        let mut set = WaitSet::with_strategy(&domain, strategy).unwrap();
        let (small, large) = (pool.loan(8).unwrap(), pool.loan(100).unwrap());
        one.expect_len(100).unwrap();
        two.expect_len(8).unwrap();
        let soon = || Some(Instant::now() + Duration::from_millis(5));
        let ends: &mut [&mut dyn Waitable] = &mut [&mut one, &mut two];
        assert!(matches!(set.wait(ends, soon()), Err(WaitSetError::TimedOut)));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                wait_for_a_sleeper();
                drop(large);
            });
            let event = set.wait(ends, None).unwrap();
            assert_eq!((event.index, event.news), (0, News::Ready));
        });
        let large = one.try_loan(100).unwrap();
        // Both wait for the same class, and one block comes back: what woke the end that the set does not
        // return goes to another lender.
        two.expect_len(100).unwrap();
        let mut other = Lender::with_strategy(&pool, WaitStrategy::Sleep).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || drop(other.loan(100).unwrap()));
            scope.spawn(|| {
                wait_for_sleepers(2);
                drop(large);
            });
            for _ in 0..2 {
                let ends: &mut [&mut dyn Waitable] = &mut [&mut one, &mut two];
                let Ok(event) = set.wait(ends, Some(Instant::now() + LONG)) else { panic!("no event") };
                let lender = if event.index == 0 { &mut one } else { &mut two };
                drop(lender.try_loan(100));
            }
            waiting.join().unwrap();
        });
        drop(small);
    }
    assert_eq!(late::count(), 0);
}

/// Types that move to other threads, as the others do.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Lender>();
    is_send::<Loan>();
    is_send::<View>();
};
