//! Children made by `fork` while other threads of their parent open and close things, and threads that open
//! things at a time: no lock of a process's own is held while it waits for others, and a child has none of
//! its parent's.

mod common;
mod kinds;
mod spsc_common;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_core::sem::{Op, SemaphoreSet};
use ipc_ring::{Domain, WaitStrategy};
use kinds::{ALL, How, Kind, Told, all};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);
/// A child that hangs is killed after this number of seconds.
const CHILD_SECONDS: u32 = 30;
const CHILDREN: u64 = 60;
/// The semaphore that is a domain's lock.
const LOCK: u16 = 0;

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role[0].as_str() {
        "amid others" => amid_others(),
        "keep" => {
            let _kept = Domain::open(&role[1]).unwrap();
            let set = the_only_set();
            set.perform(&[Op::wait_zero(LOCK), Op::add(LOCK, 1).undo()]).unwrap();
            say("there");
            listen();
            set.perform(&[Op::take(LOCK, 1).undo()]).unwrap();
            listen();
        }
        "beside one that is stuck" => beside_one_that_is_stuck(),
        other => panic!("no such role: {other:?}"),
    }
}

/// A child that does this and must exit successfully. Other threads of this process are active: the child
/// uses nothing of theirs except the allocator, which the C library takes care of.
fn child(work: impl FnOnce()) -> Pid {
    // SAFETY: see above; the child leaves by `_exit`.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            nix::unistd::alarm::set(CHILD_SECONDS);
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // SAFETY: ends this process at once; nothing that it inherited is released.
            unsafe { nix::libc::_exit(if done.is_ok() { 0 } else { 101 }) }
        }
    }
}

fn ends_well(child: Pid, what: &str) {
    assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0), "{what}");
}

/// Opens the domain and a channel in it, and uses them.
fn use_one(kind: &Kind, domain: &str) {
    let domain = Domain::open(domain).unwrap();
    let how = How::new(&domain, WaitStrategy::default());
    let mut taker = (kind.taker)(how).unwrap();
    let mut giver = (kind.giver)(how).unwrap();
    assert_eq!(giver.give(1, LONG), Told::Yes, "{}", kind.name);
    assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
}

fn amid_others() {
    private_namespace();
    let names = [unique("amid"), unique("amid")];
    let (over, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for name in &names {
            let (over, rounds) = (&over, &rounds);
            scope.spawn(move || {
                for kind in all().cycle().take_while(|_| !over.load(Ordering::Relaxed)) {
                    use_one(kind, name);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for number in 0..CHILDREN {
            // The others are in the middle of it, not just before or after.
            while rounds.load(Ordering::Relaxed) < number {
                std::thread::yield_now();
            }
            let kind = all().cycle().nth(number as usize).unwrap();
            let ended = waitpid(child(|| use_one(kind, &unique("child"))), None).unwrap();
            if !matches!(ended, WaitStatus::Exited(_, 0)) {
                over.store(true, Ordering::Relaxed);
                panic!("child {number}, {}: {ended:?}", kind.name);
            }
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_child_opens_and_uses_channels_whatever_its_parents_threads_were_doing() {
    Role::start("amid others", &[]).finish();
}

fn the_only_set() -> SemaphoreSet {
    let sets = ipc_core::list::sets().unwrap();
    let [(id, _)] = sets[..] else { panic!("a namespace with one domain has other sets: {sets:?}") };
    SemaphoreSet::from_id(id)
}

/// Another process's domain, which keeps the lock, as one that is stopped would.
fn beside_one_that_is_stuck() {
    private_namespace();
    let stuck = unique("stuck");
    let mut owner = Role::start("keep", &[&stuck]);
    assert_eq!(owner.hear(), "there");
    let set = the_only_set();
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| Domain::open(&stuck).map(|_| ()));
        while set.waiting_for_zero(LOCK).unwrap() == 0 {
            assert!(!opening.is_finished(), "it waits for the lock");
            std::thread::yield_now();
        }
        use_one(&ALL[0], &unique("other"));
        ends_well(child(|| use_one(&ALL[0], &unique("child"))), "a child");
        owner.tell("free it");
        // Not too late for it: nothing above has waited for it.
        opening.join().unwrap().unwrap();
    });
    owner.tell("go");
    owner.finish();
}

#[test]
fn a_stuck_domain_does_not_block_another_domain() {
    Role::start("beside one that is stuck", &[]).finish();
}

/// Many threads open one domain at a time: they are one member, whichever was first.
#[test]
fn threads_that_open_a_domain_at_a_time_share_a_membership() {
    private_namespace();
    let before = kernel_objects();
    for _ in 0..20 {
        let name = unique("at a time");
        let barrier = Barrier::new(4);
        let domains: Vec<Domain> = std::thread::scope(|scope| {
            let open = || {
                barrier.wait();
                Domain::open(&name).unwrap()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let now = Domain::open(&name).unwrap();
        assert!(domains.iter().any(|domain| domain.me() == now.me()));
        assert!(domains.iter().all(|domain| domain.me() == domains[0].me()));
    }
    assert_eq!(kernel_objects(), before);
}
