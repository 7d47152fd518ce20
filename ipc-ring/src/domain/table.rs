//! The domain's segment as typed words. Bounds are those of the layout's constants; the segment's size was
//! checked.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ipc_core::shm::Attachment;

use crate::region::Region;

/// The attached segment. An observer's is attached read-only; only members store into one.
#[derive(Debug)]
pub(crate) struct Table(Region);

impl Table {
    pub(super) fn new(attachment: Attachment) -> Self {
        assert!(attachment.len() >= super::layout::SIZE, "the segment's size was checked when it was opened");
        Self(Region::segment(attachment))
    }

    pub(super) fn word(&self, offset: usize) -> &AtomicU64 {
        self.0.word(offset)
    }

    pub(super) fn half(&self, offset: usize) -> &AtomicU32 {
        self.0.half(offset)
    }

    /// Loads and stores need no order of their own: the table is written under the lock, whose system calls
    /// order them, and readers without the lock read single words.
    pub(super) fn get(&self, offset: usize) -> u64 {
        self.word(offset).load(Ordering::Relaxed) // Under the lock, or a single word.
    }

    pub(super) fn set(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::Relaxed); // Under the lock.
    }

    pub(super) fn get_half(&self, offset: usize) -> u32 {
        self.half(offset).load(Ordering::Relaxed) // Under the lock, or a single word.
    }

    pub(super) fn set_half(&self, offset: usize, value: u32) {
        self.half(offset).store(value, Ordering::Relaxed); // Under the lock.
    }

    /// Writes a text of at most `room` bytes: its length, then its bytes.
    pub(super) fn set_text(&self, length: usize, at: usize, text: &str, room: usize) {
        let bytes = &text.as_bytes()[..text.len().min(room)];
        self.0.copy_in(at, bytes);
        self.set(length, bytes.len() as u64);
    }

    /// Reads a text; whatever the bytes are, the result is a string of at most `room` bytes' worth.
    pub(super) fn text(&self, length: usize, at: usize, room: usize) -> String {
        let count = usize::try_from(self.get(length)).unwrap_or(usize::MAX).min(room);
        let mut bytes = vec![0; count];
        self.0.copy_out(at, &mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Zeroes everything after the header, except the notes: the objects they describe exist whatever became
    /// of the domain.
    pub(super) fn clear_tables(&self) {
        let zeros = [0; 256];
        let mut at = super::layout::PROCESS_TABLE;
        while at < super::layout::NOTE_TABLE {
            let count = zeros.len().min(super::layout::NOTE_TABLE - at);
            self.0.copy_in(at, &zeros[..count]);
            at += count;
        }
    }
}
