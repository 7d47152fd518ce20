//! What processes do besides passing messages, with every kind of channel: they fork, start other programs,
//! are stopped, have several attachments and threads, and have the same process id as another process.

mod common;
mod kinds;
mod spsc_common;

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{ROLE, Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_core::Key;
use ipc_core::shm::{Options, SharedMemory};
use ipc_ring::{AttachError, AttachErrorKind, Domain, WaitStrategy};
use kinds::{How, Kind, Taker, Told, all, kind};
use nix::sched::CloneFlags;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);
/// Long enough for a heartbeat in between.
const A_WHILE: Duration = Duration::from_millis(150);

fn how(domain: &Domain) -> How<'_> {
    How::new(domain, WaitStrategy::Sleep)
}

/// The children's half.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fork"] => all().for_each(|kind| fork_with(kind, in_a_child)),
        ["fork number one"] => {
            let work = &mut || all().for_each(|kind| fork_with(kind, in_another_number_one));
            match as_number_one(work) {
                Ok(child) => ends_well(child),
                Err(errno) => common::skip(common::Need::PidNamespace, errno.desc()),
            }
        }
        ["numbers"] => same_numbers(),
        ["give", name, domain] => give_and(name, domain, || {
            listen();
        }),
        ["give and exec", name, domain] => give_and(name, domain, || {
            let error = Command::new("/proc/self/exe")
                .args(["--exact", &common::plays_a_role(), "--nocapture", "--test-threads=1", "--quiet"])
                .env(ROLE, "sit")
                .exec();
            panic!("{error}");
        }),
        ["sit"] => {
            say("sitting");
            listen();
        }
        ["take", name, domain] => {
            let domain = Domain::open(domain).unwrap();
            let _taker = (kind(name).taker)(how(&domain)).unwrap();
            say("there");
            listen();
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

fn give_and(name: &str, domain: &str, then: impl FnOnce()) {
    let domain = Domain::open(domain).unwrap();
    let mut giver = (kind(name).giver)(how(&domain)).unwrap();
    assert_eq!(giver.give(1, LONG), Told::Yes);
    say("given");
    then();
}

/// The channel works: a new giver's numbers come to this taker, or to a new one.
fn works(kind: &Kind, domain: &Domain, taker: Option<Box<dyn Taker>>) {
    let mut taker = taker.unwrap_or_else(|| (kind.taker)(how(domain)).unwrap());
    let mut giver = (kind.giver)(how(domain)).unwrap();
    for number in 1000..1003 {
        assert_eq!(giver.give(number, LONG), Told::Yes, "{}", kind.name);
        // A number given by a process that died may come first.
        while take_past_deaths(kind, &mut *taker) != number {}
    }
}

/// The next number. The report of a giver's death may still be about the previous one.
fn take_past_deaths(kind: &Kind, taker: &mut dyn Taker) -> u64 {
    loop {
        match taker.take(LONG) {
            Told::Number(number) => return number,
            Told::Gone => {}
            other => panic!("{}: {other:?}", kind.name),
        }
    }
}

/// A child of fork, or the like, that does this and must exit successfully. The calling thread is the only
/// active one of its process.
type Start = fn(&mut dyn FnMut()) -> Pid;

fn in_a_child(work: &mut dyn FnMut()) -> Pid {
    // SAFETY: the other thread of this process, the watchdog, sleeps, and holds nothing.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => end_with(work),
    }
}

/// Runs it, and ends the process.
fn end_with(work: &mut dyn FnMut()) -> ! {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    // SAFETY: ends this process at once, with all its threads; nothing that it inherited is released.
    unsafe { nix::libc::_exit(if done.is_ok() { 0 } else { 101 }) }
}

/// The same in a PID namespace of its own, in which the child has number 1.
fn as_number_one(work: &mut dyn FnMut()) -> nix::Result<Pid> {
    let mut stack = vec![0; 1 << 20];
    let life = Box::new(|| end_with(work));
    let flags = CloneFlags::CLONE_NEWPID;
    // SAFETY: memory is not shared, so the child has a stack of its own at that address, and lives like the
    // child of a fork.
    unsafe { nix::sched::clone(life, &mut stack, flags, Some(Signal::SIGCHLD as i32)) }
}

fn in_another_number_one(work: &mut dyn FnMut()) -> Pid {
    assert_eq!(std::process::id(), 1);
    as_number_one(&mut || {
        assert_eq!(std::process::id(), 1);
        work();
    })
    .unwrap()
}

fn ends_well(child: Pid) {
    assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
}

fn kill_and_wait(child: Pid) {
    kill(child, Signal::SIGKILL).unwrap();
    assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Signaled(child, Signal::SIGKILL, false));
}

