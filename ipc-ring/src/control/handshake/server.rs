//! The server's half, one for each client.

use zerocopy::IntoBytes;

use super::body::{Challenge, Hello, Secret, Verdict};
use crate::control::reason::Reason;
use crate::frame::{Frame, FrameKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The challenge was sent.
    Challenged,
    /// The answer was right, or none is needed.
    Proved,
    /// The welcome was sent.
    Welcomed,
    /// The client is connected.
    Done,
}

/// What to do after a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerStep {
    /// Nothing: the sender does not know the secret, or the frame comes at the wrong time.
    Ignore,
    /// The client has proved its identity: attach to its rings, then welcome or reject it.
    Admit,
    /// The client is connected.
    Establish,
}

/// A handshake that a client has begun.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    state: State,
    hello: Hello,
    generation: u64,
    session: u64,
    secret: Secret,
    features: u64,
    sent: u64,
    received: u64,
}

impl Server {
    /// Accepts a greeting. `session` and `secret` are new and unpredictable; the server offers `features` and
    /// needs `needed` of them.
    ///
    /// # Errors
    /// A reason to refuse the client.
    pub(crate) fn new(
        frame: &Frame,
        hello: Hello,
        session: u64,
        secret: Secret,
        (features, needed): (u64, u64),
    ) -> Result<Self, Reason> {
        let both = hello.features & features;
        let missing = (hello.needed | needed) & !both;
        if missing != 0 {
            return Err(Reason::MissingFeatures { bits: missing });
        }
        Ok(Self {
            state: State::Challenged,
            hello,
            generation: frame.generation,
            session,
            secret,
            features: both,
            sent: 0,
            received: frame.sequence,
        })
    }

    pub(crate) fn session(&self) -> u64 {
        self.session
    }

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

    /// The first answer.
    pub(crate) fn challenge(&mut self) -> Frame {
        let body = self.introduction();
        self.frame(FrameKind::Challenge, body.as_bytes())
    }

    fn introduction(&self) -> Challenge {
        Challenge { nonce: self.hello.nonce, secret: self.secret, features: self.features }
    }

    /// After [`ServerStep::Admit`] or [`believe`](Self::believe), when the rings are attached.
    pub(crate) fn welcome(&mut self) -> Frame {
        debug_assert_eq!(self.state, State::Proved);
        self.state = State::Welcomed;
        let body = self.introduction();
        // A client that was challenged knows all but the nonce.
        let known = if self.sent == 0 { size_of::<Challenge>() } else { size_of::<Secret>() };
        self.frame(FrameKind::Welcome, &body.as_bytes()[..known])
    }

    /// Refuses the client, at any time before it is connected.
    pub(crate) fn reject(&mut self, reason: Reason) -> Frame {
        self.state = State::Done;
        let verdict = Verdict::new(self.hello.nonce, reason);
        self.frame(FrameKind::Reject, verdict.as_bytes())
    }

    /// When the connection ends.
    pub(crate) fn bye(&mut self, reason: Reason) -> Frame {
        let verdict = Verdict::new(self.hello.nonce, reason);
        self.frame(FrameKind::Bye, verdict.as_bytes())
    }

    /// A refusal of a greeting for which no handshake was begun.
    pub(crate) fn turn_away(frame: &Frame, nonce: Secret, reason: Reason) -> Frame {
        Frame {
            ack: frame.sequence,
            generation: frame.generation,
            sequence: 1,
            ..Frame::new(FrameKind::Reject, Verdict::new(nonce, reason).as_bytes())
        }
    }

    /// Admits the client without a challenge: it is known to speak for itself. [`ServerStep::Admit`] comes
    /// first.
    pub(crate) fn believe(&mut self) {
        debug_assert_eq!(self.sent, 0);
        self.state = State::Proved;
    }

    /// Handles a frame of this session.
    pub(crate) fn on(&mut self, frame: &Frame) -> ServerStep {
        let fits = frame.session == self.session
            && frame.generation == self.generation
            && frame.sequence == self.received + 1
            && frame.ack == self.sent
            && frame.record::<Secret>() == Some(self.secret);
        match (self.state, frame.kind) {
            (State::Challenged, FrameKind::Proof) if fits => {
                self.received = frame.sequence;
                self.state = State::Proved;
                ServerStep::Admit
            }
            (State::Welcomed, FrameKind::Ready) if fits => {
                self.received = frame.sequence;
                self.state = State::Done;
                ServerStep::Establish
            }
            _ => ServerStep::Ignore,
        }
    }
}
