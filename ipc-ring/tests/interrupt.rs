//! Waits that are interrupted on request: by a handle from another thread, and by signals. For every kind of
//! channel, both ends, all strategies; for sets, listeners, watches, and waits for the other end. Nothing is
//! lost or duplicated by it.

mod common;
mod kinds;
mod spsc_common;

use std::os::unix::thread::JoinHandleExt as _;
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use common::{private_namespace, unique, wait_for_a_sleeper};
use ipc_core::ErrorKind;
use ipc_core::sem::SemaphoreSet;
use ipc_ring::control::Watch;
use ipc_ring::{Domain, Interrupter, Listener, Parker, PopError, WaitSet, WaitSetError, WaitStrategy, spsc};
use kinds::{Giver, How, Kind, LENDER, STRATEGIES, Taker, Told, every};
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);

/// Both ends of a channel; the giver's is full, where a kind can be full. And how many numbers are in it.
fn ends(
    kind: Kind,
    domain: &Domain,
    wait: WaitStrategy,
    full: bool,
) -> (Box<dyn Taker>, Box<dyn Giver>, u64) {
    let how = How::new(domain, wait);
    let (taker, mut giver) = ((kind.taker)(how).unwrap(), (kind.giver)(how).unwrap());
    let mut given = 0;
    while full && giver.give(given, Duration::ZERO) == Told::Yes {
        given += 1;
    }
    (taker, giver, given)
}

fn every_case() -> impl Iterator<Item = (Kind, WaitStrategy)> {
    every().chain([LENDER]).flat_map(|kind| STRATEGIES.map(|wait| (kind, wait)))
}

fn sleeps(wait: WaitStrategy) -> bool {
    !matches!(wait, WaitStrategy::Spin | WaitStrategy::SpinYield)
}

/// What remains true of a channel after a wait on it was interrupted: all that was given arrives, and nothing
/// else.
fn goes_on(kind: Kind, taker: &mut dyn Taker, giver: &mut dyn Giver, given: u64) {
    for number in 0..given {
        assert_eq!(taker.take(LONG), Told::Number(number), "{}", kind.name);
    }
    assert_eq!(giver.give(1000, LONG), Told::Yes, "{}", kind.name);
    assert_eq!(taker.take(LONG), Told::Number(1000), "{}", kind.name);
}

#[test]
fn a_handle_ends_the_wait_under_way() {
    private_namespace();
    for (kind, wait) in every_case() {
        let domain = Domain::open(&unique("handle")).unwrap();
        let (mut taker, mut giver, _) = ends(kind, &domain, wait, false);
        let interrupter = taker.interrupter();
        let waiting = std::thread::spawn(move || (taker.take(LONG), taker));
        if sleeps(wait) {
            wait_for_a_sleeper();
        }
        interrupter.interrupt().unwrap();
        let (told, mut taker) = waiting.join().unwrap();
        assert_eq!(told, Told::Interrupted, "{} taking, {wait:?}", kind.name);
        goes_on(kind, &mut *taker, &mut *giver, 0);
        if !kind.fills {
            continue;
        }

        let domain = Domain::open(&unique("handle")).unwrap();
        let (mut taker, mut giver, given) = ends(kind, &domain, wait, true);
        let interrupter = giver.interrupter().unwrap();
        let waiting = std::thread::spawn(move || (giver.give(given, LONG), giver));
        if sleeps(wait) {
            wait_for_a_sleeper();
        }
        interrupter.interrupt().unwrap();
        let (told, mut giver) = waiting.join().unwrap();
        assert_eq!(told, Told::Interrupted, "{} giving, {wait:?}", kind.name);
        goes_on(kind, &mut *taker, &mut *giver, given);
    }
}

