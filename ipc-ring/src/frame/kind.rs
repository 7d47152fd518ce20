//! The purposes of frames.

/// The purpose of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u16)]
pub enum FrameKind {
    /// Client to server: requests a connection, and passes the client's objects.
    Hello = 1,
    /// Server to client, through the client's queue: a challenge to send back.
    Challenge = 2,
    /// Client to server: the challenge sent back, which proves that the queue is the client's.
    Proof = 3,
    /// Server to client: the connection is accepted.
    Welcome = 4,
    /// Client to server: the connection is established.
    Ready = 5,
    /// Server to client: the connection is refused, with the reason.
    Reject = 6,
    /// Server to client: this connection is over, with the reason.
    Bye = 7,
    /// About a channel: a process took an end.
    Joined = 32,
    /// About a channel: a process released an end.
    Left = 33,
    /// About a channel: the process that held an end died.
    Died = 34,
    /// About a channel: an end was closed for good.
    Closing = 35,
    /// About a channel: a process is asked to leave.
    Evicted = 36,
    /// About a channel: a request for statistics.
    StatsRequest = 37,
    /// About a channel: the requested statistics.
    Stats = 38,
    /// About a channel: the user's bytes.
    User = 39,
}

impl FrameKind {
    /// Every kind.
    pub const ALL: [FrameKind; 15] = [
        FrameKind::Hello,
        FrameKind::Challenge,
        FrameKind::Proof,
        FrameKind::Welcome,
        FrameKind::Ready,
        FrameKind::Reject,
        FrameKind::Bye,
        FrameKind::Joined,
        FrameKind::Left,
        FrameKind::Died,
        FrameKind::Closing,
        FrameKind::Evicted,
        FrameKind::StatsRequest,
        FrameKind::Stats,
        FrameKind::User,
    ];

    pub(super) fn from_raw(raw: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == raw)
    }
}
