//! Calls between real processes: replies, deadlines, endings, and what a SIGKILL of either end at each named
//! place leaves.

mod common;

use std::time::Duration;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::call::{Builder, CallError, Caller, Responder};
use ipc_ring::platform::Site;
use ipc_ring::{AttachError, AttachErrorKind, Domain, PeerExit, PeerState, WaitStrategy, fault};

/// As large as they get.
type Ask = [u64; 7];
type Answer = [u32; 14];

fn builder(domain: &str, wait: WaitStrategy) -> Builder<Ask, Answer> {
    Builder::new("calls").domain(&Domain::open(domain).unwrap()).wait(wait)
}

fn asleep(domain: &str) -> Builder<Ask, Answer> {
    builder(domain, WaitStrategy::Sleep)
}

fn ask(number: u64) -> Ask {
    std::array::from_fn(|at| number * 7 + at as u64)
}

fn answer(ask: Ask) -> Answer {
    std::array::from_fn(|at| (ask[at / 2] as u32).wrapping_mul(31) ^ at as u32)
}

fn site(name: &str) -> Site {
    Site::ALL.into_iter().find(|site| format!("{site:?}") == name).unwrap()
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", domain, wait] => {
            let wait = if wait == "asleep" { WaitStrategy::Sleep } else { WaitStrategy::SpinYield };
            let mut responder = builder(domain, wait).create_receiver().unwrap();
            say("ready");
            responder.serve_all(|request, _| answer(request)).unwrap();
        }
        ["serve-and-die", domain, at, after] => {
            let mut responder = asleep(domain).create_receiver().unwrap();
            fault::arm(site(at), after.parse().unwrap());
            say("ready");
            let _ = responder.serve_all(|request, _| answer(request));
        }
        ["call-and-die", domain, at, after] => {
            let mut caller = asleep(domain).create_sender().unwrap();
            say("ready");
            listen();
            fault::arm(site(at), after.parse().unwrap());
            for number in 0.. {
                assert_eq!(caller.call(ask(number)).unwrap(), answer(ask(number)));
            }
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

#[test]
fn every_call_has_its_reply() {
    private_namespace();
    let before = kernel_objects();
    for (wait, strategy, count) in [
        ("asleep", WaitStrategy::Sleep, 2_000),
        ("busy", WaitStrategy::DEFAULT, 20_000),
        ("asleep", WaitStrategy::SpinYield, 2_000),
    ] {
        let domain = unique("calls");
        let mut caller = builder(&domain, strategy).create_sender().unwrap();
        let mut responder = Role::start("serve", &[&domain, wait]);
        assert_eq!(responder.hear(), "ready");
        for number in 0..count {
            assert_eq!(caller.call(ask(number)).unwrap(), answer(ask(number)));
        }
        assert_eq!(caller.calls(), count);
        drop(caller);
        responder.finish();
    }
    assert_eq!(kernel_objects(), before, "something was left behind");
}

#[test]
fn a_responder_killed_at_each_site() {
    private_namespace();
    for (site, answered) in
        [("CallTaken", false), ("CallAnswered", false), ("CallReplied", true), ("WakeClaimed", true)]
    {
        let domain = unique("kill-responder");
        let mut caller = asleep(&domain).create_sender().unwrap();
        let mut victim = Role::start("serve-and-die", &[&domain, site, "5"]);
        assert_eq!(victim.hear(), "ready");
        let mut calls = 0;
        let error = loop {
            match caller.call(ask(calls)) {
                Ok(reply) => assert_eq!(reply, answer(ask(calls)), "{site}"),
                Err(error) => break error,
            }
            calls += 1;
            assert!(calls < 1000, "{site} was not reached");
        };
        victim.wait_killed();
        let told = matches!(error, CallError::PeerGone(PeerExit::Died { pid }) if pid == victim.pid());
        assert!(told, "{site}: {error}");
        // The reply that was given before the death was read; a call after that had no one to take it.
        let mut next = asleep(&domain).open_receiver().unwrap();
        let request = next.take().unwrap();
        assert_eq!(request.value(), ask(calls), "{site}: whole, though half a reply may lie over it");
        assert_eq!(request.attempt(), u8::from(!answered), "{site}");
        assert_eq!(request.number(), calls + 1);
        let reply = answer(request.value());
        request.reply(reply);
        assert_eq!(caller.wait().unwrap(), answer(ask(calls)), "{site}");
        assert!(matches!(caller.wait(), Err(CallError::NothingAsked)));
    }
}

#[test]
fn a_caller_killed_at_each_site() {
    private_namespace();
    for site in ["CallKept", "CallWritten", "CallAsked", "WaitingSet", "WakeClaimed"] {
        let domain = unique("kill-caller");
        let mut victim = Role::start("call-and-die", &[&domain, site, "3"]);
        assert_eq!(victim.hear(), "ready");
        let mut responder = asleep(&domain).open_receiver().unwrap();
        victim.tell("go");
        let error = responder.serve_all(|request, _| answer(request)).unwrap_err();
        victim.wait_killed();
        let told = matches!(error, CallError::PeerGone(PeerExit::Died { pid }) if pid == victim.pid());
        assert!(told, "{site}: {error}");
        let mut next = asleep(&domain).open_sender().unwrap();
        let answering = std::thread::spawn(move || responder.serve_all(|request, _| answer(request)));
        for number in 500..520 {
            assert_eq!(next.call(ask(number)).unwrap(), answer(ask(number)), "{site}: no stale reply");
        }
        drop(next);
        answering.join().unwrap().unwrap();
    }
}

fn ends(what: &str) -> (String, Caller<Ask, Answer>, Responder<Ask, Answer>) {
    let domain = unique(what);
    let caller = asleep(&domain).create_sender().unwrap();
    let responder = asleep(&domain).open_receiver().unwrap();
    (domain, caller, responder)
}

#[test]
fn a_slow_reply_belongs_to_its_own_call() {
    private_namespace();
    let (_, mut caller, mut responder) = ends("slow");
    let short = Duration::from_millis(5);
    assert!(matches!(caller.call_timeout(ask(1), short), Err(CallError::TimedOut)));
    assert!(matches!(caller.ask(ask(2)), Err(CallError::Pending)));
    assert!(!caller.abandon().unwrap(), "a responder lives");
    // A new call awaits the old reply first, and its deadline holds for that too.
    assert!(matches!(caller.call_timeout(ask(2), short), Err(CallError::TimedOut)));
    let request = responder.take().unwrap();
    assert_eq!((request.value(), request.attempt()), (ask(1), 0));
    drop(request);
    std::thread::scope(|scope| {
        let calling = scope.spawn(|| caller.call(ask(3)));
        let request = responder.take().unwrap();
        assert_eq!((request.value(), request.attempt()), (ask(1), 1), "not answered, so taken again");
        request.reply(answer(ask(1)));
        let request = responder.take().unwrap();
        assert_eq!((request.value(), request.attempt()), (ask(3), 0));
        request.reply(answer(ask(3)));
        assert_eq!(calling.join().unwrap().unwrap(), answer(ask(3)), "the first reply was discarded");
    });
    // One may also wait on for the old one.
    assert!(matches!(caller.call_timeout(ask(4), short), Err(CallError::TimedOut)));
    responder.take().unwrap().reply(answer(ask(4)));
    assert_eq!(caller.wait_timeout(Duration::from_secs(20)).unwrap(), answer(ask(4)));
}

#[test]
fn a_call_that_no_responder_takes_is_withdrawn() {
    private_namespace();
    let domain = unique("abandon");
    let mut caller = asleep(&domain).create_sender().unwrap();
    assert_eq!(caller.peer().unwrap(), PeerState::Gone(PeerExit::NeverAttached));
    let soon = Duration::from_millis(5);
    assert!(matches!(caller.call_timeout(ask(1), soon), Err(CallError::TimedOut)));
    assert!(matches!(caller.call_timeout(ask(2), soon), Err(CallError::TimedOut)), "in place of the first");
    assert!(caller.abandon().unwrap());
    assert!(matches!(caller.wait(), Err(CallError::NothingAsked)));
    let mut responder = asleep(&domain).open_receiver().unwrap();
    assert!(responder.try_take().unwrap().is_none(), "nothing was asked");
    assert!(matches!(responder.take_timeout(soon), Err(CallError::TimedOut)));
    caller.ask(ask(3)).unwrap();
    assert!(caller.try_reply().unwrap().is_none());
    responder.try_take().unwrap().unwrap().reply(answer(ask(3)));
    assert_eq!(caller.try_reply().unwrap(), Some(answer(ask(3))));
    assert_eq!(caller.try_reply().unwrap(), None, "given once");
    drop(responder);
    assert!(matches!(caller.call(ask(4)), Err(CallError::PeerGone(PeerExit::Detached))));
    assert!(matches!(caller.call(ask(5)), Err(CallError::PeerGone(PeerExit::Detached))));
    let mut responder = asleep(&domain).open_receiver().unwrap();
    assert_eq!(responder.take().unwrap().value(), ask(5));
}

#[test]
fn how_calls_end() {
    private_namespace();
    let (domain, caller, mut responder) = ends("ends");
    let taken = asleep(&domain).open_sender().map(|_| ());
    assert!(
        matches!(taken.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::EndTaken { .. })),
        "{taken:?}"
    );
    caller.detach();
    assert!(matches!(responder.take(), Err(CallError::PeerGone(PeerExit::Detached))));
    let caller = asleep(&domain).open_sender().unwrap();
    drop(caller);
    assert!(matches!(responder.take(), Err(CallError::Closed)));
    let (domain, mut caller, responder) = ends("closed");
    responder.close();
    assert!(matches!(caller.call(ask(1)), Err(CallError::Closed)));
    let late = asleep(&domain).open_receiver().map(|_| ());
    assert!(matches!(late.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::Closed)), "{late:?}");
    let other = Builder::<Ask, [u32; 2]>::new("calls").domain(&Domain::open(&domain).unwrap()).open_sender();
    assert!(matches!(
        other.map(|_| ()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::ElementType { .. })
    ));
}