#[test]
fn a_handle_ends_the_next_wait_once() {
    private_namespace();
    for (kind, wait) in every_case() {
        let domain = Domain::open(&unique("next")).unwrap();
        let (mut taker, mut giver, _) = ends(kind, &domain, wait, false);
        let interrupter = taker.interrupter();
        interrupter.interrupt().unwrap();
        interrupter.clone().interrupt().unwrap();
        // What is there is delivered nevertheless.
        assert_eq!(giver.give(5, LONG), Told::Yes);
        assert_eq!(taker.take(LONG), Told::Number(5), "{} {wait:?}", kind.name);
        assert_eq!(taker.take(LONG), Told::Interrupted, "{} {wait:?}", kind.name);
        assert_eq!(taker.take(Duration::ZERO), Told::TimedOut, "{} {wait:?}: once", kind.name);
        if let Some(interrupter) = giver.interrupter().filter(|_| kind.fills) {
            interrupter.interrupt().unwrap();
            let mut given = 10;
            while giver.give(given, LONG) == Told::Yes {
                given += 1;
            }
            for number in 10..given {
                assert_eq!(taker.take(LONG), Told::Number(number), "{} {wait:?}", kind.name);
            }
        }
        drop((taker, giver));
        interrupter.interrupt().unwrap(); // No end is left.
    }
}

/// What the handler interrupts.
static TO_INTERRUPT: OnceLock<[std::sync::Mutex<Option<Interrupter>>; 1]> = OnceLock::new();

extern "C" fn nothing(_: libc::c_int) {}

extern "C" fn interrupt(_: libc::c_int) {
    // No other process holds the lock while signals arrive.
    if let Some(interrupter) = &*TO_INTERRUPT.get().unwrap()[0].try_lock().unwrap() {
        interrupter.interrupt().unwrap();
    }
}

fn handle(signal: Signal, handler: extern "C" fn(libc::c_int), flags: SaFlags) {
    let action = SigAction::new(SigHandler::Handler(handler), flags, SigSet::empty());
    // SAFETY: the handlers call nothing but what a handler may.
    unsafe { sigaction(signal, &action) }.unwrap();
}

fn send<T>(signal: Signal, thread: &JoinHandle<T>) {
    let thread = thread.as_pthread_t() as libc::pthread_t;
    // SAFETY: the thread has not been joined, so its number is its own.
    let result = unsafe { libc::pthread_kill(thread, signal as libc::c_int) };
    assert_eq!(result, 0);
}

/// A thread that polls, or is just about to sleep, does not notice a signal: then the next one does it.
fn send_until_it_ends<T>(signal: Signal, thread: &JoinHandle<T>) {
    while !thread.is_finished() {
        send(signal, thread);
        std::thread::yield_now();
    }
}

#[test]
fn a_signal_ends_the_sleep_of_who_wants_that() {
    private_namespace();
    handle(Signal::SIGUSR1, nothing, SaFlags::empty());
    handle(Signal::SIGUSR2, nothing, SaFlags::SA_RESTART);
    for ((kind, wait), signal) in every_case()
        .zip([Signal::SIGUSR1, Signal::SIGUSR2].into_iter().cycle())
        .filter(|case| sleeps(case.0.1))
    {
        let domain = Domain::open(&unique("signal")).unwrap();
        let (mut taker, mut giver, _) = ends(kind, &domain, wait, false);
        taker.set_interruptible(true);
        let waiting = std::thread::spawn(move || (taker.take(LONG), taker));
        send_until_it_ends(signal, &waiting);
        let (told, mut taker) = waiting.join().unwrap();
        assert_eq!(told, Told::Interrupted, "{} taking, {wait:?}, {signal}", kind.name);
        goes_on(kind, &mut *taker, &mut *giver, 0);

        taker.set_interruptible(false);
        let waiting = std::thread::spawn(move || (taker.take(LONG), taker));
        wait_for_a_sleeper();
        send(signal, &waiting);
        assert_eq!(giver.give(7, LONG), Told::Yes);
        let (told, _taker) = waiting.join().unwrap();
        assert_eq!(told, Told::Number(7), "{} taking, {wait:?}, {signal} not wanted", kind.name);
        if !kind.fills {
            continue;
        }

        let domain = Domain::open(&unique("signal")).unwrap();
        let (mut taker, mut giver, given) = ends(kind, &domain, wait, true);
        giver.set_interruptible(true);
        let waiting = std::thread::spawn(move || (giver.give(given, LONG), giver));
        send_until_it_ends(signal, &waiting);
        let (told, mut giver) = waiting.join().unwrap();
        assert_eq!(told, Told::Interrupted, "{} giving, {wait:?}, {signal}", kind.name);
        goes_on(kind, &mut *taker, &mut *giver, given);
    }
}

