//! The domain's lock: semaphores that identify the program that holds it.
//!
//! The lock is free when the first of three semaphores is 0. To take it, a process raises them, in one call,
//! to values that name its [image](super::image). So a process that finds it taken can check whether that
//! program still exists. If it does not, since its process was killed or has become another program by
//! `exec`, the lock is taken over: one call of `semop` subtracts exactly the values that were found and adds
//! the new holder's, or does nothing. So if two processes find the same dead holder, one gets the lock, and
//! neither takes it from a holder that came meanwhile.
//!
//! The kernel's undo (`SEM_UNDO`) is not used: it would take effect at the end of the *process*; after an
//! `exec`, another process may have the lock by then.
//!
//! A sleeper is woken when the lock is released. It detects by itself, within a heartbeat, that the holder
//! is gone.

use std::time::{Duration, Instant};

use ipc_core::sem::{Op, SemaphoreSet};

use super::image::ImageId;
use super::layout::{HOLDER, LOCK};
use crate::error::{AttachError, AttachErrorKind};
use crate::platform::{Native, Platform as _, Site};
use crate::wait::HEARTBEAT;
use crate::wait::interrupt::Interrupts;

/// How long a call waits for the lock if its caller gave no deadline.
pub(crate) const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The semaphores that name the holder.
const WORDS: [u16; 3] = [LOCK, HOLDER, HOLDER + 1];

/// The lock, held. Released on drop.
pub(super) struct Lock {
    semaphores: SemaphoreSet,
    image: ImageId,
}

impl Lock {
    /// Takes the lock for this program, waiting until a deadline. If the deadline has passed, takes the lock
    /// only if it is free.
    ///
    /// # Errors
    /// [`LockTimeout`](crate::AttachErrorKind::LockTimeout) with the process that holds it;
    /// [`System`](crate::AttachErrorKind::System) if the set was removed;
    /// [`Interrupted`](crate::AttachErrorKind::Interrupted), within a heartbeat.
    pub(super) fn take(
        semaphores: SemaphoreSet,
        image: ImageId,
        until: Instant,
        interrupts: Option<&Interrupts>,
    ) -> Result<Self, AttachError> {
        let began = Instant::now();
        loop {
            if let Some(lock) = Self::try_take(semaphores, image)? {
                return Ok(lock);
            }
            let now = Instant::now();
            if now >= until {
                return Err(AttachErrorKind::LockTimeout {
                    waited: until.saturating_duration_since(began),
                    // The last process that took it, or one that has taken it since.
                    holder: semaphores.last_pid(LOCK).ok().flatten(),
                }
                .into());
            }
            interrupts.map_or(Ok(()), |interrupts| interrupts.check("wait for the domain's lock"))?;
            let (operations, soon) = (raise(image), until.min(now + HEARTBEAT));
            let is_taken = if interrupts.is_some_and(Interrupts::by_signals) {
                semaphores.perform_deadline_interruptible(&operations, soon)
            } else {
                semaphores.perform_deadline(&operations, soon)
            };
            if is_taken? {
                return Ok(Self::of(semaphores, image));
            }
        }
    }

    /// Takes the lock if it is free or its holder is gone.
    ///
    /// # Errors
    /// If the set was removed, or it cannot be determined whether the holder is gone.
    pub(super) fn try_take(
        semaphores: SemaphoreSet,
        image: ImageId,
    ) -> Result<Option<Self>, ipc_core::Error> {
        if semaphores.try_perform(&raise(image))? {
            return Ok(Some(Self::of(semaphores, image)));
        }
        let Some(holder) = holder(semaphores)?.filter(|holder| *holder != image) else { return Ok(None) };
        if holder.is_there()? {
            return Ok(None);
        }
        // All or nothing: the values are still those found, or another process was faster.
        let exchange: Vec<Op> = lower(holder).into_iter().chain(raise(image)).collect();
        let taken_over = semaphores.try_perform(&exchange)?;
        Ok(taken_over.then(|| Self::of(semaphores, image)))
    }

    // Constructed lazily: dropping this value releases the lock, whatever process holds it.
    fn of(semaphores: SemaphoreSet, image: ImageId) -> Self {
        Native::crash_point(Site::DomainLocked);
        Self { semaphores, image }
    }
}

/// The lock held by a process without an image, because the kernel refused to make one. Others cannot check
/// whether the holder exists, so the kernel releases the lock at the end of the process; after an `exec`,
/// nothing does. For a few system calls that clean up after the refusal.
pub(super) struct NamelessLock(SemaphoreSet);

