//! Channels between real processes: order, endings, deaths, successors, refusals, and what is left behind.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::spsc::{Builder, PopError, PushError};
use ipc_ring::{AttachError, AttachErrorKind, Barrier, Domain, PeerExit, PeerState, WaitStrategy};

fn builder(domain: &str, wait: &str, barrier: &str) -> Builder<u64> {
    let wait = match wait {
        "spin" => WaitStrategy::Spin,
        "spin_yield" => WaitStrategy::SpinYield,
        "sleep" => WaitStrategy::Sleep,
        _ => WaitStrategy::DEFAULT,
    };
    let builder = Builder::new("channel").domain(&Domain::open(domain).unwrap()).wait(wait);
    match barrier {
        "fence" => builder.barrier(Barrier::Fence),
        "membarrier" => builder.barrier(Barrier::Asymmetric),
        _ => builder,
    }
}

/// The children's roles of the tests below. Without a role it checks that an unknown one fails, so that a
/// parent learns of a misspelt role.
#[test]
fn plays_a_role() {
    let Some(role) = role() else {
        let mut child = Role::start("nonsense", &[]);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child.hear()));
        assert!(ended.is_err(), "an unknown role must fail");
        return;
    };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", domain, wait, barrier, count] => {
            let mut producer = builder(domain, wait, barrier).open_sender().unwrap();
            for value in 0..count.parse().unwrap() {
                producer.push(value).unwrap();
            }
        }
        ["push-and-stay", domain, count] => {
            let mut producer = builder(domain, "", "").create_sender().unwrap();
            for value in 0..count.parse().unwrap() {
                producer.push(value).unwrap();
            }
            say("pushed");
            listen();
        }
        ["pop-and-stay", domain, count] => {
            let mut consumer = builder(domain, "", "").create_receiver().unwrap();
            say("ready");
            for value in 0..count.parse().unwrap() {
                assert_eq!(consumer.pop().unwrap(), value);
            }
            say("popped");
            listen();
        }
        ["sleep-until-gone", domain, wait] => {
            let mut consumer = builder(domain, wait, "").open_receiver().unwrap();
            say("ready");
            let error = consumer.pop().unwrap_err();
            say(&error.to_string());
        }
        ["idle", domain] => {
            let mut consumer = builder(domain, "", "").open_receiver().unwrap();
            let timeout = consumer.pop_timeout(Duration::from_secs(2)).unwrap_err();
            assert!(matches!(timeout, PopError::TimedOut), "{timeout:?}");
            let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
            let cpu = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
            say(&format!("{}", cpu(usage.user_time()) + cpu(usage.system_time())));
        }
        ["both", domain] => {
            let mut producer = builder(domain, "", "").create_sender().unwrap();
            producer.push(1).unwrap();
            say("pushed");
            listen();
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

fn messages_arrive_in_order(wait: &str, barrier: &str) {
    private_namespace();
    let domain = unique("order");
    let count = if wait == "sleep" { 20_000 } else { 200_000u64 };
    let mut consumer = builder(&domain, wait, barrier).capacity(64).create_receiver().unwrap();
    let producer = Role::start("push", &[&domain, wait, barrier, &count.to_string()]);
    for expected in 0..count {
        assert_eq!(consumer.pop().unwrap(), expected);
    }
    assert!(matches!(consumer.pop(), Err(PopError::Closed)));
    producer.finish();
    assert_eq!(consumer.popped(), count);
}

#[test]
fn messages_arrive_in_order_spinning() {
    messages_arrive_in_order("spin_yield", "");
}

#[test]
fn messages_arrive_in_order_spinning_then_sleeping() {
    messages_arrive_in_order("spin_sleep", "");
}

#[test]
fn messages_arrive_in_order_sleeping_with_membarrier() {
    messages_arrive_in_order("sleep", "membarrier");
}

#[test]
fn messages_arrive_in_order_sleeping_with_fences() {
    messages_arrive_in_order("sleep", "fence");
}

#[test]
fn iteration_ends_when_the_producer_closes() {
    private_namespace();
    let domain = Domain::open(&unique("iterate")).unwrap();
    let channel = Builder::<u64>::new("numbers").domain(&domain);
    let mut producer = channel.create_sender().unwrap();
    let mut consumer = channel.open_receiver().unwrap();
    for value in 0..10 {
        producer.push(value).unwrap();
    }
    producer.close();
    assert_eq!((&mut consumer).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert!(consumer.last_error().is_none());
    assert_eq!(consumer.peer().unwrap(), PeerState::Closed);
}

#[test]
fn a_killed_producer_is_reported_to_a_sleeping_consumer() {
    for wait in ["spin", "spin_sleep", "sleep"] {
        private_namespace();
        let domain = unique("killed-producer");
        let mut producer = Role::start("push-and-stay", &[&domain, "3"]);
        assert_eq!(producer.hear(), "pushed");
        let mut consumer = builder(&domain, wait, "").open_receiver().unwrap();
        for expected in 0..3 {
            assert_eq!(consumer.pop().unwrap(), expected);
        }
        assert!(matches!(consumer.pop_timeout(Duration::from_millis(20)), Err(PopError::TimedOut)));
        let pid = producer.pid();
        assert_eq!(consumer.peer().unwrap(), PeerState::Alive { pid });
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            producer.kill();
        });
        match consumer.pop() {
            Err(PopError::PeerGone(PeerExit::Died { pid: died })) => assert_eq!(died, pid),
            other => panic!("{wait}: {other:?}"),
        }
        killer.join().unwrap();
    }
}

