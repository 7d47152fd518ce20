//! Named pools: what they lend, send, share and refuse, and their errors.

mod common;

use std::io::{self, Read, Write};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::pool::{AccessError, Builder, Handle, LoanError, Pool, ReceiveError, Refused, Stats};
use ipc_ring::{AttachError, AttachErrorKind, Domain, PushError, broadcast, mpmc, spsc};

/// A domain of this test's own, and a builder of a pool in it.
fn domain() -> Domain {
    private_namespace();
    Domain::open(&unique("pool")).unwrap()
}

fn ring(domain: &Domain) -> (spsc::Producer<Handle>, spsc::Consumer<Handle>) {
    let builder = spsc::Builder::<Handle>::new("handles").domain(domain).capacity(8);
    (builder.create_sender().unwrap(), builder.open_receiver().unwrap())
}

fn free(pool: &Pool) -> bool {
    pool.stats().in_use() == 0
}

#[test]
fn a_payload_is_written_sent_read_in_place_and_given_back() {
    let domain = domain();
    let pool = Builder::new("frames").domain(&domain).class(100, 2).class(1 << 20, 1).create_new().unwrap();
    let reader = Builder::new("frames").domain(&domain).open().unwrap();
    assert_eq!(reader.classes(), [(128, 2), (1 << 20, 1)]);
    let (mut producer, mut consumer) = ring(&domain);
    for round in 0..100u8 {
        for len in [0, 1, 100, 128, 129, 1 << 20] {
            let mut loan = pool.loan(len).unwrap();
            assert_eq!((loan.len(), loan.as_ptr().addr() % 64), (len, 0));
            loan.fill(round).unwrap();
            loan.send(&mut producer).unwrap();
            let view = reader.receive(&mut consumer).unwrap();
            assert_eq!(view.len(), len);
            assert!(view.to_vec().unwrap().iter().all(|byte| *byte == round));
            assert!(!view.is_shared());
            assert_eq!(pool.stats().in_use(), 1);
        }
    }
    assert!(free(&pool));
    let stats = Stats::read_in(&domain, "frames").unwrap();
    assert_eq!(stats, pool.stats());
    assert_eq!(stats.classes[0].loans + stats.classes[1].loans, 600);
    assert!(stats.to_string().lines().count() == 3, "{stats}");
}

#[test]
fn exhaustion_and_sizes_are_answers() {
    let domain = domain();
    let pool = Builder::new("small").domain(&domain).class(64, 2).class(256, 1).create().unwrap();
    let held = [pool.loan(64).unwrap(), pool.try_loan(1).unwrap()];
    let exhausted = LoanError::Exhausted { class: 0, size: 64, count: 2 };
    assert_eq!(pool.loan(10).unwrap_err(), exhausted);
    assert_eq!(pool.try_loan(10).unwrap_err(), exhausted);
    assert_eq!(pool.loan(257).unwrap_err(), LoanError::TooLarge { len: 257, limit: 256 });
    assert_eq!(pool.largest(), 256);
    let large = pool.loan(65).unwrap();
    let classes = pool.stats().classes;
    assert_eq!((classes[0].exhausted, classes[0].in_use, classes[0].high_water), (2, 2, 2));
    assert_eq!((classes[1].exhausted, classes[1].loaned, classes[1].high_water), (0, 1, 1));
    drop((held, large));
    assert!(free(&pool));
    assert!(pool.loan(10).is_ok());
}

#[test]
fn a_pool_uses_no_more_blocks_than_are_needed() {
    let domain = domain();
    let pool = Builder::new("many").domain(&domain).class(64, 1000).create().unwrap();
    for _ in 0..10 {
        let held: Vec<_> = (0..7).map(|_| pool.loan(8).unwrap()).collect();
        drop(held);
    }
    assert_eq!(pool.stats().classes[0].high_water, 7);
    assert_eq!(pool.stats().classes[0].loans, 70);
}

/// Makes a pool, and waits for its end.
fn owner(domain: &str) {
    let _pool = Builder::new("short").domain(&Domain::open(domain).unwrap()).class(64, 1).create().unwrap();
    say("here");
    listen();
}