/// By the handle, in a handler: also if it polls, and whenever the signal arrives.
#[test]
fn a_handler_ends_any_wait() {
    private_namespace();
    handle(Signal::SIGALRM, interrupt, SaFlags::SA_RESTART);
    let slot = &TO_INTERRUPT.get_or_init(Default::default)[0];
    for (kind, wait) in every_case() {
        let domain = Domain::open(&unique("handler")).unwrap();
        let (mut taker, _giver, _) = ends(kind, &domain, wait, false);
        *slot.lock().unwrap() = Some(taker.interrupter());
        let waiting = std::thread::spawn(move || taker.take(LONG));
        send(Signal::SIGALRM, &waiting);
        assert_eq!(waiting.join().unwrap(), Told::Interrupted, "{}, {wait:?}", kind.name);
        *slot.lock().unwrap() = None;
    }
}

#[test]
fn who_sleeps_on_a_word_is_interrupted() {
    private_namespace();
    handle(Signal::SIGUSR1, nothing, SaFlags::empty());
    let domain = Domain::open(&unique("word")).unwrap();
    let builder = spsc::Builder::<u64>::new("word").domain(&domain).wait(WaitStrategy::Sleep);
    let mut consumer = builder.parker(Parker::Futex).create_receiver().unwrap();
    let interrupter = consumer.interrupter();
    let waiting = std::thread::spawn(move || (consumer.pop(), consumer));
    interrupter.interrupt().unwrap();
    let (told, mut consumer) = waiting.join().unwrap();
    assert!(matches!(told, Err(PopError::Interrupted)), "{told:?}");
    consumer.set_interruptible(true);
    let waiting = std::thread::spawn(move || consumer.pop());
    send_until_it_ends(Signal::SIGUSR1, &waiting);
    assert!(matches!(waiting.join().unwrap(), Err(PopError::Interrupted)));
}

#[test]
fn sets_listeners_watches_and_waits_for_a_peer_are_interrupted() {
    private_namespace();
    for wait in STRATEGIES {
        let domain = Domain::open(&unique("others")).unwrap();
        let mut consumer =
            spsc::Builder::<u64>::new("numbers").domain(&domain).wait(wait).create_receiver().unwrap();
        let mut set = WaitSet::with_strategy(&domain, wait).unwrap();
        let interrupter = set.interrupter();
        let waiting = std::thread::spawn(move || set.wait(&mut [&mut consumer], None));
        if sleeps(wait) {
            wait_for_a_sleeper();
        }
        interrupter.interrupt().unwrap();
        let told = waiting.join().unwrap();
        assert!(matches!(told, Err(WaitSetError::Interrupted)), "{told:?}");
    }

    let domain = Domain::open(&unique("others")).unwrap();
    let mut listener: Listener = ipc_ring::control::Builder::new("service").domain(&domain).bind().unwrap();
    let interrupter = listener.interrupter();
    let waiting = std::thread::spawn(move || listener.accept().map(drop));
    wait_for_a_sleeper();
    interrupter.interrupt().unwrap();
    let told = waiting.join().unwrap();
    assert!(matches!(told, Err(ipc_ring::control::AcceptError::Interrupted { .. })), "{told:?}");

    let mut consumer = spsc::Builder::<u64>::new("alone").domain(&domain).create_receiver().unwrap();
    let mut watch = Watch::new(&domain, "alone").unwrap();
    let interrupter = watch.interrupter();
    let waiting = std::thread::spawn(move || watch.next());
    wait_for_a_sleeper();
    interrupter.interrupt().unwrap();
    assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::Interrupted);

    let interrupter = consumer.interrupter();
    let waiting = std::thread::spawn(move || consumer.wait_for_peer(None));
    wait_for_a_sleeper();
    interrupter.interrupt().unwrap();
    assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::Interrupted);
}

/// The semaphores of the domain of this name. Other tests have theirs in the same namespace.
fn semaphores(domain: &str) -> SemaphoreSet {
    let key = ipc_ring::gc::domain_key(domain, nix::unistd::geteuid().as_raw());
    let mut sets = ipc_core::list::sets().unwrap().into_iter();
    SemaphoreSet::from_id(sets.find(|(_, stat)| stat.permissions().key() == key).expect("the domain's set").0)
}

