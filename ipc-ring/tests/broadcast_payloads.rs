//! Payloads of a pool to many subscribers: which subscribers get them, which processes hold their blocks, and
//! what deaths leave behind.

mod common;

use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::broadcast::payloads::{Builder, Publisher, Subscriber};
use ipc_ring::broadcast::{self, Mode, PopError, Start};
use ipc_ring::platform::Site;
use ipc_ring::pool::{self, Handle, Loan, LoanError, Pool, ReceiveError, Refused, View};
use ipc_ring::{AttachError, AttachErrorKind, Domain, News, PeerExit, PushError, WaitSet, fault};

const SIZE: usize = 4096;

/// The pool: made with this number of blocks, or found when it is 0.
fn pool(domain: &Domain, blocks: u64) -> Pool {
    let builder = pool::Builder::new("blocks").domain(domain);
    if blocks == 0 { builder.open() } else { builder.class(SIZE, blocks).create() }.unwrap()
}

fn channel(pool: &Pool, mode: Mode) -> Builder {
    Builder::new("payloads", pool).capacity(4).mode(mode)
}

/// A pool of this number of blocks in a domain of its own, and both kinds of end.
fn ends(blocks: u64, mode: Mode) -> (Domain, Pool, Publisher, Subscriber) {
    private_namespace();
    let domain = Domain::open(&unique("payloads")).unwrap();
    let pool = pool(&domain, blocks);
    let publisher = channel(&pool, mode).create_sender().unwrap();
    let subscriber = channel(&pool, mode).open_receiver().unwrap();
    (domain, pool, publisher, subscriber)
}

fn publish(publisher: &mut Publisher, number: u64) {
    let mut loan = publisher.loan(SIZE).unwrap();
    fill(&mut loan, number);
    publisher.push(loan).unwrap();
}

fn fill(loan: &mut Loan, number: u64) {
    (0..loan.len()).step_by(8).for_each(|offset| loan.write(offset, &number.to_le_bytes()).unwrap());
}

/// The number that fills a payload.
fn number(view: &View) -> u64 {
    let bytes = view.to_vec().unwrap();
    let (first, _) = bytes.split_first_chunk::<8>().unwrap();
    assert!(bytes.chunks(8).all(|chunk| chunk == first), "torn: {:x?}", &bytes[..64]);
    u64::from_le_bytes(*first)
}

