//! Dropping what a process has in a domain while another one has the lock.

use std::time::Duration;

use ipc_ring::control::{Builder, Connection, Listener, Watch};
use ipc_ring::platform::Site;
use ipc_ring::{Domain, Lifetime, PeerExit, PeerState, WaitSet, WaitStrategy, fault, spsc};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::common::{Role, kernel_objects, listen, private_namespace, say, unique};
use crate::holder::Holder;
use crate::kinds::{self, How, Told};

const ROUNDS: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(20);

/// What is in use in a domain: processes, names, queues, wake semaphores.
fn in_use(domain: &Domain) -> (usize, Vec<String>, usize, usize) {
    let listing = domain.list().unwrap();
    let names = listing.names.into_iter().map(|name| name.name).collect();
    (listing.processes.len(), names, listing.queues, listing.wakes)
}

/// Runs `f` while a stopped process has the lock. No process may be seen waiting for it.
fn without_the_lock<R>(what: &str, f: impl FnOnce() -> R) -> R {
    let holder = Holder::start();
    let result = f();
    assert_eq!(holder.end(), 0, "{what}: a process waited for the lock");
    result
}

#[test]
fn ends_of_every_kind_leave_without_it() {
    private_namespace();
    let domain = Domain::open(&unique("leaving")).unwrap();
    let unused = in_use(&domain);
    for kind in kinds::ALL {
        for round in 0..ROUNDS {
            let how = How::new(&domain, WaitStrategy::Sleep);
            let open = || ((kind.giver)(how).unwrap(), (kind.taker)(how).unwrap());
            let (mut giver, mut taker) = open();
            assert_eq!(giver.give(1, PATIENCE), Told::Yes, "{}", kind.name);
            assert_eq!(taker.take(PATIENCE), Told::Number(1), "{}", kind.name);
            without_the_lock(kind.name, || match round % 3 {
                0 => {
                    drop(giver);
                    assert!(matches!(taker.take(PATIENCE), Told::Closed | Told::Gone), "{}", kind.name);
                    drop(taker);
                }
                1 => {
                    giver.leave();
                    assert_eq!(taker.take(PATIENCE), Told::Gone, "{}", kind.name);
                    drop(taker);
                }
                _ => {
                    drop(taker);
                    drop(giver);
                }
            });
            // The same roles again, in the same process.
            let (mut giver, mut taker) = open();
            assert_eq!(giver.give(2, PATIENCE), Told::Yes, "{}", kind.name);
            assert_eq!(taker.take(PATIENCE), Told::Number(2), "{}", kind.name);
            drop((giver, taker));
            assert_eq!(in_use(&domain), unused, "{} in round {round}", kind.name);
        }
    }
}

#[test]
fn the_other_end_knows_at_once() {
    private_namespace();
    let domain = Domain::open(&unique("peer")).unwrap();
    let channel = spsc::Builder::<u64>::new("peer").domain(&domain);
    for _ in 0..ROUNDS {
        let (producer, consumer) = (channel.create_sender().unwrap(), channel.create_receiver().unwrap());
        let seen = without_the_lock("spsc", || {
            producer.detach();
            consumer.peer()
        });
        assert_eq!(seen.unwrap(), PeerState::Gone(PeerExit::Detached));
        drop(consumer);
        let (producer, consumer) = (channel.create_sender().unwrap(), channel.create_receiver().unwrap());
        let seen = without_the_lock("spsc", || {
            drop(consumer);
            producer.peer()
        });
        assert_eq!(seen.unwrap(), PeerState::Gone(PeerExit::Detached));
        // One of two ends left: the channel is still there, for a successor.
        drop(channel.open_receiver().unwrap());
    }
}

#[test]
fn a_persistent_channel_stays_and_one_that_has_ended_goes() {
    private_namespace();
    let domain = Domain::open(&unique("persistent")).unwrap();
    let unused = (in_use(&domain), kernel_objects());
    let channel = spsc::Builder::<u64>::new("kept").domain(&domain).lifetime(Lifetime::Persistent);
    for _ in 0..ROUNDS {
        let mut producer = channel.create_sender().unwrap();
        producer.push(7).unwrap();
        without_the_lock("kept", || drop(producer));
        assert_eq!(in_use(&domain), unused.0);
        let mut consumer = channel.open_receiver().unwrap();
        assert_eq!(consumer.pop().unwrap(), 7);
        without_the_lock("kept", || drop(consumer));
        assert_eq!(in_use(&domain), unused.0);
        let (producer, consumer) = (channel.open_sender().unwrap(), channel.open_receiver().unwrap());
        without_the_lock("ended", || {
            producer.close();
            drop(consumer);
        });
        assert_eq!((in_use(&domain), kernel_objects()), unused);
    }
}

