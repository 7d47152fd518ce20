//! Calls one after the other, deaths at each site, and what their successors find.

use ipc_ring::platform::{Barrier, Site};
use loom::thread;

use super::Heap;
use super::ends::Channel;
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("call_twice_fence", 4600, || calls(Barrier::Fence)).reaches(&["sleeps"]),
    Model::new("call_twice_asymmetric", 7400, || calls(Barrier::Asymmetric)).reaches(&["sleeps"]),
    Model::new("call_closed", 1000, closed).reaches(&["sleeps"]),
    Model::new("call_responder_dies_taken", 14_000, || responder_dies(Site::CallTaken)).reaches(&["died"]),
    Model::new("call_responder_dies_answered", 14_000, || responder_dies(Site::CallAnswered))
        .reaches(&["died"]),
    Model::new("call_responder_dies_replied", 6000, || responder_dies(Site::CallReplied)).reaches(&["died"]),
    Model::new("call_caller_dies_kept", 2500, || caller_dies(Site::CallKept)).reaches(&["died"]),
    Model::new("call_caller_dies_written", 2500, || caller_dies(Site::CallWritten)).reaches(&["died"]),
    Model::new("call_caller_dies_asked", 7000, || caller_dies(Site::CallAsked)).reaches(&["died"]),
    Model::new("call_taken_back", 350, taken_back).reaches(&["sleeps"]),
];

fn channel() -> Channel {
    Channel::new(Heap::new(Barrier::Fence))
}

fn calls(barrier: Barrier) {
    let channel = Channel::new(Heap::new(barrier));
    let (mut caller, mut responder) = (channel.caller(), channel.responder());
    let other = thread::spawn(move || {
        assert_eq!(responder.serve(), Some((1, 0)));
        assert_eq!(responder.serve(), Some((2, 0)));
    });
    caller.call(5);
    caller.call(6);
    other.join().unwrap();
}

/// The responder sleeps through the end.
fn closed() {
    let channel = channel();
    let (mut caller, mut responder) = (channel.caller(), channel.responder());
    let other = thread::spawn(move || {
        assert_eq!(responder.serve(), Some((1, 0)));
        assert_eq!(responder.serve(), None);
    });
    caller.call(5);
    caller.close();
    other.join().unwrap();
}

/// The first call is the deadly one. The caller gets its reply from a successor, who is told how often it was
/// taken.
fn responder_dies(site: Site) {
    let channel = channel();
    let (mut caller, mut first) = (channel.caller(), channel.responder());
    let shared = channel;
    let other = thread::spawn(move || {
        assert!(crash::kill_at(site, 0, || first.serve()).is_none());
        reached("died");
        let mut next = shared.next_responder();
        if site != Site::CallReplied {
            assert_eq!(next.serve(), Some((1, 1)), "the request is taken a second time");
        }
        assert_eq!(next.serve(), Some((2, 0)));
    });
    caller.call(5);
    caller.call(6);
    other.join().unwrap();
}

/// The first call is the deadly one. The successor gets the reply to its own request.
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
    while responder.serve().is_some() {}
    assert_eq!(responder.ring.number(), if site == Site::CallAsked { 2 } else { 1 });
    other.join().unwrap();
}

/// A request that nobody was there to take is taken back; the next one is answered.
fn taken_back() {
    let channel = channel();
    let mut caller = channel.caller();
    caller.ask(5);
    caller.ring.abandon().expect("a sound line");
    let mut responder = channel.next_responder();
    let other = thread::spawn(move || assert_eq!(responder.serve(), Some((2, 0))));
    caller.call(6);
    other.join().unwrap();
}