#[test]
fn a_consumer_asleep_in_another_process_is_woken_by_the_death() {
    private_namespace();
    let domain = unique("woken-by-death");
    let mut producer = Role::start("push-and-stay", &[&domain, "0"]);
    assert_eq!(producer.hear(), "pushed");
    let mut consumer = Role::start("sleep-until-gone", &[&domain, "sleep"]);
    assert_eq!(consumer.hear(), "ready");
    std::thread::sleep(Duration::from_millis(50));
    let pid = producer.pid();
    producer.kill();
    assert_eq!(consumer.hear(), format!("the ring is drained and the other end's process {pid} died"));
    consumer.finish();
}

#[test]
fn a_killed_consumer_is_reported_to_a_producer_that_waits_for_room() {
    private_namespace();
    let domain = unique("killed-consumer");
    let mut consumer = Role::start("pop-and-stay", &[&domain, "0"]);
    assert_eq!(consumer.hear(), "ready");
    let mut producer = builder(&domain, "", "").open_sender().unwrap();
    for value in 0..producer.capacity() {
        producer.push(value).unwrap();
    }
    assert!(matches!(producer.try_push(99), Err(PushError::Full(99))));
    let pid = consumer.pid();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        consumer.kill();
    });
    match producer.push(99) {
        Err(PushError::PeerGone(99, PeerExit::Died { pid: died })) => assert_eq!(died, pid),
        other => panic!("{other:?}"),
    }
    killer.join().unwrap();
}

#[test]
fn a_successor_continues_where_a_dead_producer_stopped() {
    private_namespace();
    let domain = unique("producer-successor");
    let mut first = Role::start("push-and-stay", &[&domain, "1500"]);
    let mut consumer = loop {
        match builder(&domain, "", "").open_receiver() {
            Ok(consumer) => break consumer,
            Err(error) if matches!(error.kind(), AttachErrorKind::NotFound) => std::thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    };
    for expected in 0..1000 {
        assert_eq!(consumer.pop().unwrap(), expected);
    }
    assert_eq!(first.hear(), "pushed");
    first.kill();
    let mut second = builder(&domain, "", "").create_sender().unwrap();
    assert_eq!(second.pushed(), 1500);
    second.push(1500).unwrap();
    for expected in 1000..=1500 {
        assert_eq!(consumer.pop().unwrap(), expected);
    }
}

#[test]
fn a_successor_continues_where_a_dead_consumer_stopped() {
    private_namespace();
    let domain = unique("consumer-successor");
    let mut first = Role::start("pop-and-stay", &[&domain, "70"]);
    assert_eq!(first.hear(), "ready");
    let mut producer = builder(&domain, "", "").open_sender().unwrap();
    for value in 0..100 {
        producer.push(value).unwrap();
    }
    assert_eq!(first.hear(), "popped");
    first.kill();
    let mut second = builder(&domain, "", "").create_receiver().unwrap();
    assert_eq!(second.popped(), 70);
    for expected in 70..100 {
        assert_eq!(second.pop().unwrap(), expected);
    }
}

#[test]
fn a_graceful_detach_is_not_an_end() {
    private_namespace();
    let domain = Domain::open(&unique("detach")).unwrap();
    let channel = Builder::<u64>::new("numbers").domain(&domain).capacity(4);
    let mut producer = channel.create_sender().unwrap();
    let mut consumer = channel.open_receiver().unwrap();
    producer.push(1).unwrap();
    producer.detach();
    assert_eq!(consumer.pop().unwrap(), 1);
    assert!(matches!(consumer.pop(), Err(PopError::PeerGone(PeerExit::Detached))));
    let mut producer = channel.create_sender().unwrap();
    producer.push(2).unwrap();
    assert_eq!(consumer.pop().unwrap(), 2);

    consumer.detach();
    for value in 3..7 {
        producer.push(value).unwrap();
    }
    assert!(matches!(producer.push(7), Err(PushError::PeerGone(7, PeerExit::Detached))));
    let mut consumer = channel.open_receiver().unwrap();
    assert_eq!(consumer.pop().unwrap(), 3);
    producer.push(7).unwrap();

    consumer.close();
    assert!(matches!(producer.try_push(8), Err(PushError::Closed(8))));
    assert!(matches!(producer.push(8), Err(PushError::Closed(8))));
    assert!(matches!(
        channel.open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Closed)
    ));
}