/// Everything that is there: the numbers received, and the count of those missed.
fn rest(subscriber: &mut Subscriber) -> (Vec<u64>, u64) {
    let (mut got, mut missed) = (Vec::new(), 0);
    loop {
        match subscriber.try_pop() {
            Ok(view) => got.push(number(&view)),
            Err(ReceiveError::Channel(PopError::Missed(some))) => missed += some.count,
            Err(ReceiveError::Channel(PopError::Empty | PopError::Closed | PopError::PeerGone(_))) => {
                return (got, missed);
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// Nothing is in use, and all blocks can be lent.
fn is_sound(pool: &Pool) {
    assert_eq!(pool.stats().in_use(), 0, "{}", pool.stats());
    let blocks = pool.classes()[0].1;
    let loans: Vec<_> = (0..blocks).map(|_| pool.try_loan(SIZE).expect("a block is lost")).collect();
    assert!(pool.try_loan(SIZE).is_err());
    drop(loans);
}

#[test]
fn every_subscriber_reads_the_same_block_in_place() {
    let (domain, pool, mut publisher, mut first) = ends(8, Mode::Gated);
    let other = pool::Builder::new("blocks").domain(&domain).open().unwrap();
    let mut second = channel(&other, Mode::Gated).open_receiver().unwrap();
    for round in 0..20 {
        publish(&mut publisher, round);
        let (one, two) = (first.pop().unwrap(), second.try_pop().unwrap());
        assert_eq!((number(&one), number(&two)), (round, round));
        assert!(one.is_shared());
        assert_eq!(one.len(), SIZE);
        // No process may write what others read.
        assert!(one.into_loan().is_err());
        assert!(pool.stats().in_use() <= 5, "one block for each place");
    }
    assert!(matches!(first.try_pop(), Err(ReceiveError::Channel(PopError::Empty))));
    assert!(matches!(
        first.pop_timeout(Duration::from_millis(1)),
        Err(ReceiveError::Channel(PopError::TimedOut))
    ));
    assert_eq!((publisher.pushed(), first.sequence(), first.behind()), (20, 20, 0));
    publisher.close();
    assert!(matches!(first.pop(), Err(ReceiveError::Channel(PopError::Closed))));
    // All have read everything, so nothing is retained.
    is_sound(&pool);
}

#[test]
fn a_view_outlives_its_place_in_the_channel_and_the_channel() {
    for mode in [Mode::Lossy, Mode::Gated] {
        let (_domain, pool, mut publisher, mut subscriber) = ends(7, mode);
        publish(&mut publisher, 100);
        let held = subscriber.pop().unwrap();
        for round in 0..50 {
            publish(&mut publisher, round);
            assert_eq!(number(&subscriber.pop().unwrap()), round);
            assert_eq!(number(&held), 100, "{mode}");
        }
        drop((publisher, subscriber));
        pool.recover().unwrap();
        assert_eq!(pool.stats().in_use(), 1);
        assert_eq!(number(&held), 100);
        drop(held);
        is_sound(&pool);
    }
}

#[test]
fn a_gated_publisher_waits_for_who_has_not_read() {
    let (_domain, pool, mut publisher, mut subscriber) = ends(8, Mode::Gated);
    for round in 0..4 {
        publish(&mut publisher, round);
    }
    let mut loan = publisher.loan(SIZE).unwrap();
    fill(&mut loan, 4);
    let refused = publisher.try_push(loan).unwrap_err();
    assert!(matches!(refused.error, PushError::Full(())));
    let refused = publisher.push_timeout(refused.loan, Duration::from_millis(1)).unwrap_err();
    assert!(matches!(refused.error, PushError::TimedOut(())));
    let reader = std::thread::spawn(move || {
        let got: Vec<u64> = (0..5).map(|_| number(&subscriber.pop().unwrap())).collect();
        (subscriber, got)
    });
    publisher.push(refused.loan).unwrap();
    let (subscriber, got) = reader.join().unwrap();
    assert_eq!(got, [0, 1, 2, 3, 4]);
    drop((publisher, subscriber));
    pool.recover().unwrap();
    is_sound(&pool);
}

#[test]
fn who_is_overrun_is_told_exactly_and_no_block_is_lost() {
    let (_domain, pool, mut publisher, mut slow) = ends(8, Mode::Lossy);
    let mut expected = 0;
    for burst in [3, 4, 5, 9, 40, 1] {
        for _ in 0..burst {
            publish(&mut publisher, expected);
            expected += 1;
        }
        let before = slow.sequence();
        let (got, missed) = rest(&mut slow);
        assert_eq!(before + got.len() as u64 + missed, expected);
        assert!(got.iter().copied().eq(expected - got.len() as u64..expected), "{got:?}");
        assert_eq!(missed > 0, burst > 4);
    }
    assert_eq!(publisher.pushed(), 62);
    drop((publisher, slow));
    assert_eq!(pool.recover().unwrap().lost, 4, "what was in the channel");
    is_sound(&pool);
}

/// A pool with fewer blocks than the channel has places.
#[test]
fn a_lossy_publisher_gives_up_old_payloads_for_want_of_blocks() {
    let (_domain, pool, mut publisher, mut subscriber) = ends(2, Mode::Lossy);
    for round in 0..10 {
        publish(&mut publisher, round);
    }
    let (got, missed) = rest(&mut subscriber);
    assert_eq!((got, missed), (vec![8, 9], 8));
    // A block that is being read cannot be reclaimed; the other one can.
    publish(&mut publisher, 10);
    let held = subscriber.pop().unwrap();
    for round in 11..20 {
        publish(&mut publisher, round);
    }
    assert_eq!(number(&held), 10);
    assert_eq!(rest(&mut subscriber), (vec![19], 8));
    let loan = publisher.loan(1).unwrap();
    assert!(matches!(publisher.loan(1), Err(LoanError::Exhausted { class: 0, count: 2, .. })));
    assert!(matches!(publisher.loan(SIZE + 1), Err(LoanError::TooLarge { .. })));
    drop((loan, held, publisher, subscriber));
    pool.recover().unwrap();
    is_sound(&pool);
}

/// As before, gated: the publisher reclaims the blocks that all have read, and no others.
#[test]
fn a_gated_publisher_takes_back_what_was_read_for_want_of_blocks() {
    let (_domain, pool, mut publisher, mut subscriber) = ends(2, Mode::Gated);
    publish(&mut publisher, 0);
    publish(&mut publisher, 1);
    assert!(matches!(publisher.loan(SIZE), Err(LoanError::Exhausted { .. })));
    drop(subscriber.pop().unwrap());
    publish(&mut publisher, 2);
    let held = subscriber.pop().unwrap();
    assert!(publisher.loan(SIZE).is_err(), "one is being read, one was not yet");
    assert_eq!(rest(&mut subscriber), (vec![2], 0));
    publish(&mut publisher, 3);
    assert_eq!(number(&held), 1);
    drop(held);
    assert_eq!(rest(&mut subscriber), (vec![3], 0));
    publisher.close();
    is_sound(&pool);
}

#[test]
fn a_successor_takes_over_the_blocks_that_are_in_the_channel() {
    for mode in [Mode::Lossy, Mode::Gated] {
        let (_domain, pool, mut publisher, mut subscriber) = ends(5, mode);
        for round in 0..4 {
            publish(&mut publisher, round);
        }
        publisher.detach();
        assert_eq!(number(&subscriber.pop().unwrap()), 0);
        let mut publisher = channel(&pool, mode).open_sender().unwrap();
        assert_eq!(publisher.pushed(), 4);
        for round in 4..24 {
            if mode == Mode::Gated {
                assert_eq!(number(&subscriber.pop().unwrap()), round - 3);
            }
            publish(&mut publisher, round);
        }
        let (got, missed) = rest(&mut subscriber);
        assert_eq!(got.last(), Some(&23));
        assert_eq!(missed, if mode == Mode::Gated { 0 } else { 23 - got.len() as u64 });
        drop((publisher, subscriber));
        pool.recover().unwrap();
        is_sound(&pool);
    }
}

#[test]
fn plain_ends_of_handles_and_other_pools_are_refused() {
    let (domain, pool, mut publisher, mut subscriber) = ends(4, Mode::Lossy);
    let plain = broadcast::Builder::<Handle>::new("payloads").domain(&domain);
    assert!(matches!(
        plain.open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::ElementType { .. })
    ));
    assert!(matches!(
        channel(&pool, Mode::Gated).open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Mode { .. })
    ));
    assert!(matches!(
        channel(&pool, Mode::Lossy).open_sender().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::EndTaken { .. })
    ));
    // A subscriber that has another pool open gets an error, and nothing worse.
    let other = pool::Builder::new("other").domain(&domain).class(64, 1).create().unwrap();
    let mut lost = channel(&other, Mode::Lossy).start(Start::Next).open_receiver().unwrap();
    publish(&mut publisher, 0);
    assert!(matches!(lost.try_pop(), Err(ReceiveError::Refused(Refused::OtherPool { .. }))));
    assert!(matches!(lost.try_pop(), Err(ReceiveError::Channel(PopError::Empty))));
    let wrong = other.loan(1).unwrap();
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| publisher.push(wrong).map_err(|_| ())));
    assert!(panicked.is_err());
    assert_eq!(other.stats().in_use(), 0);
    assert_eq!(rest(&mut subscriber), (vec![0], 0));
}