#[test]
fn a_pool_whose_owner_is_killed_while_it_is_looked_at_is_not_found() {
    let domain = domain();
    let mut looks = 0;
    for _ in 0..30 {
        let mut owner = Role::start("owner", &[domain.name()]);
        owner.hear();
        kill(Pid::from_raw(owner.pid() as i32), Signal::SIGKILL).unwrap();
        loop {
            match Stats::read_in(&domain, "short") {
                Ok(_) => looks += 1,
                Err(error) => {
                    assert!(matches!(error.kind(), AttachErrorKind::NotFound), "{error}");
                    break;
                }
            }
        }
        owner.kill_or_finish();
    }
    eprintln!("{looks} looks at pools whose owner was being killed");
}

#[test]
fn a_loan_that_is_not_sent_comes_back_to_its_owner() {
    let domain = domain();
    let pool = Builder::new("pool").domain(&domain).class(64, 1).create().unwrap();
    let (producer, consumer) = ring(&domain);
    let mut leaked = None;
    let mut loan = pool.loan(4).unwrap();
    loan.write_at(0, b"kept").unwrap();
    let failed = loan.send_with(producer.route(), |handle| {
        leaked = Some(handle);
        Err(PushError::Full(()))
    });
    let back = failed.unwrap_err();
    assert!(matches!(back.error, PushError::Full(())));
    assert_eq!(back.loan.to_vec().unwrap(), b"kept");
    // The handle that got out is invalid.
    let leaked = leaked.unwrap();
    assert!(matches!(pool.accept(&leaked), Err(Refused::Stale { .. })));
    // A closed channel returns the loan, too.
    consumer.close();
    let mut producer = producer;
    let back = back.loan.send(&mut producer).unwrap_err();
    assert!(matches!(back.error, spsc::PushError::Closed(_)));
    assert_eq!(back.loan.to_vec().unwrap(), b"kept");
    drop(back);
    assert!(free(&pool));
    // So does a push that panics, but the block is freed.
    let loan = pool.loan(4).unwrap();
    let route = producer.route();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        loan.send_with(route, |_| -> Result<(), PushError<()>> { panic!("in the push") })
    }));
    assert!(panicked.is_err());
    assert!(free(&pool));
}

#[test]
fn forged_stale_and_doubled_handles_are_refused() {
    let domain = domain();
    let pool = Builder::new("one").domain(&domain).class(64, 2).create().unwrap();
    let other = Builder::new("two").domain(&domain).class(64, 2).create().unwrap();
    let (mut producer, mut consumer) = ring(&domain);
    pool.loan(8).unwrap().send(&mut producer).unwrap();
    let (handle, view) = consumer.pop_with(|message| (message.read(), pool.accept(&message.read()))).unwrap();
    let view = view.unwrap();
    assert!(matches!(pool.accept(&handle), Err(Refused::Doubled { .. })));
    assert!(matches!(other.accept(&handle), Err(Refused::OtherPool { .. })));
    drop(view);
    assert!(matches!(pool.accept(&handle), Err(Refused::Stale { .. })));
    // Forgeries: the words of a handle are pool, generation and class, index and length.
    let forged = |change: &dyn Fn(&mut [u32; 6])| {
        let mut words: [u32; 6] = zerocopy::transmute!(handle);
        change(&mut words);
        pool.accept(&zerocopy::transmute!(words)).map(drop).unwrap_err()
    };
    assert!(matches!(forged(&|words| words[0] ^= 1), Refused::OtherPool { .. }));
    assert!(matches!(forged(&|words| words[2] += 1), Refused::NotSent), "that generation is free");
    assert!(matches!(forged(&|words| words[2] |= 1 << 31), Refused::Stale { .. }));
    assert!(matches!(forged(&|words| words[3] = 1), Refused::NoSuchBlock { class: 1, .. }));
    assert!(matches!(forged(&|words| words[3] = u32::MAX), Refused::NoSuchBlock { .. }));
    assert!(matches!(forged(&|words| words[4] = 2), Refused::NoSuchBlock { index: 2, .. }));
    assert!(matches!(forged(&|words| words[4] = u32::MAX), Refused::NoSuchBlock { .. }));
    assert!(matches!(forged(&|words| words[5] = 65), Refused::TooLong { len: 65, limit: 64 }));
    let loan = pool.loan(8).unwrap();
    assert!(matches!(forged(&|words| [words[2], words[4]] = [0, 1]), Refused::NotSent));
    drop(loan);
    assert_eq!(pool.stats().classes[0].refused, 11);
    // A handle that is refused does not stop its channel.
    producer.push(handle).unwrap();
    pool.loan(8).unwrap().send(&mut producer).unwrap();
    assert!(matches!(pool.receive(&mut consumer), Err(ReceiveError::Refused(Refused::Stale { .. }))));
    assert_eq!(pool.receive(&mut consumer).unwrap().len(), 8);
    assert!(matches!(pool.try_receive(&mut consumer), Err(ReceiveError::Channel(spsc::PopError::Empty))));
    assert!(matches!(
        pool.receive_timeout(&mut consumer, Duration::from_millis(1)),
        Err(ReceiveError::Channel(spsc::PopError::TimedOut))
    ));
}