fn fork_with(kind: &Kind, start: Start) {
    private_namespace();
    let before = kernel_objects();
    let name = unique("fork");
    let domain = Domain::open(&name).unwrap();
    let me = domain.me();
    let taker = (kind.taker)(how(&domain)).unwrap();
    let mut giver = (kind.giver)(how(&domain)).unwrap();
    assert_eq!(giver.give(1, LONG), Told::Yes);
    let mut all = Some((giver, taker, domain));
    // A child drops what it inherited: in its own memory; here it stays.
    ends_well(start(&mut || {
        let (giver, taker, domain) = all.take().unwrap();
        let other = (kind.taker)(how(&domain)).map(|_| ());
        assert!(
            matches!(other.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::Forked)),
            "{}: {other:?}",
            kind.name
        );
        let other = other.unwrap_err();
        assert!(other.channel().is_some() && other.domain() == Some(domain.name()), "{}: {other}", kind.name);
        giver.leave();
        drop(taker);
        drop(domain);
    }));
    // Another one dies with it.
    kill_and_wait(start(&mut || {
        loop {
            nix::unistd::pause();
        }
    }));
    // A third one joins by itself, as another member.
    ends_well(start(&mut || {
        let domain = Domain::open(&name).unwrap();
        assert!(domain.me() != me && domain.is_alive(me).unwrap());
        let second = (kind.giver)(how(&domain));
        assert!(second.is_ok() == kind.many_givers, "{}", kind.name);
    }));
    let (mut giver, mut taker, domain) = all.unwrap();
    assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
    assert_eq!(giver.give(2, LONG), Told::Yes, "{}", kind.name);
    assert_eq!(taker.take(LONG), Told::Number(2), "{}", kind.name);
    assert!(domain.is_alive(me).unwrap());
    drop((giver, taker, domain));
    assert_eq!(kernel_objects(), before, "{}", kind.name);
}

#[test]
fn a_child_of_fork_disturbs_nothing_that_it_inherited() {
    Role::start("fork", &[]).finish();
}

/// In a PID namespace parent and child can have the same process id.
#[test]
fn a_child_with_the_number_of_its_parent_is_not_its_parent() {
    Role::start("fork number one", &[]).finish();
}

/// A taker's progress, in memory that outlives processes.
const TOOK: u64 = 1;
const SAW_THE_DEATH: u64 = 2;

