//! A domain and its channels are observed without a membership: nothing changes, nothing is held, and another
//! user with the right to read can do it.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Need, Role, kernel_objects, listen, private_namespace, say, skip, unique};
use ipc_core::sem::{Op, SemaphoreSet};
use ipc_core::shm::SharedMemory;
use ipc_core::{ErrorKind, Mode, Trust};
use ipc_ring::control::Named;
use ipc_ring::observe::DomainObserver;
use ipc_ring::{AttachErrorKind, Domain, Lifetime, PeerState, broadcast, bytes, mpmc, pool, spsc};

const STRANGER: u32 = 4711;

#[test]
fn plays_a_role() {
    let Some(role) = common::role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["producer", domain] => {
            let domain = Domain::open(domain).unwrap();
            let mut producer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_sender().unwrap();
            (0..5).for_each(|number| producer.push(number).unwrap());
            say("pushed");
            listen();
        }
        ["stranger", domain, owner] => {
            nix::unistd::setgroups(&[]).unwrap();
            nix::unistd::setgid(nix::unistd::Gid::from_raw(STRANGER)).unwrap();
            nix::unistd::setuid(nix::unistd::Uid::from_raw(STRANGER)).unwrap();
            say(&stranger(domain, owner.parse().unwrap()));
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// What another user sees of a domain.
fn stranger(domain: &str, owner: u32) -> String {
    let observer = match DomainObserver::open_of(domain, owner) {
        Ok(observer) => observer,
        Err(error) => return format!("no domain: {error}"),
    };
    let listing = observer.list().unwrap();
    let names: Vec<_> = listing.names.iter().map(|info| info.name.as_str()).collect();
    let alive = listing.processes.iter().filter(|process| process.is_alive).count();
    let numbers = spsc::Observer::open_in(&observer, "numbers").unwrap();
    assert!(matches!(numbers.producer().unwrap(), PeerState::Alive { .. }));
    let text = format!("{} pushed, {alive} alive, {}", numbers.counters().pushed, names.join(" "));
    // The right to write is another one.
    for (segment, stat) in ipc_core::list::segments().unwrap() {
        if stat.permissions().cuid() == owner {
            let refused = SharedMemory::from_id(segment).attach().unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        }
    }
    text
}

/// The bytes of all segments, their attachment counts, and the values of all semaphores.
fn everything() -> Vec<(i32, u64, Vec<u8>)> {
    let segments = ipc_core::list::segments().unwrap();
    let segments = segments.into_iter().filter(|(_, stat)| stat.size() > 4095).map(|(id, stat)| {
        let attached = SharedMemory::from_id(id).attach_read_only().unwrap();
        let mut bytes = vec![0; attached.len()];
        attached.copy_from(0, &mut bytes).unwrap();
        (id.as_raw(), stat.attachments(), bytes)
    });
    let mut all: Vec<_> = segments.collect();
    all.extend(ipc_core::list::sets().unwrap().into_iter().map(|(id, _)| {
        let values = SemaphoreSet::from_id(id).values().unwrap();
        (id.as_raw(), 0, values.into_iter().flat_map(u16::to_ne_bytes).collect())
    }));
    all
}

#[test]
fn looking_changes_no_byte_and_leaves_the_dead_to_the_members() {
    private_namespace();
    let name = unique("looking");
    let domain = Domain::open(&name).unwrap();
    let mut producer = Role::start("producer", &[&name]);
    assert_eq!(producer.hear(), "pushed");
    let mut consumer = spsc::Builder::<u64>::new("numbers").domain(&domain).open_receiver().unwrap();
    assert_eq!(consumer.pop().unwrap(), 0);
    let _frames = bytes::Builder::new("frames").domain(&domain).create_sender().unwrap();
    let _jobs = mpmc::Builder::<u32>::new("jobs").domain(&domain).create_sender().unwrap();
    let _prices = broadcast::Builder::<u64>::new("prices").domain(&domain).create_sender().unwrap();
    let _pool = pool::Builder::new("pool").domain(&domain).class(4096, 4).create().unwrap();
    producer.kill();

    let before = everything();
    let observer = DomainObserver::open(&name).unwrap();
    for _ in 0..3 {
        let listing = observer.list().unwrap();
        let states: Vec<_> = listing.processes.iter().map(|process| process.is_alive).collect();
        assert_eq!(states, [true, false], "the dead one is there as long as no member has swept it");
        let names: Vec<_> = listing.names.iter().map(|info| info.name.as_str()).collect();
        assert_eq!(names, ["frames", "jobs", "numbers", "pool", "prices"]);
        for info in &listing.names {
            assert_eq!(observer.look_up(&info.name).unwrap().as_ref(), Some(info));
        }
        let numbers = spsc::Observer::open_in(&observer, "numbers").unwrap();
        assert_eq!((numbers.counters().pushed, numbers.counters().waiting), (5, 4));
        assert!(matches!(numbers.producer().unwrap(), PeerState::Gone(_)));
        assert_eq!(numbers.consumer().unwrap(), PeerState::Alive { pid: std::process::id() });
        let frames = bytes::Observer::open_in(&observer, "frames").unwrap();
        assert_eq!(frames.producer().unwrap(), PeerState::Alive { pid: std::process::id() });
        assert_eq!(mpmc::Observer::open_in(&observer, "jobs").unwrap().producers().unwrap().alive, 1);
        let prices = broadcast::Observer::open_in(&observer, "prices").unwrap();
        assert_eq!(prices.publisher().unwrap(), PeerState::Alive { pid: std::process::id() });
        assert_eq!(pool::Stats::read_in(&observer, "pool").unwrap().in_use(), 0);
        let other = spsc::Observer::open_in(&observer, "frames").unwrap_err();
        assert!(matches!(other.kind(), AttachErrorKind::Kind { .. }), "{other}");
        let missing = spsc::Observer::open_in(&observer, "nothing").unwrap_err();
        assert!(matches!(missing.kind(), AttachErrorKind::NotFound), "{missing}");
    }
    assert_eq!(everything(), before);
    drop(consumer);
}

#[test]
fn an_observer_keeps_nothing_from_being_removed() {
    private_namespace();
    let before = kernel_objects();
    let name = unique("removed");
    let domain = Domain::open(&name).unwrap();
    let producer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_sender().unwrap();
    let observer = DomainObserver::open(&name).unwrap();
    let owner = domain.me();
    assert!(observer.is_alive(owner).unwrap() && observer.look_up("numbers").unwrap().is_some());
    drop((producer, domain));
    assert_eq!(kernel_objects(), before);
    let gone = observer.list().unwrap_err();
    assert!(
        matches!(gone.kind(), AttachErrorKind::System(error) if error.kind() == ErrorKind::Removed),
        "{gone}"
    );
    assert_eq!(observer.is_alive(owner).unwrap_err().kind(), ErrorKind::Removed);
    let none = DomainObserver::open(&name).unwrap_err();
    assert!(
        matches!(none.kind(), AttachErrorKind::System(error) if error.kind() == ErrorKind::NotFound),
        "{none}"
    );
    assert_eq!(kernel_objects(), before, "a look makes nothing");
}

#[test]
fn the_domains_lock_is_not_waited_for() {
    const LOCK: u16 = 0;
    private_namespace();
    let name = unique("locked");
    let domain = Domain::open(&name).unwrap().with_patience(Duration::from_millis(20));
    let _producer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_sender().unwrap();
    let key = ipc_ring::gc::domain_key(&name, nix::unistd::geteuid().as_raw());
    let set = SemaphoreSet::open(key, ipc_core::sem::Count::Any, &Trust::same_user()).unwrap();
    set.perform(&[Op::wait_zero(LOCK), Op::add(LOCK, 1)]).unwrap();
    let waited = domain.list().unwrap_err();
    assert!(matches!(waited.kind(), AttachErrorKind::LockTimeout { .. }), "{waited}");
    let observer = DomainObserver::open(&name).unwrap();
    assert_eq!(observer.list().unwrap().names.len(), 1);
    assert_eq!(spsc::Observer::open_in(&observer, "numbers").unwrap().counters().pushed, 0);
    set.perform(&[Op::take(LOCK, 1)]).unwrap();
}

#[test]
fn another_user_observes_what_it_may_read() {
    private_namespace();
    if !nix::unistd::geteuid().is_root() {
        skip(Need::Root, "other users are played");
        return;
    }
    let me = nix::unistd::geteuid().as_raw();
    let ask = |domain: &str| {
        let mut child = Role::start("stranger", &[domain, &me.to_string()]);
        let said = child.hear();
        child.finish();
        said
    };
    let readable = Mode::PRIVATE.others_read();
    let trust = Trust::same_user().mode_at_most(readable);
    let (open, closed) = (unique("readable"), unique("private"));
    let domain = Domain::open_shared(&open, me, readable, trust).unwrap();
    let mut producer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_sender().unwrap();
    (0..3).for_each(|number| producer.push(number).unwrap());
    assert_eq!(ask(&open), "3 pushed, 1 alive, numbers");
    let private = Domain::open(&closed).unwrap();
    let said = ask(&closed);
    assert!(said.starts_with("no domain: ") && said.contains("EACCES"), "{said}");
    // A user with the right to read changes nothing that members see.
    assert_eq!(domain.list().unwrap().processes.len(), 1);
    drop(private);
}

/// Also when an assertion fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_entry_that_changes_while_it_is_read_is_never_mixed_up_with_another() {
    private_namespace();
    let name = unique("churn");
    let domain = Domain::open(&name).unwrap();
    let observer = DomainObserver::open(&name).unwrap();
    let stop = AtomicBool::new(false);
    let capacity = |name: &str| 8_u64 << name.len();
    let mut seen = [0; 2];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut before = None;
            while !stop.load(Ordering::Relaxed) {
                for name in ["a", "bb"] {
                    let builder = spsc::Builder::<u64>::new(name).domain(&domain).capacity(capacity(name));
                    let producer = builder.create_sender().unwrap();
                    // The next one takes the place in the directory, while the memory of this one is there.
                    domain.remove_channel(name).unwrap();
                    before = Some(producer);
                }
            }
            drop(before);
        });
        let stop = Stop(&stop);
        while seen.iter().any(|seen| *seen < 200) {
            for info in observer.list().unwrap().names {
                match info.what {
                    Named::Channel(channel) => {
                        assert_eq!(channel.capacity, capacity(&info.name), "{}", info.name)
                    }
                    // Gone between two checks.
                    Named::Unreadable { .. } => continue,
                    ref other => panic!("{other:?}"),
                }
                seen[info.name.len() - 1] += 1;
            }
            for name in ["a", "bb"] {
                match spsc::Observer::open_in(&observer, name) {
                    Ok(found) => assert_eq!(found.capacity(), capacity(name)),
                    Err(error) => assert!(matches!(error.kind(), AttachErrorKind::NotFound), "{error}"),
                }
            }
        }
        drop(stop);
    });
}

#[test]
fn a_persistent_channel_that_no_process_has_is_found_by_its_key() {
    private_namespace();
    let name = unique("kept");
    let domain = Domain::open(&name).unwrap();
    let builder = spsc::Builder::<u64>::new("numbers").domain(&domain).lifetime(Lifetime::Persistent);
    let mut producer = builder.create_sender().unwrap();
    producer.push(1).unwrap();
    drop(producer);
    let observer = DomainObserver::open(&name).unwrap();
    assert_eq!(spsc::Observer::open_in(&observer, "numbers").unwrap().counters().pushed, 1);
    let Named::Channel(found) = observer.look_up("numbers").unwrap().unwrap().what else { panic!() };
    assert!(found.is_persistent && found.ends.iter().all(|end| !end.is_alive));
    assert!(domain.remove_channel("numbers").unwrap());
    assert_eq!(observer.look_up("numbers").unwrap(), None);
}
