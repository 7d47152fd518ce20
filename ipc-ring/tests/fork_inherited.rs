//! What a child made by `fork` may do with what it inherited: nothing, and every call reports that.

mod common;
mod kinds;
mod spsc_common;

use std::time::{Duration, Instant};

use common::forks::in_a_child;
use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::control::{AcceptError, Builder, RequestError, Requester, Watch};
use ipc_ring::{
    AttachError, AttachErrorKind, Domain, Forked, PeerState, PopError, PushError, WaitSet, WaitSetError,
    WaitStrategy,
};
use ipc_ring::{bytes, latest, mpmc, pool, spsc};
use kinds::{Call, Giver, How, Kind, LENDER, Taker, Told, every, kind};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);

fn how(domain: &Domain) -> How<'_> {
    How::new(domain, WaitStrategy::Sleep)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["every kind"] => every().chain([LENDER]).for_each(|kind| every_call_is_refused(&kind)),
        ["half done"] => half_done(),
        ["beside channels"] => beside_channels(),
        ["daemon", name, domain] => become_a_daemon(name, domain),
        ref other => panic!("no such role: {other:?}"),
    }
}

fn all_forked(what: &str, calls: &[Call]) {
    assert!(!calls.is_empty());
    for (name, error) in calls {
        let error = error.as_deref().unwrap_or("it did not fail");
        assert!(error.contains("fork"), "{what}, {name}: {error}");
    }
}

fn every_call_is_refused(kind: &Kind) {
    private_namespace();
    let before = kernel_objects();
    let name = unique("inherited");
    let domain = Domain::open(&name).unwrap();
    let mut taker = (kind.taker)(how(&domain)).unwrap();
    let mut giver = (kind.giver)(how(&domain)).unwrap();
    assert_eq!(giver.give(1, LONG), Told::Yes, "{}", kind.name);
    in_a_child(|| {
        all_forked(kind.name, &giver.try_everything());
        assert!(giver.peer().is_none_or(|asked| asked.is_err()), "{}", kind.name);
        assert!(taker.peer().is_none_or(|asked| asked.is_err()), "{}", kind.name);
        all_forked(kind.name, &taker.try_everything());
        // The same when the child has joined the domain itself.
        let other = unique("own");
        let own = Domain::open(&other).unwrap();
        let mut own_taker = (kind.taker)(how(&own)).unwrap();
        let mut own_giver = (kind.giver)(how(&own)).unwrap();
        all_forked(kind.name, &giver.try_everything());
        all_forked(kind.name, &taker.try_everything());
        assert_eq!(own_giver.give(3, LONG), Told::Yes, "{}", kind.name);
        assert_eq!(own_taker.take(LONG), Told::Number(3), "{}", kind.name);
        drop((own_taker, own_giver));
        assert!(matches!(domain.list().as_ref().map_err(AttachError::kind), Err(AttachErrorKind::Forked)));
    });
    // Nothing of it has arrived here.
    assert_eq!(taker.take(LONG), Told::Number(1), "{}", kind.name);
    assert_eq!(giver.give(2, LONG), Told::Yes, "{}", kind.name);
    assert_eq!(taker.take(LONG), Told::Number(2), "{}", kind.name);
    drop((giver, taker, domain));
    assert_eq!(kernel_objects(), before, "{}", kind.name);
}

#[test]
fn every_call_of_an_inherited_end_says_so() {
    Role::start("every kind", &[]).finish();
}

/// A service opens its end, then forks and ends, as daemons do.
fn become_a_daemon(name: &str, domain: &str) {
    let opened = Domain::open(domain).unwrap();
    let mut giver = (kind(name).giver)(how(&opened)).unwrap();
    // SAFETY: the other thread of this process, the watchdog, sleeps, and holds nothing.
    if let ForkResult::Parent { .. } = unsafe { fork() }.unwrap() {
        // SAFETY: ends this process at once.
        unsafe { nix::libc::_exit(0) }
    }
    nix::unistd::alarm::set(60);
    let push = |giver: &mut Box<dyn Giver>, number| match giver.give(number, LONG) {
        Told::Otherwise(text) if text.contains("fork") => "forked".to_owned(),
        other => format!("{other:?}"),
    };
    say(&push(&mut giver, 100));
    listen();
    let told: Vec<String> = (101..109).map(|number| push(&mut giver, number)).collect();
    say(&told.join(" "));
    // SAFETY: ends this process at once; nothing that it inherited is released.
    unsafe { nix::libc::_exit(0) }
}

