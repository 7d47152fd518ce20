//! A process that is stopped is alive: it is neither recovered from nor replaced until another process evicts
//! it. And waiting for the end of a process, however it ends.

mod common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::{
    AttachError, AttachErrorKind, Domain, PeerExit, PeerState, WaitStrategy, broadcast, bytes, mpmc, spsc,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn far() -> Instant {
    Instant::now() + Duration::from_secs(100)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(150)
}

fn numbers(domain: &Domain) -> spsc::Builder<u64> {
    spsc::Builder::new("numbers").domain(domain).wait(WaitStrategy::Sleep)
}

fn prices(domain: &Domain) -> broadcast::Builder<u64> {
    broadcast::Builder::new("prices").domain(domain).wait(WaitStrategy::Sleep)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    let [kind, domain] = arguments[..] else { panic!("no such role: {arguments:?}") };
    let domain = Domain::open(domain).unwrap();
    match kind {
        "spsc" => {
            let mut producer = numbers(&domain).open_sender().unwrap();
            producer.push(1).unwrap();
            let mut claim = producer.try_claim().unwrap();
            claim.write(&2);
            say("holds a claim");
            listen();
        }
        "bytes" => {
            let mut producer = bytes::Builder::new("frames").domain(&domain).open_sender().unwrap();
            producer.push(b"one").unwrap();
            say("pushed");
            listen();
        }
        "broadcast" => {
            let mut publisher = prices(&domain).open_sender().unwrap();
            publisher.push(1).unwrap();
            say("published");
            listen();
        }
        "mpmc" => {
            let mut consumer = mpmc::Builder::<u64>::new("jobs").domain(&domain).open_receiver().unwrap();
            consumer
                .pop_with(|_| {
                    say("holds a message");
                    listen();
                })
                .unwrap();
        }
        "member" => {
            say(&format!("{:?}", domain.me()));
            listen();
        }
        _ => panic!("no such role: {kind}"),
    }
}

fn stop(role: &Role) {
    kill(Pid::from_raw(role.pid() as i32), Signal::SIGSTOP).unwrap();
}

#[test]
fn a_stopped_producer_keeps_its_seat_until_it_is_evicted() {
    private_namespace();
    let domain = Domain::open(&unique("evict-spsc")).unwrap();
    let mut consumer = numbers(&domain).create_receiver().unwrap();
    let mut producer = Role::start("spsc", &[domain.name()]);
    assert_eq!(producer.hear(), "holds a claim");
    stop(&producer);
    let pid = producer.pid();
    assert_eq!(consumer.pop().unwrap(), 1);
    assert!(matches!(consumer.pop_deadline(soon()), Err(spsc::PopError::TimedOut)), "it is not dead");
    assert_eq!(consumer.peer().unwrap(), PeerState::Alive { pid });
    assert!(
        matches!(numbers(&domain).open_sender().as_ref().map_err(AttachError::kind), Err(AttachErrorKind::EndTaken { pid: other }) if *other == pid)
    );

    assert!(consumer.evict_peer(far()).unwrap());
    producer.wait_killed();
    assert!(
        matches!(consumer.pop(), Err(spsc::PopError::PeerGone(PeerExit::Died { pid: other })) if other == pid)
    );
    let mut successor = numbers(&domain).open_sender().unwrap();
    assert_eq!(successor.pushed(), 1, "what was only claimed was never pushed");
    successor.push(3).unwrap();
    assert_eq!(consumer.pop().unwrap(), 3);
    assert!(
        matches!(
            consumer.evict_peer(far()).as_ref().map_err(AttachError::kind),
            Err(AttachErrorKind::SelfEviction)
        ),
        "this process holds both"
    );
    drop(successor);
    assert!(consumer.evict_peer(far()).unwrap(), "there is no peer");
}

#[test]
fn a_stopped_publisher_is_evicted_by_a_subscriber_and_its_successor_goes_on() {
    private_namespace();
    let domain = Domain::open(&unique("evict-broadcast")).unwrap();
    let mut subscriber = prices(&domain).create_receiver().unwrap();
    assert!(subscriber.evict_peer(far()).unwrap(), "there is none");
    let mut publisher = Role::start("broadcast", &[domain.name()]);
    assert_eq!(publisher.hear(), "published");
    stop(&publisher);
    let pid = publisher.pid();
    assert_eq!(subscriber.wait_for_peer(None).unwrap(), PeerState::Alive { pid }, "it is not dead");

    assert!(subscriber.evict_peer(far()).unwrap());
    publisher.wait_killed();
    assert_eq!(subscriber.peer().unwrap(), PeerState::Gone(PeerExit::Died { pid }));
    let mut successor = prices(&domain).open_sender().unwrap();
    assert_eq!(subscriber.wait_for_peer(None).unwrap(), PeerState::Alive { pid: std::process::id() });
    successor.push(2).unwrap();
    assert_eq!((subscriber.pop().unwrap(), subscriber.pop().unwrap()), (1, 2));
    assert!(matches!(
        subscriber.evict_peer(far()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::SelfEviction)
    ));
    drop(successor);
    assert!(subscriber.evict_peer(far()).unwrap(), "there is none any more");
}

#[test]
fn a_stopped_holder_of_frames_or_of_a_slot_is_evicted_and_what_it_held_goes_on() {
    private_namespace();
    let domain = Domain::open(&unique("evict-others")).unwrap();
    let mut frames = bytes::Builder::new("frames").domain(&domain).create_receiver().unwrap();
    let mut producer = Role::start("bytes", &[domain.name()]);
    assert_eq!(producer.hear(), "pushed");
    stop(&producer);
    assert_eq!(frames.pop().unwrap(), b"one");
    assert!(frames.evict_peer(far()).unwrap());
    producer.wait_killed();
    assert!(matches!(frames.pop(), Err(bytes::PopError::PeerGone(PeerExit::Died { .. }))));

    let jobs = mpmc::Builder::<u64>::new("jobs").domain(&domain).wait(WaitStrategy::Sleep);
    let mut queue = jobs.create_sender().unwrap();
    let mut mine = jobs.create_receiver().unwrap();
    queue.push(7).unwrap();
    let mut holder = Role::start("mpmc", &[domain.name()]);
    assert_eq!(holder.hear(), "holds a message");
    stop(&holder);
    assert!(matches!(mine.pop_deadline(soon()), Err(mpmc::PopError::TimedOut)), "a live process holds it");
    let member = Role::start("member", &[domain.name()]);
    // The queue does not name its holder; the domain knows its processes.
    let stopped = domain.owner_of(holder.pid()).unwrap().unwrap();
    assert!(domain.evict(stopped, far()).unwrap());
    holder.wait_killed();
    assert_eq!(mine.pop_deadline(far()).unwrap(), 7);
    assert!(!domain.is_alive(stopped).unwrap());
    drop(member);
}

#[test]
fn waiting_for_an_exit_ends_with_it_and_not_before() {
    private_namespace();
    let domain = Domain::open(&unique("evict-wait")).unwrap();
    for how in ["killed", "left", "evicted"] {
        let mut member = Role::start("member", &[domain.name()]);
        member.hear();
        let owner = domain.owner_of(member.pid()).unwrap().unwrap();
        assert!(!domain.wait_for_exit(owner, soon()).unwrap());
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| domain.wait_for_exit(owner, far()).unwrap());
            std::thread::sleep(Duration::from_millis(20));
            match how {
                "killed" => member.kill(),
                "left" => member.tell("go"),
                _ => assert!(domain.evict(owner, far()).unwrap()),
            }
            assert!(waiter.join().unwrap(), "{how}");
        });
        assert!(domain.wait_for_exit(owner, soon()).unwrap(), "{how}: it stays gone");
        assert!(domain.evict(owner, soon()).unwrap(), "{how}: nothing to do");
    }
    assert!(matches!(
        domain.evict(domain.me(), soon()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::SelfEviction)
    ));
    drop(domain);
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]));
}