#[test]
fn a_shared_payload_lives_until_its_last_view_is_gone() {
    let domain = domain();
    let pool = Builder::new("shared").domain(&domain).class(64, 1).create().unwrap();
    let readers: Vec<Pool> = (0..5).map(|_| Builder::new("shared").domain(&domain).open().unwrap()).collect();
    let mut loan = pool.loan(6).unwrap();
    loan.write_at(0, b"shared").unwrap();
    let (kept, handle) = loan.share();
    assert!(kept.is_shared());
    // Twice in each process, and in the sender's own.
    let mut views: Vec<_> = readers
        .iter()
        .chain([&pool])
        .flat_map(|reader| [reader.accept(&handle).unwrap(), reader.accept(&handle).unwrap()])
        .collect();
    drop(kept);
    while let Some(view) = views.pop() {
        assert_eq!(view.to_vec().unwrap(), b"shared");
        assert_eq!(pool.stats().classes[0].read, 1);
        assert!(pool.loan(1).is_err());
        let view = view.into_loan().map(drop).unwrap_err();
        drop(view);
        assert_eq!(free(&pool), views.is_empty());
    }
    assert!(matches!(readers[0].accept(&handle), Err(Refused::Stale { .. })));
}

#[test]
fn subscribers_of_a_broadcast_read_one_payload_in_place() {
    let domain = domain();
    let frames = Builder::new("frames").domain(&domain).class(4096, 2);
    let pool = frames.create().unwrap();
    let channel = broadcast::Builder::<Handle>::new("handles").domain(&domain);
    let mut publisher = channel.create_sender().unwrap();
    let mut readers: Vec<_> =
        (0..3).map(|_| (channel.open_receiver().unwrap(), frames.open().unwrap())).collect();
    for round in 0..10u8 {
        let mut loan = pool.loan(4096).unwrap();
        loan.fill(round).unwrap();
        // The sender's own view keeps the payload for latecomers.
        let (kept, handle) = loan.share();
        publisher.push(handle).unwrap();
        let views: Vec<_> = readers
            .iter_mut()
            .map(|(subscriber, pool)| pool.accept(&subscriber.try_pop().unwrap()).unwrap())
            .collect();
        assert!(views.iter().all(|view| view.to_vec().unwrap() == [round; 4096]));
        assert_eq!(pool.stats().in_use(), 1);
        drop(kept);
        drop(views);
        assert!(free(&pool));
        // Too late: it gets an error, and reads nothing.
        assert!(matches!(readers[0].1.accept(&handle), Err(Refused::Stale { .. })));
    }
}

#[test]
fn a_received_payload_can_be_changed_in_place_and_sent_on() {
    let domain = domain();
    let pool = Builder::new("pipeline").domain(&domain).class(64, 1).create().unwrap();
    let (mut producer, mut consumer) = ring(&domain);
    let on = mpmc::Builder::<Handle>::new("on").domain(&domain).capacity(4);
    let (mut next, mut last) = (on.create_sender().unwrap(), on.open_receiver().unwrap());
    let mut loan = pool.loan(3).unwrap();
    loan.write_at(0, b"abc").unwrap();
    loan.send(&mut producer).unwrap();
    let view = pool.receive(&mut consumer).unwrap();
    let address = view.as_ptr();
    let mut again = view.into_loan().unwrap();
    again.write(0, b"x").unwrap();
    again.set_len(4);
    again.write(3, b"d").unwrap();
    assert_eq!(again.capacity(), 64);
    again.send(&mut next).unwrap();
    let view = pool.receive(&mut last).unwrap();
    assert_eq!((view.to_vec().unwrap(), view.as_ptr()), (b"xbcd".to_vec(), address));
    assert!(matches!(
        pool.receive_timeout(&mut last, Duration::from_millis(1)),
        Err(ReceiveError::Channel(mpmc::PopError::TimedOut))
    ));
    drop(view);
    assert!(free(&pool));
}