#[test]
fn subscribers_can_be_part_of_a_set() {
    let (domain, _pool, mut publisher, mut subscriber) = ends(4, Mode::Lossy);
    let mut set = WaitSet::new(&domain).unwrap();
    assert!(set.try_wait(&mut [&mut subscriber]).is_none());
    let other = std::thread::spawn(move || {
        publish(&mut publisher, 5);
        publisher
    });
    let event = set.wait(&mut [&mut subscriber], None).unwrap();
    assert_eq!((event.index, event.news), (0, News::Ready));
    assert_eq!(number(&subscriber.pop().unwrap()), 5);
    other.join().unwrap().close();
    let event = set.wait(&mut [&mut subscriber], None).unwrap();
    assert_eq!(event.news, News::Ended, "the last word");
    assert!(matches!(subscriber.try_pop(), Err(ReceiveError::Channel(PopError::Closed))));
}

fn site(name: &str) -> Site {
    *Site::ALL.iter().find(|site| format!("{site:?}") == name).unwrap()
}

/// The children's half.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let role: Vec<&str> = role.iter().map(String::as_str).collect();
    let [what, domain, mode, place, after] = role[..] else { panic!("{role:?}") };
    let domain = Domain::open(domain).unwrap();
    let pool = pool(&domain, 0);
    let mode = if mode == "lossy" { Mode::Lossy } else { Mode::Gated };
    let channel = channel(&pool, mode);
    match what {
        "publish" => {
            let mut publisher = channel.open_sender().unwrap();
            fault::arm(site(place), after.parse().unwrap());
            for number in publisher.pushed().. {
                publish(&mut publisher, number);
            }
        }
        "pop" => {
            let mut subscriber = channel.open_receiver().unwrap();
            say("here");
            fault::arm(site(place), after.parse().unwrap());
            loop {
                match subscriber.pop() {
                    Ok(view) => assert!(number(&view) < u64::MAX),
                    Err(ReceiveError::Channel(PopError::Missed(_))) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
        "hold" => {
            let mut subscriber = channel.open_receiver().unwrap();
            let _held = [subscriber.pop().unwrap(), subscriber.pop().unwrap()];
            say("holding");
            listen();
        }
        other => panic!("no such role: {other}"),
    }
    unreachable!("it was to be killed at {place}");
}

fn start(what: &str, domain: &str, mode: Mode, place: Site, after: u64) -> Role {
    Role::start(what, &[domain, &mode.to_string(), &format!("{place:?}"), &after.to_string()])
}

/// Where a publisher can be killed.
const PUBLISHING: [Site; 8] = [
    Site::PoolLoaned,
    Site::PoolJoined,
    Site::BroadcastWritten,
    Site::BroadcastPublished,
    Site::PoolPushed,
    Site::PoolPublished,
    Site::BroadcastRaised,
    Site::PoolWithdrawn,
];

#[test]
fn a_publisher_dies_at_each_place_and_nothing_is_lost() {
    private_namespace();
    let before = kernel_objects();
    for place in PUBLISHING {
        for after in 0..3 {
            let name = unique("dying");
            {
                let domain = Domain::open(&name).unwrap();
                let pool = pool(&domain, 8);
                let mut subscriber = channel(&pool, Mode::Lossy).create_receiver().unwrap();
                start("publish", &name, Mode::Lossy, place, after).wait_killed();
                let case = format!("{place:?} after {after}");
                let (mut got, mut missed, mut refused) = (Vec::new(), 0, 0);
                let mut all = |subscriber: &mut Subscriber| loop {
                    match subscriber.pop() {
                        Ok(view) => got.push(number(&view)),
                        Err(ReceiveError::Channel(PopError::Missed(some))) => missed += some.count,
                        // A payload whose publisher died before the channel had it.
                        Err(ReceiveError::Refused(Refused::Stale { .. })) => refused += 1,
                        Err(ReceiveError::Channel(PopError::PeerGone(PeerExit::Died { .. }))) => break,
                        Err(ReceiveError::Channel(PopError::Closed)) => break,
                        Err(other) => panic!("{case}: {other}"),
                    }
                };
                pool.recover().unwrap();
                all(&mut subscriber);
                // The dead one's payloads stay readable for a second one that comes now.
                let mut publisher = channel(&pool, Mode::Lossy).open_sender().unwrap();
                for _ in 0..9 {
                    let next = publisher.pushed();
                    publish(&mut publisher, next);
                }
                let published = publisher.pushed();
                publisher.close();
                all(&mut subscriber);
                assert_eq!(got.len() as u64 + missed + refused, published, "{case}: {got:?}");
                assert!(got.is_sorted() && refused <= 1, "{case}: {got:?}, {refused} refused");
                assert_eq!(
                    refused,
                    u64::from(matches!(place, Site::BroadcastPublished | Site::PoolPushed)),
                    "{case}"
                );
                drop(subscriber);
                pool.recover().unwrap();
                is_sound(&pool);
            }
        }
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn a_subscriber_dies_at_each_place_and_its_blocks_come_back() {
    private_namespace();
    let before = kernel_objects();
    for mode in [Mode::Lossy, Mode::Gated] {
        for place in [Site::PoolJoined, Site::BroadcastRead, Site::BroadcastConsumed, Site::PoolReleased] {
            let name = unique("dying");
            {
                let domain = Domain::open(&name).unwrap();
                let pool = pool(&domain, 6);
                let mut publisher = channel(&pool, mode).create_sender().unwrap();
                let mut other = channel(&pool, mode).open_receiver().unwrap();
                let mut victim = start("pop", &name, mode, place, 2);
                assert_eq!(victim.hear(), "here");
                // Until it is dead, and then some: the pool is small enough to need what it held.
                let (mut next, mut more) = (0, 20);
                while more > 0 {
                    more -= u64::from(victim.has_ended());
                    publish(&mut publisher, next);
                    assert_eq!(number(&other.pop().unwrap()), next);
                    next += 1;
                }
                victim.wait_killed();
                publisher.close();
                assert_eq!(rest(&mut other), (Vec::new(), 0));
                drop(other);
                pool.recover().unwrap();
                is_sound(&pool);
            }
        }
    }
    assert_eq!(kernel_objects(), before);
}

/// A subscriber that is killed while it reads loses its share, and only that: another one continues to read.
#[test]
fn a_reader_that_is_killed_takes_nothing_from_the_others() {
    private_namespace();
    let before = kernel_objects();
    for mode in [Mode::Lossy, Mode::Gated] {
        let name = unique("reader");
        {
            let domain = Domain::open(&name).unwrap();
            let pool = pool(&domain, 6);
            let mut publisher = channel(&pool, mode).create_sender().unwrap();
            let mut other = channel(&pool, mode).open_receiver().unwrap();
            publish(&mut publisher, 0);
            publish(&mut publisher, 1);
            let mut victim = start("hold", &name, mode, Site::PoolJoined, 0);
            assert_eq!(victim.hear(), "holding");
            let first = other.pop().unwrap();
            for round in 2..6 {
                assert_eq!(number(&other.pop().unwrap()), round - 1);
                publish(&mut publisher, round);
            }
            // Four places, and the two that are held.
            assert_eq!(pool.stats().in_use(), 6);
            assert!(pool.try_loan(SIZE).is_err());
            victim.kill();
            let report = pool.recover().unwrap();
            assert_eq!((report.seats, report.blocks), (1, 2));
            assert_eq!(pool.stats().in_use(), 5, "the other one still reads");
            assert_eq!(number(&first), 0);
            drop((first, other, publisher));
            pool.recover().unwrap();
            is_sound(&pool);
        }
    }
    assert_eq!(kernel_objects(), before);
}