#[test]
fn a_closed_channel_is_drained_while_its_name_passes_on() {
    private_namespace();
    let domain = Domain::open(&unique("renew")).unwrap();
    let channel = Builder::<u64>::new("numbers").domain(&domain);
    let mut old_producer = channel.create_sender().unwrap();
    let mut old_consumer = channel.open_receiver().unwrap();
    old_producer.push(1).unwrap();
    drop(old_producer);
    let mut new_producer = channel.create_sender().unwrap();
    let mut new_consumer = channel.open_receiver().unwrap();
    new_producer.push(2).unwrap();
    assert_eq!(old_consumer.pop().unwrap(), 1);
    assert!(matches!(old_consumer.pop(), Err(PopError::Closed)));
    drop(old_consumer);
    assert_eq!(new_consumer.pop().unwrap(), 2);
    assert!(matches!(
        channel.open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::EndTaken { .. })
    ));
}

#[test]
fn one_end_has_one_holder() {
    private_namespace();
    let domain = unique("taken");
    let producer = builder(&domain, "", "").create_sender().unwrap();
    match builder(&domain, "", "").open_sender().map_err(AttachError::into_kind) {
        Err(AttachErrorKind::EndTaken { pid }) => assert_eq!(pid, std::process::id()),
        other => panic!("{other:?}"),
    }
    drop(producer);
    let mut other = Role::start("push-and-stay", &[&domain, "1"]);
    other.hear();
    match builder(&domain, "", "").create_sender().map_err(AttachError::into_kind) {
        Err(AttachErrorKind::EndTaken { pid }) => assert_eq!(pid, other.pid()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_idle_consumer_uses_no_cpu() {
    private_namespace();
    let domain = unique("idle");
    let _producer = builder(&domain, "", "").create_sender().unwrap();
    let mut consumer = Role::start("idle", &[&domain]);
    let microseconds: u64 = consumer.hear().parse().unwrap();
    // Two seconds asleep. Starting the program is in it, too.
    assert!(microseconds < 100_000, "{microseconds} µs of CPU in two idle seconds");
    consumer.finish();
}

#[test]
fn nothing_is_left_behind_by_those_who_leave() {
    private_namespace();
    let before = kernel_objects();
    let name = unique("clean");
    {
        let domain = Domain::open(&name).unwrap();
        let channel = Builder::<u64>::new("numbers").domain(&domain);
        let mut producer = channel.create_sender().unwrap();
        let mut consumer = channel.open_receiver().unwrap();
        producer.push(1).unwrap();
        assert_eq!(consumer.pop().unwrap(), 1);
        assert_ne!(kernel_objects(), before);
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn no_data_is_left_behind_by_those_who_are_killed() {
    private_namespace();
    let before = kernel_objects();
    let name = unique("killed");
    for _ in 0..5 {
        let mut child = Role::start("both", &[&name]);
        assert_eq!(child.hear(), "pushed");
        child.kill();
        let (segments, sets, queues) = kernel_objects();
        // The domain's table and semaphores, no data; and not more each time.
        assert_eq!(segments.len(), before.0.len() + 1, "{segments:?}");
        assert_eq!(sets.len(), before.1.len() + 1, "{sets:?}");
        assert_eq!(queues, before.2);
    }
    // The next one finds a usable domain without the old channel, and removes everything when it leaves.
    {
        let channel = builder(&name, "", "");
        assert!(matches!(
            channel.open_receiver().as_ref().map_err(AttachError::kind),
            Err(AttachErrorKind::NotFound)
        ));
        drop(channel.create_sender().unwrap());
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn a_forked_child_cannot_disturb_what_it_inherited() {
    private_namespace();
    let domain = unique("fork");
    let mut producer = builder(&domain, "", "").create_sender().unwrap();
    let mut consumer = builder(&domain, "", "").open_receiver().unwrap();
    // SAFETY: the child only drops what it inherited and ends; it allocates nothing that another thread may
    // hold.
    match unsafe { nix::unistd::fork() }.unwrap() {
        nix::unistd::ForkResult::Child => {
            drop(producer);
            drop(consumer);
            // SAFETY: ends this process at once, as required in the child of a fork.
            unsafe { nix::libc::_exit(0) };
        }
        nix::unistd::ForkResult::Parent { child } => {
            nix::sys::wait::waitpid(child, None).unwrap();
        }
    }
    assert_eq!(producer.peer().unwrap(), PeerState::Alive { pid: std::process::id() });
    producer.push(1).unwrap();
    assert_eq!(consumer.pop().unwrap(), 1);
}

#[test]
fn an_end_can_wait_for_the_other_to_come() {
    private_namespace();
    let domain = unique("wait-for-peer");
    let producer = builder(&domain, "", "").create_sender().unwrap();
    let pause = Duration::from_millis(20);
    let never = PeerState::Gone(PeerExit::NeverAttached);
    assert_eq!(producer.wait_for_peer(Some(pause)).unwrap(), never);
    let mut consumer = Role::start("pop-and-stay", &[&domain, "0"]);
    assert_eq!(producer.wait_for_peer(None).unwrap(), PeerState::Alive { pid: consumer.pid() });
    assert_eq!(consumer.hear(), "ready");
    consumer.kill();
    let died = PeerState::Gone(PeerExit::Died { pid: consumer.pid() });
    assert_eq!(producer.wait_for_peer(Some(pause)).unwrap(), died);
    let mut consumer = builder(&domain, "", "").open_receiver().unwrap();
    drop(producer);
    assert_eq!(consumer.wait_for_peer(None).unwrap(), PeerState::Closed);
}

#[test]
fn slices_go_in_order_and_say_how_far_they_came() {
    private_namespace();
    let domain = unique("slices");
    let mut producer = builder(&domain, "", "").capacity(8).create_sender().unwrap();
    let mut consumer = builder(&domain, "", "").open_receiver().unwrap();
    let numbers: Vec<u64> = (0..20).collect();
    assert_eq!(producer.try_push_slice(&numbers).unwrap(), 8);
    assert!(matches!(producer.try_push_slice(&numbers[8..]), Err(PushError::Full(0))));
    let mut popped = [0; 5];
    assert_eq!(consumer.pop_slice(&mut popped).unwrap(), 5);
    assert_eq!(popped, [0, 1, 2, 3, 4]);
    let feeder = std::thread::spawn(move || {
        producer.push_slice(&numbers[8..]).unwrap();
        producer
    });
    let mut next = 5;
    let mut room = [0; 3];
    while next < 20 {
        let count = consumer.pop_slice(&mut room).unwrap() as u64;
        assert!(room[..count as usize].iter().copied().eq(next..next + count));
        next += count;
    }
    drop(feeder.join().unwrap());
    assert!(matches!(consumer.pop_slice(&mut room), Err(PopError::Closed)));
}

#[test]
fn deadlines_are_kept_from_below() {
    private_namespace();
    let domain = unique("deadline");
    let mut producer = builder(&domain, "sleep", "").capacity(2).create_sender().unwrap();
    let mut consumer = builder(&domain, "sleep", "").open_receiver().unwrap();
    let pause = Duration::from_millis(120); // More than one heartbeat.
    let start = Instant::now();
    assert!(matches!(consumer.pop_timeout(pause), Err(PopError::TimedOut)));
    assert!(start.elapsed() >= pause);
    producer.push(1).unwrap();
    producer.push(2).unwrap();
    let start = Instant::now();
    assert!(matches!(producer.push_timeout(3, pause), Err(PushError::TimedOut(3))));
    assert!(start.elapsed() >= pause);

    let soon = || Instant::now() + Duration::from_millis(5);
    assert!(matches!(producer.push_from_deadline(&3, soon()), Err(PushError::TimedOut(()))));
    assert_eq!(consumer.pop().unwrap(), 1);
    assert!(matches!(producer.push_slice_deadline(&[3, 4, 5], soon()), Err(PushError::TimedOut(1))));
    let mut room = [0; 4];
    assert_eq!(consumer.pop_slice_deadline(&mut room, soon()).unwrap(), 2);
    assert_eq!(room[..2], [2, 3]);
    assert!(matches!(consumer.pop_slice_deadline(&mut room, soon()), Err(PopError::TimedOut)));
    assert!(matches!(consumer.pop_into_deadline(&mut room[0], soon()), Err(PopError::TimedOut)));
    assert_eq!(room[0], 2, "a place is left alone when nothing came");
}

/// A consumer that has freed one slot of 64 has not published that; a waiting push finds it nevertheless, and
/// so does a push of a slice.
#[test]
fn a_push_that_waits_finds_the_last_free_slot() {
    private_namespace();
    for wait in ["spin", "spin_yield", "spin_sleep", "sleep"] {
        let domain = unique("one-slot");
        let mut producer = builder(&domain, wait, "").capacity(64).create_sender().unwrap();
        let mut consumer = builder(&domain, wait, "").open_receiver().unwrap();
        producer.push_slice(&Vec::from_iter(0..64)).unwrap();
        for next in 0..10 {
            assert_eq!(consumer.try_pop().unwrap(), next);
            match next % 3 {
                0 => producer.push(64 + next).unwrap(),
                1 => producer.push_from(&(64 + next)).unwrap(),
                _ => producer.push_slice(&[64 + next]).unwrap(),
            }
            assert!(matches!(producer.try_push(0), Err(PushError::Full(0))));
        }
        drop(producer);
        assert!((&mut consumer).eq(10..74));
    }
}

/// Messages large enough for runs to be waited for: a burst, then one alone, again and again.
#[test]
fn bursts_and_single_messages_arrive_alike() {
    private_namespace();
    let domain = Domain::open(&unique("bursts")).unwrap();
    let builder = Builder::<[u64; 64]>::new("bursts").domain(&domain).capacity(256);
    let mut producer = builder.create_sender().unwrap();
    let mut consumer = builder.open_receiver().unwrap();
    let taken = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let taken = &taken;
        scope.spawn(move || {
            let mut next = 0;
            for round in 0..300 {
                for _ in 0..if round % 2 == 0 { 100 } else { 1 } {
                    producer.push([next; 64]).unwrap();
                    next += 1;
                }
                while taken.load(Ordering::Relaxed) < next {
                    std::thread::yield_now();
                }
            }
        });
        for expected in 0..150 * 101 {
            assert_eq!(consumer.pop().unwrap(), [expected; 64]);
            taken.store(expected + 1, Ordering::Relaxed);
        }
        assert!(matches!(consumer.pop(), Err(PopError::Closed)));
    });
}

#[test]
fn removed_semaphores_end_a_sleep_with_an_error() {
    private_namespace();
    let domain = unique("removed");
    let _producer = builder(&domain, "", "").create_sender().unwrap();
    let mut consumer = builder(&domain, "sleep", "").open_receiver().unwrap();
    let (_, sets, _) = kernel_objects();
    let remover = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        for set in sets {
            let id = set.split(' ').nth(1).unwrap().parse().unwrap();
            ipc_core::sem::SemaphoreSet::from_id(ipc_core::sem::SemId::from_raw(id)).remove().unwrap();
        }
    });
    match consumer.pop() {
        Err(PopError::System(error)) => assert_eq!(error.kind(), ipc_core::ErrorKind::Removed),
        other => panic!("{other:?}"),
    }
    remover.join().unwrap();
}