impl NamelessLock {
    /// Takes the lock if it is free.
    pub(super) fn try_take(semaphores: SemaphoreSet) -> Result<Option<Self>, ipc_core::Error> {
        let is_taken = semaphores.try_perform(&[Op::wait_zero(LOCK), Op::add(LOCK, 1).undo()])?;
        Ok(is_taken.then(|| {
            Native::crash_point(Site::DomainLocked);
            Self(semaphores)
        }))
    }
}

impl Drop for NamelessLock {
    fn drop(&mut self) {
        // The set may be gone.
        let _ = self.0.try_perform(&[Op::take(LOCK, 1).undo()]);
    }
}

/// Whether a program holds the lock.
///
/// # Errors
/// As [`Lock::try_take`].
pub(super) fn is_held(semaphores: SemaphoreSet) -> Result<bool, ipc_core::Error> {
    if semaphores.value(LOCK)? == 0 {
        return Ok(false);
    }
    // A holder that did not identify itself may exist.
    holder(semaphores)?.map_or(Ok(true), ImageId::is_there)
}

/// The program that holds the lock. The values are read one after the other: act on them only with a call
/// that compares them again.
fn holder(semaphores: SemaphoreSet) -> Result<Option<ImageId>, ipc_core::Error> {
    let [low, middle, high] = WORDS.map(|index| semaphores.value(index));
    Ok(ImageId::from_values([low?, middle?, high?]))
}

/// Waits until the lock is free and takes it.
fn raise(image: ImageId) -> [Op; 4] {
    let [low, middle, high] = image.to_values();
    let add = |index, value| if value == 0 { Op::wait_zero(index) } else { Op::add(index, value) };
    [Op::wait_zero(LOCK), Op::add(LOCK, low), add(HOLDER, middle), add(HOLDER + 1, high)]
}

/// Subtracts exactly this holder's values.
fn lower(image: ImageId) -> Vec<Op> {
    let take = |(index, value): (u16, u16)| {
        let take = (value != 0).then(|| Op::take(index, value));
        take.into_iter().chain([Op::wait_zero(index)])
    };
    WORDS.into_iter().zip(image.to_values()).flat_map(take).collect()
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The set may be gone: the last member removes it while holding the lock.
        let _ = self.semaphores.try_perform(&lower(self.image));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use ipc_core::{Key, Mode, RemoveOnDrop};

    use super::*;
    use crate::domain::image::Image;

    fn image() -> Image {
        Image::new(Key::random().unwrap(), Mode::PRIVATE).unwrap()
    }

    /// Of a program that is gone.
    fn gone() -> ImageId {
        image().id()
    }

    #[test]
    fn the_lock_of_a_program_that_is_gone_is_taken_over_by_one() {
        const TIMES: usize = 500;
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 4, Mode::PRIVATE).unwrap());
        let set: SemaphoreSet = *set;
        let (is_held, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let image = image();
                    let until = Instant::now() + Duration::from_secs(1000);
                    while taken.fetch_add(1, Ordering::Relaxed) < TIMES {
                        let lock = Lock::take(set, image.id(), until, None).unwrap();
                        assert!(!is_held.swap(true, Ordering::SeqCst), "two have the lock");
                        std::thread::yield_now();
                        assert!(is_held.swap(false, Ordering::SeqCst));
                        // As if this program had gone now.
                        std::mem::forget(lock);
                        let left: Vec<Op> = lower(image.id()).into_iter().chain(raise(gone())).collect();
                        assert!(set.try_perform(&left).unwrap(), "another process has changed the lock");
                    }
                });
            }
        });
        assert!(!super::is_held(set).unwrap());
        drop(Lock::try_take(set, image().id()).unwrap().expect("its holder is gone"));
        assert_eq!(set.values().unwrap(), [0; 4]);
    }

    #[test]
    fn the_lock_of_a_program_that_is_there_stays() {
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 4, Mode::PRIVATE).unwrap());
        let (one, other) = (image(), image());
        let lock = Lock::try_take(*set, one.id()).unwrap().unwrap();
        assert!(Lock::try_take(*set, other.id()).unwrap().is_none());
        assert!(Lock::try_take(*set, one.id()).unwrap().is_none(), "another thread of it");
        assert!(super::is_held(*set).unwrap());
        let until = Instant::now() + HEARTBEAT * 2;
        let error = Lock::take(*set, other.id(), until, None).err().expect("it is held");
        assert!(Instant::now() >= until);
        assert!(
            matches!(error.kind(), AttachErrorKind::LockTimeout { waited, .. } if *waited <= HEARTBEAT * 2)
        );
        drop(lock);
        // A holder that does not identify its program, and has the kernel lower the semaphore.
        set.perform(&[Op::add(LOCK, 1)]).unwrap();
        assert!(Lock::try_take(*set, other.id()).unwrap().is_none());
        assert!(super::is_held(*set).unwrap());
    }
}