/// The child's half: a member that is stopped while it joins.
pub fn joiner(domain: &str) {
    fault::arm_stop(Site::DomainSlotTaken, 0);
    let _domain = Domain::open(domain).unwrap();
    say("joined");
    listen();
}

#[test]
fn a_process_that_joins_deals_with_what_was_left_meanwhile() {
    private_namespace();
    let domain = Domain::open(&unique("joiner")).unwrap();
    let channel = spsc::Builder::<u64>::new("ended").domain(&domain).lifetime(Lifetime::Persistent);
    let under_keys = || {
        let segments = ipc_core::list::segments().unwrap();
        segments.iter().filter(|(_, stat)| stat.permissions().key() != ipc_core::Key::PRIVATE).count()
    };
    let unused = under_keys();
    let (producer, consumer) = (channel.create_sender().unwrap(), channel.create_receiver().unwrap());
    let mut joiner = Role::start("joiner", &[domain.name()]);
    let pid = Pid::from_raw(joiner.pid() as i32);
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert_eq!(stopped, WaitStatus::Stopped(pid, Signal::SIGSTOP));
    producer.close();
    drop(consumer);
    assert_eq!(under_keys(), unused + 1, "the lock was free");
    kill(pid, Signal::SIGCONT).unwrap();
    assert_eq!(joiner.hear(), "joined");
    assert_eq!(under_keys(), unused);
    joiner.tell("end");
    joiner.finish();
}

/// A server and a client of it.
fn connected(service: &Builder) -> (Listener, Connection, Connection) {
    let mut listener = service.bind().unwrap();
    let client = std::thread::spawn({
        let service = service.clone();
        move || service.connect().unwrap()
    });
    let server = listener.accept_timeout(PATIENCE).unwrap();
    (listener, server, client.join().unwrap())
}

#[test]
fn listeners_connections_sets_and_watches_leave_without_it() {
    private_namespace();
    let domain = Domain::open(&unique("control")).unwrap();
    let service = Builder::new("service").domain(&domain);
    let channel = spsc::Builder::<u64>::new("watched").domain(&domain);
    let unused = (in_use(&domain), kernel_objects());
    for _ in 0..ROUNDS {
        let (listener, server, mut client) = connected(&service);
        let (producer, set) = (channel.create_sender().unwrap(), WaitSet::new(&domain).unwrap());
        let watch = Watch::new(&domain, "watched").unwrap();
        without_the_lock("control", || {
            drop(server);
            assert!(matches!(client.recv_timeout(PATIENCE), Err(ipc_ring::PopError::Closed)));
            drop((client, listener, set, watch, producer));
        });
        assert_eq!((in_use(&domain), kernel_objects()), unused);
    }
}

/// The child's half: a member that leaves on request, and lives on.
pub fn member(domain: &str) {
    let domain = Domain::open(domain).unwrap();
    let producer = spsc::Builder::<u64>::new("of-a-member").domain(&domain).create_sender().unwrap();
    say("joined");
    listen();
    drop((producer, domain));
    say("left");
    listen();
}

#[test]
fn processes_leave_without_it() {
    private_namespace();
    let before = kernel_objects();
    let name = unique("members");
    for _ in 0..ROUNDS {
        let domain = Domain::open(&name).unwrap();
        let unused = in_use(&domain);
        let mut member = Role::start("member", &[&name]);
        assert_eq!(member.hear(), "joined");
        assert_eq!(in_use(&domain).0, unused.0 + 1);
        without_the_lock("a member", || {
            member.tell("leave");
            assert_eq!(member.hear(), "left");
        });
        assert_eq!(in_use(&domain), unused);
        // The last one cannot remove the domain. The next one can.
        without_the_lock("the last member", || drop(domain));
        assert_eq!(kernel_objects().1.len(), before.1.len() + 1);
        drop(Domain::open(&name).unwrap());
        assert_eq!(kernel_objects(), before);
        member.tell("end");
        member.finish();
    }
}