/// Giver, taker and the giver's successor are all number 1.
fn same_numbers() {
    private_namespace();
    let page = SharedMemory::create_new(Key::PRIVATE, 4096, &Options::default()).unwrap();
    let attached = page.attach().unwrap();
    page.remove().unwrap();
    let stage: &AtomicU64 = attached.atomic_u64(0).unwrap();
    for kind in all() {
        let before = kernel_objects();
        stage.store(0, Ordering::SeqCst);
        let name = unique("numbers");
        let taking = &mut || {
            assert_eq!(std::process::id(), 1);
            let domain = Domain::open(&name).unwrap();
            let mut taker = (kind.taker)(how(&domain)).unwrap();
            assert_eq!(take_past_deaths(kind, &mut *taker), 1);
            stage.store(TOOK, Ordering::SeqCst);
            assert_eq!(taker.take(LONG), Told::Gone, "{}", kind.name);
            stage.store(SAW_THE_DEATH, Ordering::SeqCst);
            assert_eq!(take_past_deaths(kind, &mut *taker), 2);
        };
        let taker = match as_number_one(taking) {
            Ok(taker) => taker,
            Err(errno) => return common::skip(common::Need::PidNamespace, errno.desc()),
        };
        let await_stage = |wanted| {
            while stage.load(Ordering::SeqCst) < wanted {
                assert_eq!(waitpid(taker, Some(WaitPidFlag::WNOHANG)).unwrap(), WaitStatus::StillAlive);
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let domain_name = name.as_str();
        let giving = |number| {
            move || {
                assert_eq!(std::process::id(), 1);
                let domain = Domain::open(domain_name).unwrap();
                let mut giver = (kind.giver)(how(&domain)).unwrap();
                assert_eq!(giver.give(number, LONG), Told::Yes, "{}", kind.name);
                loop {
                    nix::unistd::pause();
                }
            }
        };
        let first = as_number_one(&mut giving(1)).unwrap();
        await_stage(TOOK);
        kill_and_wait(first);
        await_stage(SAW_THE_DEATH);
        let second = as_number_one(&mut giving(2)).unwrap();
        ends_well(taker);
        kill_and_wait(second);
        drop(Domain::open(&name).unwrap());
        assert_eq!(kernel_objects(), before, "{}", kind.name);
    }
}

#[test]
fn a_successor_with_the_number_of_the_dead_is_not_the_dead() {
    Role::start("numbers", &[]).finish();
}

/// Ends of the same process, by two handles of the domain and next to those of other domains.
#[test]
fn several_attachments_of_one_process_are_separate() {
    private_namespace();
    let before = kernel_objects();
    for kind in all() {
        let names = [unique("several"), unique("several")];
        let domains = [&names[0], &names[0], &names[1]].map(|name| Domain::open(name).unwrap());
        let mut taker = (kind.taker)(how(&domains[0])).unwrap();
        let mut giver = (kind.giver)(how(&domains[1])).unwrap();
        let other = ((kind.taker)(how(&domains[2])).unwrap(), (kind.giver)(how(&domains[2])).unwrap());
        let second = (kind.giver)(how(&domains[0]));
        match second.map_err(AttachError::into_kind) {
            Ok(_) => assert!(kind.many_givers),
            Err(AttachErrorKind::EndTaken { pid }) => {
                assert!(!kind.many_givers && pid == std::process::id(), "{}", kind.name);
            }
            Err(other) => panic!("{}: {other:?}", kind.name),
        }
        drop(domains);
        drop(other);
        for number in 0..3 * kinds::CAPACITY {
            assert_eq!(giver.give(number, LONG), Told::Yes, "{}", kind.name);
            assert_eq!(taker.take(LONG), Told::Number(number), "{}", kind.name);
        }
        giver.leave();
        works(kind, &Domain::open(&names[0]).unwrap(), Some(taker));
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn ends_go_to_other_threads() {
    private_namespace();
    let before = kernel_objects();
    for kind in all() {
        let domain = Domain::open(&unique("threads")).unwrap();
        let mut taker = (kind.taker)(how(&domain)).unwrap();
        let mut giver = (kind.giver)(how(&domain)).unwrap();
        let last = 500;
        std::thread::scope(|scope| {
            scope
                .spawn(move || (1..=last).for_each(|number| assert_eq!(giver.give(number, LONG), Told::Yes)));
            scope.spawn(move || {
                let mut before = 0;
                while before < last {
                    match taker.take(LONG) {
                        Told::Number(number) => {
                            assert!(
                                number > before && (number == before + 1 || !kind.fills),
                                "{}",
                                kind.name
                            );
                            before = number;
                        }
                        other => panic!("{}: {other:?} after {before}", kind.name),
                    }
                }
            });
        });
    }
    assert_eq!(kernel_objects(), before);
}

/// After `exec` a process stores nothing any more, although the kernel keeps its token until it ends.
#[test]
fn a_program_that_was_replaced_by_another_one_is_gone() {
    private_namespace();
    for kind in all() {
        let domain = Domain::open(&unique("exec")).unwrap();
        let mut taker = (kind.taker)(how(&domain)).unwrap();
        let mut giver = Role::start("give and exec", &[kind.name, domain.name()]);
        assert_eq!((giver.hear(), giver.hear()), ("given".to_owned(), "sitting".to_owned()));
        assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
        assert_eq!(taker.take(LONG), Told::Gone, "{}", kind.name);
        assert_eq!(domain.owner_of(giver.pid()).unwrap(), None);
        works(kind, &domain, Some(taker));
        giver.tell("go");
        giver.finish();
    }
}

fn stop(role: &Role) {
    kill(Pid::from_raw(role.pid() as i32), Signal::SIGSTOP).unwrap();
}

fn evict(domain: &Domain, role: &mut Role) {
    let stopped = domain.owner_of(role.pid()).unwrap().expect("a stopped process is alive");
    assert!(domain.evict(stopped, Instant::now() + LONG).unwrap());
    role.wait_killed();
}

#[test]
fn a_stopped_giver_is_alive_until_it_is_evicted() {
    private_namespace();
    for kind in all() {
        let domain = Domain::open(&unique("stopped")).unwrap();
        let mut taker = (kind.taker)(how(&domain)).unwrap();
        let mut giver = Role::start("give", &[kind.name, domain.name()]);
        assert_eq!(giver.hear(), "given");
        stop(&giver);
        assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
        assert_eq!(taker.take(A_WHILE), Told::TimedOut, "{}", kind.name);
        if !kind.many_givers {
            let taken = (kind.giver)(how(&domain)).map(|_| ());
            assert!(
                matches!(taken.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::EndTaken { .. })),
                "{}: {taken:?}",
                kind.name
            );
        }
        evict(&domain, &mut giver);
        assert_eq!(taker.take(LONG), Told::Gone, "{}", kind.name);
        works(kind, &domain, Some(taker));
    }
}

#[test]
fn a_stopped_taker_holds_up_until_it_is_evicted() {
    private_namespace();
    for kind in all().filter(|kind| kind.fills) {
        let domain = Domain::open(&unique("stopped")).unwrap();
        let mut giver = (kind.giver)(how(&domain)).unwrap();
        let mut taker = Role::start("take", &[kind.name, domain.name()]);
        assert_eq!(taker.hear(), "there");
        stop(&taker);
        let mut given = 0;
        let told = loop {
            match giver.give(given, A_WHILE) {
                Told::Yes => given += 1,
                told => break told,
            }
        };
        assert_eq!(told, Told::TimedOut, "{} after {given}", kind.name);
        assert!(given > 0, "{}", kind.name);
        evict(&domain, &mut taker);
        giver.leave();
        works(kind, &domain, None);
    }
}