#[test]
fn bytes_are_copied_from_and_to_any_place() {
    let domain = domain();
    let pool = Builder::new("copies").domain(&domain).class(4096, 1).create().unwrap();
    let source: Vec<u8> = (0..4096u32).map(|byte| (byte * 7 + byte / 256) as u8).collect();
    for (offset, len) in [(0, 0), (0, 4096), (1, 1), (3, 2), (3, 100), (8, 300), (5, 1000), (4095, 1)] {
        let mut loan = pool.loan(4096).unwrap();
        loan.fill(0).unwrap();
        loan.write_at(offset, &source[..len]).unwrap();
        let bytes = loan.to_vec().unwrap();
        assert_eq!(&bytes[offset..offset + len], &source[..len]);
        assert!(bytes[..offset].iter().chain(&bytes[offset + len..]).all(|byte| *byte == 0));
        let (view, _) = loan.share();
        let mut out = vec![1; len + 2];
        view.read_at(offset, &mut out[1..=len]).unwrap();
        assert_eq!((&out[1..=len], out[0], out[len + 1]), (&source[..len], 1, 1));
    }
}

#[test]
fn bytes_that_a_payload_has_not_are_refused_and_none_is_accessed() {
    let domain = domain();
    let pool = Builder::new("bounds").domain(&domain).class(64, 1).create().unwrap();
    let mut loan = pool.loan(10).unwrap();
    loan.fill(7).unwrap();
    let refused = |offset, len| Err(AccessError::OutOfBounds { offset, len, limit: 10 });
    for (offset, len) in [(0, 11), (10, 1), (11, 0), (3, 8), (64, 1), (usize::MAX, 2), (2, 64)] {
        assert_eq!(loan.write_at(offset, &vec![1; len]), refused(offset, len));
        let mut out = vec![1; len];
        assert_eq!(loan.read_at(offset, &mut out), refused(offset, len));
        assert!(out.iter().all(|byte| *byte == 1));
    }
    assert_eq!(loan.write(3, &1u64), refused(3, 8));
    assert_eq!(loan.read::<u64>(3), refused(3, 8).map(|()| 0));
    // The block has 64 bytes.
    loan.set_len(64);
    let all = loan.to_vec().unwrap();
    assert_eq!((&all[..10], &all[10..]), (&[7; 10][..], &[0; 54][..]));
    loan.set_len(10);
    let (view, _) = loan.share();
    assert_eq!(view.read::<[u8; 11]>(0), refused(0, 11).map(|()| [0; 11]));
    assert_eq!(view.read::<()>(10), Ok(()));
    let error = view.read::<u64>(3).unwrap_err();
    assert_eq!(error.to_string(), "8 bytes at offset 3 asked for; the payload has 10 bytes");
}

#[test]
fn values_and_streams_are_written_and_read() {
    let domain = domain();
    let pool = Builder::new("values").domain(&domain).class(4096, 1).create().unwrap();
    let mut loan = pool.loan(3000).unwrap();
    for offset in 0..100 {
        loan.write(offset * 9, &(offset as u64)).unwrap();
    }
    assert!((0..100).all(|offset| loan.read(offset * 9) == Ok(offset as u64)));
    let mut writer = loan.writer();
    let source: Vec<u8> = (0..3001u32).map(|byte| (byte * 7 + byte / 256) as u8).collect();
    // Not in one piece, and one byte too many.
    writer.write_all(&source[..1001]).unwrap();
    assert_eq!(writer.write_all(&source[1001..]).unwrap_err().kind(), io::ErrorKind::WriteZero);
    assert_eq!(writer.position(), 3000);
    // SAFETY: nothing else writes or reads this pool.
    assert_eq!(unsafe { loan.as_slice() }.unwrap(), &source[..3000]);
    // SAFETY: as above.
    unsafe { loan.as_mut_slice() }.unwrap()[0] = 99;
    let (view, _) = loan.share();
    let mut all = Vec::new();
    let mut reader = view.reader();
    assert_eq!(reader.read(&mut [0; 10]).unwrap(), 10);
    reader.read_to_end(&mut all).unwrap();
    assert_eq!((&all[..], reader.position()), (&source[10..3000], 3000));
    assert_eq!(view.read::<u8>(0), Ok(99));
    // SAFETY: as above.
    assert_eq!(unsafe { view.as_slice() }.unwrap()[1..], source[1..3000]);
}

