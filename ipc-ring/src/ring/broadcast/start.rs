//! Where a subscriber starts, and where it continues.

/// Where a subscriber starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// With the oldest message that is still there.
    Oldest,
    /// With the newest message that is there, or the first one to come if there is none.
    Newest,
    /// With the first message that is published after it has joined.
    Next,
    /// With the message of this position. Messages from it on that are gone are reported as missed; one still
    /// to come is waited for.
    At(u64),
}

/// Where an overrun subscriber continues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resume {
    /// At the oldest message that is still there: the fewest are missed. A subscriber that cannot keep up is
    /// soon overrun again.
    #[default]
    Oldest,
    /// At the newest message.
    Newest,
}
