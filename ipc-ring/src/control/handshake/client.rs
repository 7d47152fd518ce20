//! The client's half.

use zerocopy::IntoBytes;

use super::body::{Challenge, Hello, Secret, Verdict};
use crate::control::reason::Reason;
use crate::frame::{Frame, FrameKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The greeting was sent.
    Greeting,
    /// The challenge was answered.
    Proving { secret: Secret },
    /// Welcomed or refused.
    Done,
}

/// What to do after a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientStep {
    /// Nothing: the frame is not for this attempt, or comes at the wrong time.
    Ignore,
    /// Send this answer to the challenge.
    Prove(Frame),
    /// Send this frame; the connection is established.
    Ready(Frame),
    /// The server refused.
    Refused(Reason),
}

/// One attempt to connect.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    state: State,
    hello: Hello,
    generation: u64,
    queue: i32,
    segment: i32,
    session: u64,
    features: u64,
    sent: u64,
    received: u64,
}

impl Client {
    /// An attempt at the listener of this generation, with answers to `queue` and the ring to the server in
    /// `segment`.
    pub(crate) fn new(generation: u64, hello: Hello, queue: i32, segment: i32) -> Self {
        Self {
            state: State::Greeting,
            hello,
            generation,
            queue,
            segment,
            session: 0,
            features: 0,
            sent: 0,
            received: 0,
        }
    }

    /// The first frame.
    pub(crate) fn hello(&mut self) -> Frame {
        let hello = self.hello;
        Frame { queue: self.queue, segment: self.segment, ..self.frame(FrameKind::Hello, hello.as_bytes()) }
    }

    /// The session number, once challenged.
    #[cfg(test)]
    pub(crate) fn session(&self) -> u64 {
        self.session
    }

    /// The features that both sides offer, once challenged.
    pub(crate) fn features(&self) -> u64 {
        self.features
    }

    fn frame(&mut self, kind: FrameKind, body: &[u8]) -> Frame {
        self.sent += 1;
        Frame {
            session: self.session,
            sequence: self.sent,
            ack: self.received,
            generation: self.generation,
            ..Frame::new(kind, body)
        }
    }

    /// Handles a frame.
    pub(crate) fn on(&mut self, frame: &Frame) -> ClientStep {
        // A refusal may have been sent before the last frame arrived.
        let is_answer = frame.ack == self.sent || frame.kind == FrameKind::Reject;
        if frame.generation != self.generation || !is_answer {
            return ClientStep::Ignore;
        }
        match (self.state, frame.kind) {
            (State::Greeting, FrameKind::Challenge | FrameKind::Welcome) => {
                let Some(challenge) = frame.record::<Challenge>() else { return ClientStep::Ignore };
                if challenge.nonce != self.hello.nonce || frame.session == 0 {
                    return ClientStep::Ignore;
                }
                self.session = frame.session;
                self.received = frame.sequence;
                self.features = challenge.features & self.hello.features;
                let secret = challenge.secret;
                if frame.kind == FrameKind::Welcome {
                    self.state = State::Done;
                    return ClientStep::Ready(self.frame(FrameKind::Ready, secret.as_bytes()));
                }
                self.state = State::Proving { secret };
                ClientStep::Prove(self.frame(FrameKind::Proof, secret.as_bytes()))
            }
            (State::Proving { secret }, FrameKind::Welcome) => {
                if frame.session != self.session || frame.record::<Secret>() != Some(self.hello.nonce) {
                    return ClientStep::Ignore;
                }
                self.received = frame.sequence;
                self.state = State::Done;
                ClientStep::Ready(self.frame(FrameKind::Ready, secret.as_bytes()))
            }
            (State::Greeting | State::Proving { .. }, FrameKind::Reject) => match frame.record::<Verdict>() {
                Some(verdict) if verdict.nonce == self.hello.nonce => {
                    self.state = State::Done;
                    ClientStep::Refused(verdict.reason())
                }
                _ => ClientStep::Ignore,
            },
            _ => ClientStep::Ignore,
        }
    }

    /// The server's reason for ending a connection, if this frame carries it.
    pub(crate) fn close_reason(&self, frame: &Frame) -> Option<Reason> {
        let verdict = frame.record::<Verdict>()?;
        (matches!(frame.kind, FrameKind::Bye | FrameKind::Reject)
            && frame.session == self.session
            && verdict.nonce == self.hello.nonce)
            .then(|| verdict.reason())
    }
}