/// Posts a token to each semaphore that a thread waits for, a few times; returns the number of wake-ups.
fn post_too_many(domain: &str) -> usize {
    let set = semaphores(domain);
    let mut woken = 0;
    while woken < 5 {
        for index in 0..set.values().unwrap().len() as u16 {
            if set.waiting_for_increase(index).unwrap() > 0 {
                set.post(index).unwrap();
                woken += 1;
            }
        }
    }
    woken
}

/// What a late interrupter leaves: the end that has the semaphore by then checks, and sleeps again.
#[test]
fn a_token_too_many_costs_a_look_and_nothing_else() {
    private_namespace();
    for kind in every().chain([LENDER]) {
        let name = unique("stray");
        let domain = Domain::open(&name).unwrap();
        let (mut taker, mut giver, _) = ends(kind, &domain, WaitStrategy::Sleep, false);
        let waiting = std::thread::spawn(move || (taker.take(LONG), taker));
        assert!(post_too_many(&name) >= 5 && !waiting.is_finished(), "{}: it still waits", kind.name);
        assert_eq!(giver.give(7, LONG), Told::Yes, "{}", kind.name);
        let (told, mut taker) = waiting.join().unwrap();
        assert_eq!(told, Told::Number(7), "{}", kind.name);
        goes_on(kind, &mut *taker, &mut *giver, 0);
        if !kind.fills {
            continue;
        }
        drop((taker, giver));
        let (mut taker, mut giver, given) = ends(kind, &domain, WaitStrategy::Sleep, true);
        let waiting = std::thread::spawn(move || (giver.give(given, LONG), giver));
        assert!(post_too_many(&name) >= 5 && !waiting.is_finished(), "{}: it still waits", kind.name);
        // A frame may need the room of several.
        for number in 0..=given {
            assert_eq!(taker.take(LONG), Told::Number(number), "{}", kind.name);
        }
        let (told, mut giver) = waiting.join().unwrap();
        assert_eq!(told, Told::Yes, "{}", kind.name);
        goes_on(kind, &mut *taker, &mut *giver, 0);
    }
}

/// A handle of an end that is gone, or of a call that is over, leaves no token for the new owner of the
/// semaphore.
#[test]
fn a_handle_that_is_late_posts_nothing() {
    private_namespace();
    let name = unique("late");
    let domain = Domain::open(&name).unwrap();
    let nothing = |what: &str, handle: &Interrupter| {
        let before = semaphores(&name).values().unwrap();
        handle.interrupt().unwrap();
        assert_eq!(semaphores(&name).values().unwrap(), before, "{what}");
    };
    for kind in every().chain([LENDER]) {
        let (taker, giver, _) = ends(kind, &domain, WaitStrategy::Sleep, false);
        let handles = [Some(taker.interrupter()), giver.interrupter()];
        drop((taker, giver));
        handles.iter().flatten().for_each(|handle| nothing(kind.name, handle));
    }
    let handle = Interrupter::new();
    let short = Duration::from_millis(1);
    assert!(domain.clone().with_interrupter(&handle).wait_for("no-such-channel", short).unwrap().is_none());
    nothing("wait_for", &handle);

    let handle = Interrupter::new();
    let service = ipc_ring::control::Builder::new("service").domain(&domain);
    let client = service.clone().interrupter(&handle);
    let mut listener = service.bind().unwrap();
    assert!(client.clone().timeout(short).connect().is_err());
    nothing("connect, without success", &handle);
    let handle = Interrupter::new();
    let client = client.interrupter(&handle);
    let connecting = std::thread::spawn(move || client.connect().unwrap());
    let accepted = listener.accept().unwrap();
    let connection = connecting.join().unwrap();
    nothing("connect", &handle);
    let handle = connection.interrupter();
    let parts = connection.into_parts();
    nothing("a connection that was taken apart", &handle);
    let handle = accepted.interrupter();
    drop((parts, accepted));
    nothing("a connection that is gone", &handle);
    let handle = listener.interrupter();
    drop(listener);
    nothing("a listener that is gone", &handle);
}
