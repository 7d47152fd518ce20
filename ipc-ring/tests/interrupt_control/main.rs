//! Every call of the control layer that waits ends when it is interrupted: by a handle, from another thread,
//! and by a signal with a handler; and when the kernel objects are removed that it waits on.

mod calls;
#[path = "../common/mod.rs"]
mod common;
mod removed;

use std::os::unix::thread::JoinHandleExt as _;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use calls::{LONG, Row, bytes_pair, table};
use common::{listen, private_namespace, role, say, unique};
use ipc_core::sem::{Op, SemaphoreSet};
use ipc_ring::control::{Builder, Listener, RequestError, Requester};
use ipc_ring::{Domain, Interrupter, PopError, PushError, WaitStrategy};
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// The semaphore that is a domain's lock.
const LOCK: u16 = 0;

/// The domain's semaphores: the only ones of this namespace.
fn semaphores() -> SemaphoreSet {
    let sets = ipc_core::list::sets().unwrap();
    let [(id, _)] = sets[..] else { panic!("a namespace with one domain has other sets: {sets:?}") };
    SemaphoreSet::from_id(id)
}

/// Makes a call in a thread, with what is to block it, and has it interrupted.
fn interrupted(row: &Row, signals: bool, end: impl FnOnce(Interrupter, &JoinHandle<bool>)) {
    let domain = Domain::open(&unique("interrupted")).unwrap();
    let (interrupter, call) = (row.start)(&domain, signals);
    if row.locked {
        semaphores().perform(&[Op::wait_zero(LOCK), Op::add(LOCK, 1)]).unwrap();
    }
    let waiting = std::thread::spawn(call);
    end(interrupter, &waiting);
    assert!(waiting.join().unwrap(), "{:?} is not interrupted", row.names);
    if row.locked {
        semaphores().perform(&[Op::take(LOCK, 1)]).unwrap();
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let ["member", domain] = role.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        panic!("{role:?}")
    };
    let _domain = Domain::open(domain).unwrap();
    say("there");
    listen();
}

#[test]
fn a_handle_ends_every_call() {
    private_namespace();
    for row in table() {
        // Before it waits, and while it does.
        for pause in [Duration::ZERO, Duration::from_millis(20)] {
            interrupted(&row, false, |interrupter, _| {
                std::thread::sleep(pause);
                interrupter.interrupt().unwrap();
            });
        }
    }
}

extern "C" fn nothing(_: libc::c_int) {}

#[test]
fn a_signal_ends_every_call() {
    private_namespace();
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
    for row in table() {
        interrupted(&row, true, |_, waiting| {
            while !waiting.is_finished() {
                let thread = waiting.as_pthread_t() as libc::pthread_t;
                // SAFETY: the thread has not been joined, so its number is its own.
                let result = unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
                assert_eq!(result, 0);
                std::thread::yield_now();
            }
        });
    }
}

/// As a program with a runtime does: a blocking call in a thread of its own, a timeout, and all threads
/// joined at the end.
#[test]
fn a_program_that_joins_its_threads_ends() {
    private_namespace();
    let domain = Domain::open(&unique("runtime")).unwrap();
    let (server, mut client) = bytes_pair(&domain);
    let interrupter = client.interrupter();
    let (told, answers) = std::sync::mpsc::channel();
    let blocking = std::thread::spawn(move || told.send(client.recv()).unwrap());
    // The timeout of the caller, which gives up.
    assert!(answers.recv_timeout(Duration::from_millis(50)).is_err());
    interrupter.interrupt().unwrap();
    blocking.join().unwrap();
    assert!(matches!(answers.recv().unwrap(), Err(PopError::Interrupted)));
    drop(server);
}

/// One handle for both directions, and one interruption for one wait; ends that were taken apart have their
/// own.
#[test]
fn a_connection_is_interrupted_once_whichever_way_it_waits() {
    private_namespace();
    let domain = Domain::open(&unique("once")).unwrap();
    let (_server, mut client) = bytes_pair(&domain);
    let interrupter = client.interrupter();
    for _ in 0..2 {
        interrupter.interrupt().unwrap();
        assert!(matches!(client.recv_timeout(LONG), Err(PopError::Interrupted)));
        assert!(matches!(client.recv_timeout(Duration::ZERO), Err(PopError::TimedOut)), "once");
        while client.try_send(&[7; 500]).is_ok() {}
        assert!(
            matches!(client.send_deadline(&[7; 500], Instant::now()), Err(PushError::TimedOut(()))),
            "once"
        );
        interrupter.interrupt().unwrap();
        assert!(matches!(client.send(&[7; 500]), Err(PushError::Interrupted(()))));
        assert!(matches!(client.recv_timeout(Duration::ZERO), Err(PopError::TimedOut)), "once");
    }
    let (producer, Some(mut consumer), _session) = client.into_parts() else { panic!("no consumer") };
    interrupter.interrupt().unwrap();
    assert!(matches!(consumer.pop_timeout(Duration::ZERO), Err(PopError::TimedOut)), "another handle's");
    producer.expect("it has not finished").interrupter().interrupt().unwrap();
    assert!(matches!(consumer.pop_timeout(Duration::ZERO), Err(PopError::TimedOut)), "the other end's");
    consumer.interrupter().interrupt().unwrap();
    assert!(matches!(consumer.pop_timeout(LONG), Err(PopError::Interrupted)));
}

/// The handle of a requester outlives the connection.
#[test]
fn a_requester_is_interrupted_while_it_connects_again() {
    private_namespace();
    let domain = Domain::open(&unique("again")).unwrap();
    let service = Builder::new("service").domain(&domain).timeout(LONG).wait(WaitStrategy::Sleep);
    let connect = |listener: &mut Listener| listener.accept().unwrap();
    let mut listener = service.bind().unwrap();
    let client = std::thread::spawn({
        let service = service.clone();
        move || Requester::reconnecting(&service, LONG).unwrap()
    });
    let first = connect(&mut listener);
    let mut requester = client.join().unwrap();
    let interrupter = requester.interrupter();
    drop((first, listener));
    assert!(requester.call(b"?", Duration::from_millis(20)).is_err(), "the connection has ended");
    let waiting = std::thread::spawn(move || (requester.call(b"?", LONG), requester));
    std::thread::sleep(Duration::from_millis(20));
    interrupter.interrupt().unwrap();
    let (told, mut requester) = waiting.join().unwrap();
    assert!(matches!(told, Err(RequestError::Interrupted)), "{told:?}");
    let mut listener = service.bind().unwrap();
    let waiting = std::thread::spawn(move || (requester.call(b"?", LONG), requester));
    let _second = connect(&mut listener);
    std::thread::sleep(Duration::from_millis(20));
    interrupter.interrupt().unwrap();
    let (told, _requester) = waiting.join().unwrap();
    assert!(matches!(told, Err(RequestError::Interrupted)), "{told:?}");
}
