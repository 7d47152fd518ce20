//! The frames that are ready.

use super::Consumer;

/// An iterator over the frames that are ready, from [`Consumer::drain`].
#[derive(Debug)]
pub struct Drain<'a> {
    consumer: &'a mut Consumer,
}

impl<'a> Drain<'a> {
    pub(super) fn of(consumer: &'a mut Consumer) -> Self {
        Self { consumer }
    }
}

impl Iterator for Drain<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.consumer.try_pop().ok()
    }
}
