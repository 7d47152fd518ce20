//! The kinds of rings.

/// The kind of ring that the memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum Kind {
    /// One producer, one consumer, fixed-size elements.
    Spsc = 1,
    /// One producer, one consumer, frames of any length.
    Bytes = 2,
    /// Many producers, many consumers, fixed-size elements.
    Mpmc = 3,
    /// One publisher, many subscribers, fixed-size elements.
    Broadcast = 4,
    /// One publisher, many subscribers, frames of any length.
    BroadcastBytes = 5,
    /// One writer, many readers, the newest value of each key.
    Latest = 6,
    /// One caller, one responder, request and reply in one line.
    Call = 7,
    /// No ring: blocks for large payloads.
    Pool = 8,
}

/// The name of a kind of channel, by its number in headers and directories.
pub(crate) fn kind_name(raw: u32) -> Option<&'static str> {
    const NAMES: [(u32, &str); 9] = [
        (Kind::Spsc as u32, "spsc"),
        (Kind::Bytes as u32, "bytes"),
        (Kind::Mpmc as u32, "mpmc"),
        (Kind::Broadcast as u32, "broadcast"),
        (Kind::BroadcastBytes as u32, "broadcast-bytes"),
        (Kind::Latest as u32, "latest"),
        (Kind::Call as u32, "call"),
        (Kind::Pool as u32, "pool"),
        (crate::domain::layout::LISTENER, "listener"),
    ];
    NAMES.iter().find(|(kind, _)| *kind == raw).map(|(_, name)| *name)
}
