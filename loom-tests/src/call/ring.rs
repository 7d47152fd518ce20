//! Calls one after the other, deaths at each site, and what the successors find.

use ipc_ring::platform::{Barrier, Site};
use ipc_ring::ring::call::{Caller, Responder};
use loom::thread;

use super::Heap;
use super::ends::{Channel, answer};
use crate::pair::{Ended, PRODUCER};
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("call_twice_fence", 20_000, || calls(Barrier::Fence)).reaches(&["the consumer sleeps"]),
    Model::new("call_twice_asymmetric", 30_000, || calls(Barrier::Asymmetric))
        .reaches(&["the consumer sleeps"]),
    Model::new("call_relies_on_fences", 500, || calls(Barrier::Asymmetric))
        .fenced_looks(1)
        .bound(1)
        .reaches(&["the consumer sleeps"]),
    Model::new("call_polled", 100, polled).bound(3).reaches(&["taken", "answered"]),
    Model::new("call_closed", 7000, || ended(Ended::Closed)).reaches(&["the consumer sleeps"]),
    Model::new("call_detached", 7000, || ended(Ended::PeerDetached)).reaches(&["the consumer sleeps"]),
    Model::new("call_closed_behind_a_request", 2500, closed_behind_a_request).bound(3).reaches(&["taken"]),
    Model::new("call_caller_dies_with_the_bit_taken", 12_000, caller_dies_with_the_bit_taken)
        .reaches(&["died"]),
    Model::new("call_responder_dies_taken", 80_000, || responder_dies(Site::CallTaken)).reaches(&["died"]),
    Model::new("call_responder_dies_answered", 80_000, || responder_dies(Site::CallAnswered))
        .reaches(&["died"]),
    Model::new("call_responder_dies_replied", 30_000, || responder_dies(Site::CallReplied))
        .reaches(&["died"]),
    Model::new("call_caller_dies_kept", 12_000, || caller_dies(Site::CallKept)).reaches(&["died"]),
    Model::new("call_caller_dies_written", 12_000, || caller_dies(Site::CallWritten)).reaches(&["died"]),
    Model::new("call_caller_dies_asked", 12_000, || caller_dies(Site::CallAsked)).reaches(&["died"]),
    Model::new("call_taken_back", 1200, taken_back).reaches(&["the consumer sleeps"]),
];

fn channel() -> Channel {
    Channel::new(Heap::new(Barrier::Fence))
}

fn calls(barrier: Barrier) {
    let channel = Channel::new(Heap::new(barrier));
    let (mut caller, mut responder) = (channel.caller(), channel.responder());
    let other = thread::spawn(move || {
        assert_eq!(responder.serve(), Ok((1, 0)));
        assert_eq!(responder.serve(), Ok((2, 0)));
    });
    caller.call(5);
    caller.call(6);
    other.join().unwrap();
}

/// Ends that poll check nothing before they take a request or a reply.
fn polled() {
    let ring = Heap::new(Barrier::Asymmetric);
    let mut caller = Caller::attach(ring.clone()).expect("a sound line");
    let mut responder = Responder::attach(ring).expect("a sound line");
    let other = thread::spawn(move || {
        for request in 5..7 {
            if let Some(taken) = responder.try_take().expect("a sound line") {
                assert!(taken.request <= request, "the request of this call");
                let _ = responder.reply(&answer(taken.request));
                reached("taken");
            }
        }
    });
    for request in 5..7 {
        if caller.try_ask(&request).is_ok()
            && let Some(reply) = caller.try_reply().expect("a sound line")
        {
            assert_eq!(reply, answer(request), "the reply is to this request");
            reached("answered");
        }
    }
    other.join().unwrap();
}

/// The responder sleeps through the end.
fn ended(how: Ended) {
    let channel = channel();
    let (mut caller, mut responder) = (channel.caller(), channel.responder());
    let other = thread::spawn(move || {
        assert_eq!(responder.serve(), Ok((1, 0)));
        assert_eq!(responder.serve(), Err(how));
    });
    caller.call(5);
    match how {
        Ended::Closed => caller.close(),
        _ => caller.detach(),
    }
    other.join().unwrap();
}

/// A request that was there before the end is taken, though no end waits for the reply.
fn closed_behind_a_request() {
    let channel = channel();
    let (mut caller, mut responder) = (channel.caller(), channel.responder());
    let other = thread::spawn(move || {
        caller.ask(5);
        caller.close();
    });
    assert_eq!(responder.serve(), Ok((1, 0)));
    reached("taken");
    assert_eq!(responder.serve(), Err(Ended::Closed));
    other.join().unwrap();
}

/// A caller dies with the responder's bit taken and no token posted: the responder gets the token of that
/// death.
fn caller_dies_with_the_bit_taken() {
    let channel = channel();
    let (mut first, mut responder) = (channel.caller(), channel.responder().awaiting_successors());
    let other = thread::spawn(move || {
        if crash::kill_at(Site::WakeClaimed, 0, || first.ask(5)).is_none() {
            reached("died");
            channel.0.die(PRODUCER);
        }
        let mut next = channel.next_caller();
        next.call(6);
        next.close();
    });
    while responder.serve().is_ok() {}
    assert_eq!(responder.0.ring.number(), 2);
    other.join().unwrap();
}

/// The first call is the fatal one. The caller gets its reply from a successor, which learns how often the
/// request was taken.
fn responder_dies(site: Site) {
    let channel = channel();
    let (mut caller, mut first) = (channel.caller(), channel.responder());
    let shared = channel;
    let other = thread::spawn(move || {
        assert!(crash::kill_at(site, 0, || first.serve()).is_none());
        reached("died");
        let mut next = shared.next_responder();
        if site != Site::CallReplied {
            assert_eq!(next.serve(), Ok((1, 1)), "the request is taken a second time");
        }
        assert_eq!(next.serve(), Ok((2, 0)));
    });
    caller.call(5);
    caller.call(6);
    other.join().unwrap();
}

/// The first call is the fatal one. The successor gets the reply to its own request.
fn caller_dies(site: Site) {
    let channel = channel();
    let (mut first, mut responder) = (channel.caller(), channel.responder());
    let shared = channel;
    let other = thread::spawn(move || {
        assert!(crash::kill_at(site, 0, || first.call(5)).is_none());
        reached("died");
        let mut next = shared.next_caller();
        next.call(6);
        next.close();
    });
    while responder.serve().is_ok() {}
    assert_eq!(responder.0.ring.number(), if site == Site::CallAsked { 2 } else { 1 });
    other.join().unwrap();
}

/// A request that no responder was there to take is withdrawn; the next one is answered.
fn taken_back() {
    let channel = channel();
    let mut caller = channel.caller();
    caller.ask(5);
    caller.0.ring.abandon().expect("a sound line");
    let mut responder = channel.next_responder();
    let other = thread::spawn(move || assert_eq!(responder.serve(), Ok((2, 0))));
    caller.call(6);
    other.join().unwrap();
}
