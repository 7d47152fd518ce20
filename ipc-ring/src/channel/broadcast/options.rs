//! What only channels with one sending end and many readers can be set to.

use super::position::Start;
use crate::channel::builder::{Builder, Channel};
use crate::ring::broadcast::{Mode, Resume};

/// Those settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readers {
    pub(in crate::channel) mode: Option<Mode>,
    pub(in crate::channel) start: Start,
    pub(in crate::channel) resume: Resume,
}

/// A kind with one sending end whose messages each receiving end gets: it has a [mode](Builder::mode), and
/// readers that [start](Builder::start) somewhere. Sealed, as [`Channel`] is.
pub trait Broadcasting: Channel {
    /// Its settings.
    #[doc(hidden)]
    fn readers(options: &mut Self::Options) -> &mut Readers;
}

impl<K: Broadcasting> Builder<K> {
    /// How the channel treats slow subscribers. A creator's default is [`Mode::Lossy`]; an opener without
    /// this setting takes the channel as it is, one that gives a mode insists on it.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        K::readers(&mut self.options).mode = Some(mode);
        self
    }

    /// [`mode`](Self::mode) with [`Mode::Lossy`].
    #[must_use]
    pub fn lossy(self) -> Self {
        self.mode(Mode::Lossy)
    }

    /// [`mode`](Self::mode) with [`Mode::Gated`].
    #[must_use]
    pub fn gated(self) -> Self {
        self.mode(Mode::Gated)
    }

    /// Where a subscriber begins. The default is the oldest message left.
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        K::readers(&mut self.options).start = start;
        self
    }

    /// Where a subscriber continues after it was overrun. The default is the oldest message left.
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        K::readers(&mut self.options).resume = resume;
        self
    }
}
