//! How long channels live: ephemeral ones as long as some process has them attached, persistent ones until
//! their stream has ended or they are removed. In processes that start, leave and are killed.

mod common;
mod kinds;
mod spsc_common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_core::list::proc::segments;
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{Key, Mode, RemoveOnDrop};
use ipc_ring::{AttachError, AttachErrorKind, Domain, Lifetime, WaitStrategy, bytes, mpmc, spsc};
use kinds::{How, Told};

fn persistent(domain: &str) -> spsc::Builder<u64> {
    spsc::Builder::new("kept")
        .domain(&Domain::open(domain).unwrap())
        .capacity(64)
        .wait(WaitStrategy::Sleep)
        .lifetime(Lifetime::Persistent)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push and wait to be killed", domain, count] => {
            let mut producer = persistent(domain).create_sender().unwrap();
            for _ in 0..count.parse().unwrap() {
                producer.push(producer.pushed()).unwrap();
            }
            say("pushed");
            std::thread::sleep(Duration::from_secs(100));
        }
        ["pop and wait to be killed", domain, count] => {
            let mut consumer = persistent(domain).create_receiver().unwrap();
            for _ in 0..count.parse().unwrap() {
                let expected = consumer.popped();
                assert_eq!(consumer.pop().unwrap(), expected);
            }
            say("popped");
            std::thread::sleep(Duration::from_secs(100));
        }
        ["queue jobs", domain] => {
            let channel = mpmc::Builder::<u64>::new("jobs").domain(&Domain::open(domain).unwrap());
            let mut jobs = channel.capacity(64).lifetime(Lifetime::Persistent).create_sender().unwrap();
            (0..10).for_each(|job| jobs.push(job).unwrap());
            say("pushed");
            std::thread::sleep(Duration::from_secs(100));
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

/// The keyed segments there are.
fn keyed() -> usize {
    segments().unwrap().iter().filter(|segment| segment.object.key != Key::PRIVATE).count()
}

#[test]
fn a_persistent_stream_goes_on_where_it_stopped_when_both_ends_were_killed_in_between() {
    private_namespace();
    let domain = unique("lifetime-killed");
    for round in 0..5u64 {
        let mut producer = Role::start("push and wait to be killed", &[&domain, "7"]);
        assert_eq!(producer.hear(), "pushed");
        producer.kill();
        let mut consumer = Role::start("pop and wait to be killed", &[&domain, "5"]);
        assert_eq!(consumer.hear(), "popped");
        consumer.kill();
        let mut consumer = persistent(&domain).open_receiver().unwrap();
        assert_eq!(consumer.popped(), round * 7 + 5, "round {round}");
        assert_eq!(consumer.try_pop().unwrap(), round * 7 + 5);
        assert_eq!(consumer.try_pop().unwrap(), round * 7 + 6);
        assert!(matches!(consumer.try_pop(), Err(spsc::PopError::Empty)));
    }
    assert!(Domain::open(&domain).unwrap().remove_channel("kept").unwrap());
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

#[test]
fn a_persistent_stream_outlives_its_domain_and_detaching_is_what_dropping_does() {
    private_namespace();
    let domain = unique("lifetime-left");
    let mut producer = persistent(&domain).create_new_sender().unwrap();
    (0..3).for_each(|number| producer.push(number).unwrap());
    drop(producer);
    // No process is left: the domain is gone, the channel is not.
    assert_eq!((keyed(), kernel_objects().1.len()), (1, 0));

    let mut consumer = persistent(&domain).create_receiver().unwrap();
    assert_eq!([(); 3].map(|()| consumer.pop().unwrap()), [0, 1, 2]);
    assert!(matches!(consumer.pop_timeout(Duration::from_millis(1)), Err(spsc::PopError::PeerGone(_))));
    let mut producer = persistent(&domain).open_sender().unwrap();
    assert_eq!(producer.pushed(), 3);
    producer.push(3).unwrap();
    assert_eq!(consumer.pop().unwrap(), 3);
    assert!(matches!(
        persistent(&domain).create_new_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::AlreadyExists)
    ));

    // The stream ends: when the consumer has seen the end, the memory goes.
    producer.close();
    assert!(matches!(consumer.pop(), Err(spsc::PopError::Closed)));
    drop(consumer);
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
    assert!(matches!(
        persistent(&domain).open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
}

#[test]
fn a_closed_stream_is_kept_until_it_is_popped_and_a_new_producer_starts_a_new_one() {
    private_namespace();
    let domain = unique("lifetime-closed");
    let mut producer = persistent(&domain).create_sender().unwrap();
    producer.push(7).unwrap();
    producer.close();
    {
        let mut consumer = persistent(&domain).open_receiver().unwrap();
        assert_eq!(consumer.try_view().unwrap().read(), 7);
    }
    assert_eq!(keyed(), 1, "it was not popped");
    assert!(matches!(
        persistent(&domain).open_sender().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Closed)
    ));

    let mut producer = persistent(&domain).create_sender().unwrap();
    assert_eq!(producer.pushed(), 0);
    producer.push(8).unwrap();
    let mut consumer = persistent(&domain).open_receiver().unwrap();
    assert_eq!(consumer.pop().unwrap(), 8);
    // A consumer that closes wants nothing more: and nothing is kept for a successor.
    producer.push(9).unwrap();
    consumer.close();
    drop(producer);
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

/// A persistent channel whose last end was dropped is left, with its contents, to the next processes.
#[test]
fn dropping_an_end_of_a_persistent_channel_of_any_kind_keeps_it() {
    private_namespace();
    for kind in &kinds::ALL {
        let name = unique("lifetime-kinds");
        let patience = Duration::from_secs(1000);
        let open = |domain: &Domain| {
            let how = How { lifetime: Some(Lifetime::Persistent), ..How::new(domain, WaitStrategy::Sleep) };
            ((kind.giver)(how).unwrap(), (kind.taker)(how).unwrap())
        };
        // The newest value is not the one before, and blocks went with their pool.
        let keeps = !matches!(kind.name, "latest" | "pool" | "payloads");
        for round in 0..3 {
            let domain = Domain::open(&name).unwrap();
            let (mut giver, mut taker) = open(&domain);
            let last = 2 * round + 1;
            // A caller waits for the reply to its predecessor's request.
            let taken = std::thread::scope(|scope| {
                let taking = scope.spawn(move || {
                    let mut taken = Vec::new();
                    while taken.last() != Some(&last) {
                        match taker.take(patience) {
                            Told::Number(number) => taken.push(number),
                            other => panic!("{} round {round}: {other:?} after {taken:?}", kind.name),
                        }
                    }
                    taken
                });
                assert_eq!(giver.give(last, patience), Told::Yes, "{}", kind.name);
                taking.join().unwrap()
            });
            assert!(!keeps || round == 0 || taken.contains(&(last - 1)), "{}: {taken:?}", kind.name);
            assert_eq!(giver.give(last + 1, patience), Told::Yes, "{}", kind.name);
            // Not `leave`, but like a program that simply ends.
            drop(giver);
            assert_eq!(keyed(), 2, "{} round {round}: the channel and the domain", kind.name);
            drop(domain);
            assert_eq!(keyed(), 1, "{} round {round}", kind.name);
        }
        for kept in ipc_ring::gc::examine().unwrap() {
            assert_eq!(kept.verdict, ipc_ring::gc::Verdict::Kept, "{}: {kept}", kind.name);
            assert!(kept.remove().unwrap());
        }
        assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{}", kind.name);
    }
}

#[test]
fn frames_and_queues_persist_too() {
    private_namespace();
    let name = unique("lifetime-others");
    let log =
        || bytes::Builder::new("log").domain(&Domain::open(&name).unwrap()).lifetime(Lifetime::Persistent);
    let mut producer = log().create_sender().unwrap();
    producer.push(b"kept").unwrap();
    drop(producer);
    let mut consumer = log().open_receiver().unwrap();
    assert_eq!(consumer.pop().unwrap(), b"kept");
    consumer.close();
    assert_eq!(keyed(), 0);

    let mut child = Role::start("queue jobs", &[&name]);
    assert_eq!(child.hear(), "pushed");
    child.kill();
    let domain = Domain::open(&name).unwrap();
    let mut jobs = mpmc::Builder::<u64>::new("jobs").domain(&domain).open_receiver().unwrap();
    let popped: Vec<u64> = std::iter::from_fn(|| jobs.try_pop().ok()).collect();
    assert_eq!(popped, (0..10).collect::<Vec<u64>>());
    let mut more = mpmc::Builder::<u64>::new("jobs").domain(&domain).open_sender().unwrap();
    more.push(10).unwrap();
    assert_eq!(jobs.pop().unwrap(), 10);
    drop(more);
    jobs.close();
    drop(domain);
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

#[test]
fn an_ephemeral_channel_is_gone_with_its_ends() {
    private_namespace();
    let domain = Domain::open(&unique("lifetime-ephemeral")).unwrap();
    let channel = spsc::Builder::<u64>::new("kept").domain(&domain);
    let mut producer = channel.create_sender().unwrap();
    producer.push(1).unwrap();
    producer.detach();
    assert_eq!(segments().unwrap().len(), 2, "the domain's own, and its member's");
    assert!(matches!(
        channel.open_receiver().as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotFound)
    ));
    assert!(!domain.remove_channel("kept").unwrap());
}

#[test]
fn what_a_creator_that_died_left_is_made_anew_and_a_strangers_memory_is_left_alone() {
    private_namespace();
    let domain = unique("lifetime-half");
    let held = Domain::open(&domain).unwrap();
    drop(persistent(&domain).create_sender().unwrap());
    let kept = segments().unwrap().into_iter().find(|segment| segment.size > 0 && segment.attachments == 0);
    let kept = kept.expect("the channel's segment");
    let (key, size) = (kept.object.key, usize::try_from(kept.size).unwrap());
    SharedMemory::from_id(kept.id).remove().unwrap();

    // Blank, as after a kill between making the segment and writing its header.
    SharedMemory::create_new(key, size, &Options::default()).unwrap();
    let mut producer = persistent(&domain).create_sender().unwrap();
    producer.push(1).unwrap();
    assert_eq!(producer.pushed(), 1);
    drop(producer);
    assert!(held.remove_channel("kept").unwrap());

    let strangers = RemoveOnDrop::new(SharedMemory::create_new(key, size, &Options::default()).unwrap());
    strangers.attach().unwrap().copy_to(0, b"another program's data").unwrap();
    match persistent(&domain).create_sender() {
        Err(error) if matches!(error.kind(), AttachErrorKind::KeyTaken { .. }) => {
            assert!(error.to_string().contains("choose another name"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        held.remove_channel("kept").as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::KeyTaken { .. })
    ));
    assert!(strangers.stat().is_ok());
}

/// The key of a persistent channel is derived from its name, and any user may create objects under any key.
#[test]
fn a_stranger_under_the_key_of_a_persistent_channel_does_not_stop_ephemeral_ones() {
    private_namespace();
    for kind in &kinds::ALL {
        let domain = Domain::open(&unique("lifetime-squatted")).unwrap();
        let ephemeral = How::new(&domain, WaitStrategy::Sleep);
        let persistent = How { lifetime: Some(Lifetime::Persistent), ..ephemeral };
        drop(((kind.giver)(persistent).unwrap(), (kind.taker)(persistent).unwrap()));
        let kept = segments()
            .unwrap()
            .into_iter()
            .find(|segment| segment.object.key != Key::PRIVATE && segment.attachments == 0);
        let kept = kept.expect("the channel's segment");
        let (key, size) = (kept.object.key, usize::try_from(kept.size).unwrap());
        SharedMemory::from_id(kept.id).remove().unwrap();

        // Memory of another program, of another user, and of another user that makes it unreadable to others.
        for (owner, mode) in [(None, 0o600), (Some(4711), 0o666), (Some(4711), 0)] {
            let options = Options::default().mode(Mode::new(mode).unwrap());
            let squatter = RemoveOnDrop::new(SharedMemory::create_new(key, size, &options).unwrap());
            squatter.attach().unwrap().copy_to(0, b"another program's data").unwrap();
            if let Some(owner) = owner
                && let Err(error) = squatter.grant(owner)
            {
                common::skip(common::Need::Users, &format!("nothing can be given to another user: {error}"));
                continue;
            }
            assert!((kind.giver)(persistent).is_err(), "{}", kind.name);
            let mut taker = (kind.taker)(ephemeral).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            let mut giver = (kind.giver)(ephemeral).unwrap();
            assert_eq!(giver.give(1, Duration::from_secs(1000)), Told::Yes, "{}", kind.name);
            assert_eq!(taker.take(Duration::from_secs(1000)), Told::Number(1), "{}", kind.name);
            drop((taker, giver));
            assert!(squatter.stat().is_ok());
        }
        drop(domain);
        assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{}", kind.name);
    }
}

/// With this setting the kernel removes a segment at its last detach, even if it is meant to be reopened.
#[test]
fn where_the_kernel_keeps_no_segment_without_users_no_persistent_channel_is_made() {
    private_namespace();
    const SETTING: &str = "/proc/sys/kernel/shm_rmid_forced";
    let (_, before, _) = kernel_objects();
    if !before.is_empty() || std::fs::write(SETTING, "1").is_err() {
        return common::skip(common::Need::Sysctl, SETTING);
    }
    for kind in &kinds::ALL {
        let domain = Domain::open(&unique("lifetime-forced")).unwrap();
        let ephemeral = How::new(&domain, WaitStrategy::Sleep);
        let persistent = How { lifetime: Some(Lifetime::Persistent), ..ephemeral };
        for error in [(kind.giver)(persistent).err(), (kind.taker)(persistent).err()] {
            match error {
                Some(error) if matches!(error.kind(), AttachErrorKind::NotKept) => {
                    let text = error.to_string();
                    assert!(text.contains("sysctl -w kernel.shm_rmid_forced=0"), "{}: {text}", kind.name);
                }
                other => panic!("{}: {other:?}", kind.name),
            }
        }
        let ends = ((kind.giver)(ephemeral).unwrap(), (kind.taker)(ephemeral).unwrap());
        drop((ends, domain));
        assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{}", kind.name);
    }
    std::fs::write(SETTING, "0").unwrap();
    drop(persistent(&unique("lifetime-unforced")).create_sender().unwrap());
    assert_eq!(keyed(), 1);
}

#[test]
fn a_removed_channel_goes_on_for_those_who_hold_it_and_its_name_is_free() {
    private_namespace();
    let name = unique("lifetime-removed");
    let domain = Domain::open(&name).unwrap();
    let mut producer = persistent(&name).create_sender().unwrap();
    let mut consumer = persistent(&name).open_receiver().unwrap();
    assert!(domain.remove_channel("kept").unwrap());
    assert!(!domain.remove_channel("kept").unwrap());
    producer.push(1).unwrap();
    assert_eq!(consumer.pop().unwrap(), 1);

    let mut other = persistent(&name).create_sender().unwrap();
    other.push(2).unwrap();
    assert!(matches!(consumer.try_pop(), Err(spsc::PopError::Empty)));
    let mut successor = persistent(&name).open_receiver().unwrap();
    assert_eq!(successor.pop().unwrap(), 2);
    successor.close();
    drop((producer, consumer, other, domain));
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}

#[test]
fn prefaulting_maps_every_page_and_changes_nothing() {
    private_namespace();
    let domain = Domain::open(&unique("lifetime-prefault")).unwrap();
    let channel = spsc::Builder::<u64>::new("big").domain(&domain).capacity(1 << 20);
    let mut producer = channel.create_sender().unwrap();
    producer.push(7).unwrap();
    let resident = || segments().unwrap().iter().filter_map(|segment| segment.resident_bytes).max().unwrap();
    let before = resident();
    let began = Instant::now();
    let mut consumer = channel.clone().prefault(true).open_receiver().unwrap();
    println!("16 MiB in {:?}", began.elapsed());
    assert!(before < 1 << 20 && resident() >= 16 << 20, "{before} {}", resident());
    assert_eq!(consumer.pop().unwrap(), 7);
}
