//! A System V segment for the floors: made and marked for removal by the parent, attached by the workers.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ipc_core::Key;
use ipc_core::shm::{Attachment, Options, SharedMemory, ShmId};

use super::Resources;
use crate::process::{Failure, Job};

/// The segment of a run, attached.
#[derive(Debug)]
pub(super) struct Memory(Attachment);

impl Memory {
    /// Makes a segment of zeros that is freed with the last process that has it attached, and resources that
    /// keep it.
    pub(super) fn prepare(bytes: usize, capacity: Option<u64>) -> Result<Resources, Failure> {
        let memory = SharedMemory::create_new(Key::PRIVATE, bytes, &Options::default())
            .map_err(Failure::unavailable("shared memory"))?;
        let attached = memory.attach();
        // Linux lets processes attach by identifier while one has it attached, also after the removal.
        memory.remove().map_err(Failure::at("shared memory"))?;
        let attached = attached.map_err(Failure::at("shared memory"))?;
        let numbers = vec![i64::from(attached.id().as_raw())];
        Ok(Resources { numbers, capacity, keep: vec![Box::new(attached)], ..Resources::default() })
    }

    /// Attaches the segment in a worker and touches all its pages.
    pub(super) fn attach(job: &Job) -> Result<Memory, Failure> {
        Self::attach_number(job.numbers.first().copied())
    }

    /// The same in the parent, by the number that will be passed to the workers.
    pub(super) fn attach_number(number: Option<i64>) -> Result<Memory, Failure> {
        let id = number.and_then(|number| i32::try_from(number).ok());
        let id = id.ok_or_else(|| Failure::Failed("the parent passed no segment".into()))?;
        let attached =
            SharedMemory::from_id(ShmId::from_raw(id)).attach().map_err(Failure::at("shared memory"))?;
        for offset in (0..attached.len()).step_by(4096) {
            if let Some(word) = attached.atomic_u64(offset) {
                // Changes nothing, but counts as a write: the page is mapped for writing. Relaxed: no order
                // needed.
                word.fetch_or(0, Ordering::Relaxed);
            }
        }
        Ok(Memory(attached))
    }

    /// The word at `offset`.
    ///
    /// # Panics
    /// When the offset is outside or odd: the layout of the floor is wrong.
    pub(super) fn word(&self, offset: usize) -> &AtomicU64 {
        self.0.atomic_u64(offset).expect("the layout fits its segment")
    }

    /// The half word at `offset`.
    ///
    /// # Panics
    /// As `word`.
    pub(super) fn half_word(&self, offset: usize) -> &AtomicU32 {
        self.0.atomic_u32(offset).expect("the layout fits its segment")
    }

    /// The address of `length` bytes at `offset`.
    ///
    /// # Panics
    /// When they are not inside: the layout of the floor is wrong.
    pub(super) fn bytes(&self, offset: usize, length: usize) -> NonNull<u8> {
        assert!(
            offset.checked_add(length).is_some_and(|end| end <= self.0.len()),
            "the layout fits its segment"
        );
        // SAFETY: the offset is inside the mapping, as just checked.
        unsafe { self.0.base().add(offset) }
    }
}
