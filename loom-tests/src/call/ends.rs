//! The ends of a channel: how `channel/call/{caller,responder}.rs` and `channel/{end,pair}.rs` of `ipc-ring`
//! use the ring and the sleep protocol. A copy of their steps over mock semaphores; an end that finds nothing
//! sleeps at once.

use std::rc::Rc;

use ipc_ring::platform::Word as _;
use ipc_ring::ring::call::{Caller, Memory as _, Refused, Responder, Words as _};
use ipc_ring::wait::signal::{self, CLOSED, WAITING};
use loom::sync::atomic::Ordering::Relaxed;

use super::Heap;
use crate::{Loom, Semaphore, Word32, mutation, reached};

/// A mistake: an end goes to sleep without looking at the line again.
pub const NO_SECOND_LOOK: &str = "an end of a call sleeps without a second look at the line";
/// A mistake: who takes a dead end's seat wakes nobody.
pub const SILENT_SEAT: &str = "who takes a dead end's seat at a call ring wakes nobody";
/// A mistake: a reply wakes nobody.
pub const SILENT_REPLY: &str = "a reply wakes nobody";

/// All of them.
pub const MISTAKES: [&str; 3] = [NO_SECOND_LOOK, SILENT_SEAT, SILENT_REPLY];

/// The ring and the semaphores of the two ends.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) ring: Heap,
    semaphores: Rc<[Semaphore; 2]>,
}

const CALLER: usize = 0;
const RESPONDER: usize = 1;

impl Channel {
    pub(super) fn new(ring: Heap) -> Self {
        Self { ring, semaphores: Rc::new([Semaphore::new(), Semaphore::new()]) }
    }

    fn signals(&self, end: usize) -> (&Word32, &Word32) {
        let (caller, responder) = (self.ring.caller_signal(), self.ring.responder_signal());
        if end == CALLER { (caller, responder) } else { (responder, caller) }
    }

    fn wake_peer_if(&self, end: usize, bits: u32) {
        if bits & WAITING != 0 && signal::take::<Loom>(self.signals(end).1) {
            self.semaphores[1 - end].post();
        }
    }

    /// Sleeps unless there is something, or the other end has closed.
    fn sleep_unless(&self, end: usize, something: impl FnOnce() -> bool) {
        let (own, peer) = self.signals(end);
        signal::announce::<Loom>(own, self.ring.barrier()).expect("no barrier of a model fails");
        let over = signal::seen::<Loom>(peer) & CLOSED != 0;
        if !mutation::logic(NO_SECOND_LOOK) && (over || something()) {
            if signal::withdraw::<Loom>(own) {
                self.semaphores[end].try_wait();
            }
        } else {
            reached("sleeps");
            self.semaphores[end].wait();
            signal::withdraw::<Loom>(own);
        }
    }

    /// A dead end's seat is taken.
    fn take_seat(&self, end: usize) {
        let (own, peer) = self.signals(end);
        own.fetch_and(!WAITING, Relaxed);
        if !mutation::logic(SILENT_SEAT) {
            self.wake_peer_if(end, signal::look::<Loom>(peer, self.ring.barrier()));
        }
    }

    pub(super) fn caller(&self) -> CallerEnd {
        CallerEnd { ring: Caller::attach(self.ring.clone()).expect("a sound line"), channel: self.clone() }
    }

    pub(super) fn next_caller(&self) -> CallerEnd {
        self.take_seat(CALLER);
        self.caller()
    }

    pub(super) fn responder(&self) -> ResponderEnd {
        let ring = Responder::attach(self.ring.clone()).expect("a sound line");
        ResponderEnd { ring, channel: self.clone() }
    }

    pub(super) fn next_responder(&self) -> ResponderEnd {
        self.take_seat(RESPONDER);
        self.responder()
    }
}

/// As `channel::call::Caller`.
pub(super) struct CallerEnd {
    pub(super) ring: Caller<Heap>,
    channel: Channel,
}

/// The reply that a request must have.
pub(super) const fn answer(request: u64) -> u64 {
    request + 1000
}

impl CallerEnd {
    /// As `call`, with a request of its own number. A call of the caller before is waited out.
    pub(super) fn call(&mut self, request: u64) {
        self.ask(request);
        loop {
            match self.ring.try_reply().expect("a sound line") {
                Some(reply) => {
                    assert_eq!(reply, answer(request), "the reply is to this request");
                    return;
                }
                None => self.channel.sleep_unless(CALLER, || self.ring.has_reply()),
            }
        }
    }

    pub(super) fn ask(&mut self, request: u64) {
        loop {
            match self.ring.try_ask(&request) {
                Ok(signal) => {
                    self.channel.wake_peer_if(CALLER, signal);
                    return;
                }
                Err(Refused::Pending) => self.channel.sleep_unless(CALLER, || !self.ring.is_pending()),
                Err(Refused::Corrupt(corruption)) => panic!("{corruption}"),
            }
        }
    }

    pub(super) fn close(&self) {
        signal::raise::<Loom>(self.channel.signals(CALLER).0, CLOSED);
        let peer = signal::look::<Loom>(self.channel.signals(CALLER).1, self.channel.ring.barrier());
        self.channel.wake_peer_if(CALLER, peer);
    }
}

/// As `channel::call::Responder`.
pub(super) struct ResponderEnd {
    pub(super) ring: Responder<Heap>,
    channel: Channel,
}

impl ResponderEnd {
    /// Serves one request; gives its number and how often it was taken before. `None` when the caller has
    /// closed.
    pub(super) fn serve(&mut self) -> Option<(u64, u8)> {
        loop {
            let over = signal::seen::<Loom>(self.channel.signals(RESPONDER).1) & CLOSED != 0;
            if let Some(taken) = self.ring.try_take().expect("a sound line") {
                let signal = self.ring.reply(&answer(taken.request));
                if !mutation::logic(SILENT_REPLY) {
                    self.channel.wake_peer_if(RESPONDER, signal);
                }
                return Some((taken.number, taken.attempt));
            }
            if over {
                return None;
            }
            self.channel.sleep_unless(RESPONDER, || self.ring.has_request());
        }
    }
}