#[test]
fn what_was_in_a_channel_that_is_gone_comes_back() {
    let domain = domain();
    let pool = Builder::new("lost").domain(&domain).class(64, 4).create().unwrap();
    let (mut producer, mut consumer) = ring(&domain);
    for _ in 0..3 {
        pool.loan(1).unwrap().send(&mut producer).unwrap();
    }
    drop(pool.receive(&mut consumer).unwrap());
    drop(producer);
    // As long as one end is there it may still receive.
    assert_eq!(pool.recover().unwrap().lost, 0);
    assert_eq!(pool.stats().classes[0].sent, 2);
    drop(consumer);
    assert_eq!(pool.recover().unwrap().lost, 2);
    assert!(free(&pool));
    assert_eq!(pool.stats().classes[0].lost, 2);
}

#[test]
fn opening_checks_the_classes_and_the_kind() {
    let domain = domain();
    let builder = Builder::new("pool").domain(&domain);
    assert!(matches!(builder.open().as_ref().map_err(AttachError::kind), Err(AttachErrorKind::NotFound)));
    assert!(matches!(
        Stats::read_in(&domain, "pool").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
    let first = builder.clone().class(60, 4).create().unwrap();
    assert!(builder.clone().class(64, 4).create().is_ok());
    assert!(matches!(
        builder.clone().class(64, 5).open().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Classes { .. })
    ));
    assert!(matches!(
        builder.create_new().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::AlreadyExists)
    ));
    assert!(matches!(
        builder.clone().class(0, 4).create().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::BadClasses { .. })
    ));
    let ring = spsc::Builder::<u64>::new("pool").domain(&domain);
    assert!(matches!(
        ring.open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Kind { found: 8, expected: 1 })
    ));
    let ring = spsc::Builder::<u64>::new("ring").domain(&domain);
    let _producer = ring.create_sender().unwrap();
    assert!(matches!(
        Builder::new("ring").domain(&domain).open().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Kind { .. })
    ));
    // The pool is gone with its last user, which may be a loan.
    let loan = first.loan(1).unwrap();
    drop(first);
    assert!(builder.open().is_ok());
    drop(loan);
    assert!(matches!(builder.open().as_ref().map_err(AttachError::kind), Err(AttachErrorKind::NotFound)));
    let again = builder.clone().usual_classes().prefault(true).create().unwrap();
    assert_eq!(again.classes().len(), 4);
}

#[test]
fn there_are_thirty_two_members() {
    let domain = domain();
    let builder = Builder::new("full").domain(&domain).class(64, 64);
    let pool = builder.create().unwrap();
    let member = || {
        let mut member = Role::start("member", &[domain.name()]);
        let said = member.hear();
        (member, said)
    };
    let members: Vec<_> = (1..32).map(|_| member()).collect();
    let said: Vec<&str> = members.iter().map(|(_, said)| said.as_str()).collect();
    assert_eq!(said, vec!["in"; 31]);
    let (refused, said) = member();
    assert!(said.contains("room for 32 members"), "{said}");
    refused.finish();
    // An existing member takes no additional seat.
    let again = builder.open().unwrap();
    assert_eq!(again.stats().in_use(), 31, "one each of the others");
    for (mut member, _) in members {
        member.tell("leave");
        member.finish();
    }
    assert!(free(&pool));
    let (mut member, said) = member();
    assert_eq!(said, "in");
    member.tell("leave");
    member.finish();
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let [what, domain] = &role[..] else { panic!("{role:?}") };
    if what == "owner" {
        return owner(domain);
    }
    let opened = Builder::new("full").domain(&Domain::open(domain).unwrap()).open();
    let Ok(pool) = opened else { return say(&format!("{opened:?}")) };
    let loan = pool.loan(1).unwrap();
    drop(pool);
    say("in");
    assert_eq!(listen(), "leave", "a loan keeps the seat");
    drop(loan);
}

/// A process has a pool once, however often it opens it: as if the first opening had been cloned.
#[test]
fn a_second_opening_is_the_first_one() {
    let domain = domain();
    let builder = Builder::new("once").domain(&domain).class(64, 8);
    let first = builder.create().unwrap();
    let more: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..16).map(|_| builder.open().unwrap()).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(more.len(), 64, "there are 32 seats");
    let loan = more[0].loan(1).unwrap();
    drop(first);
    drop(more);
    assert_eq!(builder.open().unwrap().stats().in_use(), 1, "the loan keeps the pool");
    drop(loan);
    assert!(matches!(builder.open().as_ref().map_err(AttachError::kind), Err(AttachErrorKind::NotFound)));
    // Another pool of that name is another one.
    let other = builder.create().unwrap();
    assert!(free(&other) && free(&builder.open().unwrap()));
}