#[test]
fn a_daemon_that_opened_before_it_forked_is_told_at_its_first_message() {
    private_namespace();
    for kind in every().chain([LENDER]) {
        let domain = Domain::open(&unique("daemon")).unwrap();
        let mut daemon = Role::start("daemon", &[kind.name, domain.name()]);
        assert_eq!(daemon.hear(), "forked", "{}", kind.name);
        // Its end is free as soon as the process that opened it is gone.
        if let Some(opener) = domain.owner_of(daemon.pid()).unwrap() {
            assert!(domain.wait_for_exit(opener, Instant::now() + LONG).unwrap());
        }
        let mut taker = (kind.taker)(how(&domain)).unwrap();
        let mut successor = (kind.giver)(how(&domain)).unwrap();
        daemon.tell("go on");
        assert_eq!(daemon.hear(), ["forked"; 8].join(" "), "{}", kind.name);
        assert_eq!(successor.give(7, LONG), Told::Yes, "{}", kind.name);
        assert_eq!(take_past_deaths(&mut *taker), 7, "{}", kind.name);
    }
}

fn take_past_deaths(taker: &mut dyn Taker) -> u64 {
    loop {
        match taker.take(LONG) {
            Told::Number(number) => return number,
            Told::Gone => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Claims, views, loans and requests that were held at the fork.
fn half_done() {
    private_namespace();
    let domain = Domain::open(&unique("half")).unwrap();
    let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain);
    let (mut producer, mut consumer) = (numbers.create_sender().unwrap(), numbers.open_receiver().unwrap());
    producer.push(1).unwrap();
    let mut claim = Some(producer.try_claim().unwrap());
    let mut view = Some(consumer.try_view().unwrap());
    in_a_child(|| {
        assert!(matches!(claim.take().unwrap().commit(), Err(PushError::Forked(()))));
        view.take().unwrap().release();
    });
    assert_eq!(
        (consumer.pop().unwrap(), producer.peer().unwrap()),
        (1, PeerState::Alive { pid: std::process::id() })
    );
    assert!(matches!(consumer.try_pop(), Err(PopError::Empty)));

    let parent = std::process::id();
    let jobs = mpmc::Builder::<u64>::new("jobs").domain(&domain);
    let (mut producer, mut consumer) = (jobs.create_sender().unwrap(), jobs.open_receiver().unwrap());
    for number in 0..2 {
        producer.push(number).unwrap();
        let fork_with_it_in_hand = |lent: &mpmc::Lent<'_, mpmc::Mapped<u64>>| {
            // SAFETY: the child has one thread, and ends below.
            match unsafe { fork() }.unwrap() {
                ForkResult::Child => None,
                ForkResult::Parent { child } => Some((lent.read(), waitpid(child, None).unwrap())),
            }
        };
        let popped = if number == 0 {
            consumer.try_pop_with(fork_with_it_in_hand)
        } else {
            consumer.pop_with(fork_with_it_in_hand)
        };
        if std::process::id() != parent {
            let told = matches!(popped, Err(mpmc::PopError::Forked));
            // SAFETY: ends this process at once.
            unsafe { nix::libc::_exit(i32::from(!told)) }
        }
        let (value, child) = popped.unwrap().unwrap();
        assert_eq!(value, number);
        assert!(matches!(child, WaitStatus::Exited(_, 0)), "{child:?}");
        assert!(matches!(consumer.try_pop(), Err(mpmc::PopError::Empty)));
    }
    drop((producer, consumer));

    let pool = pool::Builder::new("pool").domain(&domain).class(64, 4).create().unwrap();
    let handles = spsc::Builder::<pool::Handle>::new("handles").domain(&domain);
    let (mut out, mut input) = (handles.create_sender().unwrap(), handles.open_receiver().unwrap());
    pool.loan(5).unwrap().send(&mut out).unwrap();
    let mut loans = Some((pool.loan(5).unwrap(), pool.loan(5).unwrap(), pool.receive(&mut input).unwrap()));
    in_a_child(|| {
        let own = Domain::open(&unique("own")).unwrap();
        let own = spsc::Builder::<pool::Handle>::new("handles").domain(&own);
        let (mut own_out, mut own_input) = (own.create_sender().unwrap(), own.open_receiver().unwrap());
        let (one, other, view) = loans.take().unwrap();
        assert!(matches!(one.send(&mut own_out).unwrap_err().error, PushError::Forked(_)));
        let (kept, handle) = other.share();
        assert!(matches!(pool.accept(&handle), Err(pool::Refused::Forked)));
        let view = view.into_loan().unwrap_err();
        drop((kept, view));
        assert!(matches!(own_input.try_pop(), Err(PopError::Empty)));
    });
    assert_eq!(pool.stats().in_use(), 3);
    drop(loans);
    assert_eq!(pool.stats().in_use(), 0);
}

#[test]
fn what_was_in_hand_at_the_fork_is_finished_by_the_parent() {
    Role::start("half done", &[]).finish();
}

/// Sets, observers, watches, listeners, connections.
fn beside_channels() {
    private_namespace();
    let before = kernel_objects();
    let domain = Domain::open(&unique("beside")).unwrap();
    let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain);
    let (_producer, mut consumer) = (numbers.create_sender().unwrap(), numbers.open_receiver().unwrap());
    let frames = bytes::Builder::new("frames").domain(&domain).create_sender().unwrap();
    let jobs = mpmc::Builder::<u64>::new("jobs").domain(&domain).create_sender().unwrap();
    let state = latest::Builder::<u64>::new("state").domain(&domain).create_sender().unwrap();
    let observer = spsc::Observer::open_in(&domain, "numbers").unwrap();
    let frames_observer = bytes::Observer::open_in(&domain, "frames").unwrap();
    let jobs_observer = mpmc::Observer::open_in(&domain, "jobs").unwrap();
    let mut set = WaitSet::new(&domain).unwrap();
    let mut watch = Watch::new(&domain, "numbers").unwrap();
    let service = Builder::new("service").domain(&domain).timeout(LONG);
    let mut listener = service.bind().unwrap();
    let (mut client, mut server) = std::thread::scope(|scope| {
        let client = scope.spawn(|| service.connect().unwrap());
        let server = listener.accept().unwrap();
        (client.join().unwrap(), server)
    });
    let (second, _second_server) = std::thread::scope(|scope| {
        let client = scope.spawn(|| service.connect().unwrap());
        let server = listener.accept().unwrap();
        (client.join().unwrap(), server)
    });
    let mut requester = Requester::new(second);
    in_a_child(|| {
        assert!(matches!(set.wait(&mut [&mut consumer], None), Err(WaitSetError::Forked)));
        assert_eq!(set.try_wait(&mut [&mut consumer]), None);
        assert_eq!(observer.counters().pushed, 0);
        assert_eq!(observer.producer().unwrap(), observer.consumer().unwrap());
        assert_eq!((frames_observer.counters().frames_pushed, jobs_observer.counters().pushed), (0, 0));
        assert_eq!(watch.next().unwrap_err().kind(), ipc_core::ErrorKind::Forked);
        assert!(matches!(
            watch.tell(b"hello").as_ref().map_err(AttachError::kind),
            Err(AttachErrorKind::Forked)
        ));
        assert!(matches!(listener.accept(), Err(AcceptError::Forked { .. })));
        assert!(matches!(listener.try_accept(), Err(AcceptError::Forked { .. })));
        assert!(matches!(client.send(b"one"), Err(PushError::Forked(()))));
        assert!(matches!(server.recv(), Err(PopError::Forked)));
        assert!(matches!(requester.call(b"one", LONG), Err(RequestError::Forked)));
        assert!(client.session().close_reason().is_none());
        assert!(matches!(service.connect(), Err(error) if error.to_string().contains("fork")));
        assert!(domain.is_alive(domain.me()).unwrap(), "the parent is");
    });
    client.send(b"two").unwrap();
    assert_eq!(server.recv().unwrap(), b"two");
    drop((client, server, requester, _second_server, listener, watch, set));
    drop((observer, frames_observer, jobs_observer, frames, jobs, state, _producer, consumer));
    drop((service, numbers, domain));
    assert_eq!(kernel_objects(), before);
}

#[test]
fn what_is_beside_channels_says_so_too() {
    Role::start("beside channels", &[]).finish();
}

#[test]
fn the_reason_says_what_to_do() {
    assert!(Forked.to_string().contains("open the channel again"));
    assert!(PushError::<usize>::from(Forked).into_inner() == 0);
}
