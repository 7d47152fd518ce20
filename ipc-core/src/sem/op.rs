//! One operation on one semaphore.

use core::fmt;

use nix::libc;

use super::MAX_VALUE;

/// One operation on one semaphore of a set (`struct sembuf`, the same bytes).
///
/// ```
/// use ipc_core::sem::Op;
///
/// const LOCK: [Op; 2] = [Op::wait_zero(0), Op::add(0, 1).undo()];
/// assert_eq!(format!("{:?}", LOCK), "[wait_zero(0), add(0, 1).undo()]");
/// ```
#[derive(Clone, Copy)]
#[repr(transparent)]
#[doc(alias = "sembuf")]
pub struct Op(libc::sembuf);

impl Op {
    /// Adds `n` to semaphore `index`. Never waits. Needs the right to alter.
    ///
    /// # Panics
    /// Unless `n` is 1 to 32767. In a constant, this is a compile-time error.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Op, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// set.perform(&[Op::add(0, 5)])?;
    /// assert_eq!(set.value(0)?, 5);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub const fn add(index: u16, n: u16) -> Op {
        assert!(n >= 1 && n <= MAX_VALUE, "a semaphore operation adds 1 to 32767");
        Op(libc::sembuf { sem_num: index, sem_op: n.cast_signed(), sem_flg: 0 })
    }

    /// Waits until semaphore `index` is at least `n`, and subtracts `n`. Needs the right to alter.
    ///
    /// # Panics
    /// Unless `n` is 1 to 32767. In a constant, this is a compile-time error.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Op, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// # set.perform(&[Op::add(0, 5)])?;
    /// set.perform(&[Op::take(0, 2)])?;
    /// assert_eq!(set.value(0)?, 3);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub const fn take(index: u16, n: u16) -> Op {
        assert!(n >= 1 && n <= MAX_VALUE, "a semaphore operation takes 1 to 32767");
        Op(libc::sembuf { sem_num: index, sem_op: -n.cast_signed(), sem_flg: 0 })
    }

    /// Waits until semaphore `index` is zero. Needs the right to read.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Op, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// set.perform(&[Op::wait_zero(0)])?;
    /// set.post(0)?;
    /// assert!(!set.try_perform(&[Op::wait_zero(0)])?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub const fn wait_zero(index: u16) -> Op {
        Op(libc::sembuf { sem_num: index, sem_op: 0, sem_flg: 0 })
    }

    /// Has the kernel revert this change when the process ends, also by SIGKILL.
    ///
    /// The sum to be undone belongs to the process, not to the thread; it is not inherited through `fork`,
    /// but survives `exec`. Use it on both halves of a pair or on neither: a take with undo and an add
    /// without leave the semaphore too high in the end.
    ///
    /// ```
    /// # use ipc_core::sem::Op;
    /// assert_eq!(format!("{:?}", Op::take(0, 1).undo()), "take(0, 1).undo()");
    /// ```
    #[must_use]
    #[doc(alias = "SEM_UNDO")]
    pub const fn undo(mut self) -> Op {
        self.0.sem_flg |= libc::SEM_UNDO as i16;
        self
    }

    /// Makes the whole call fail instead of waiting for this operation.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, sem::{Op, SemaphoreSet}};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(!set.try_perform(&[Op::take(0, 1).no_wait()])?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "IPC_NOWAIT")]
    pub const fn no_wait(mut self) -> Op {
        self.0.sem_flg |= libc::IPC_NOWAIT as i16;
        self
    }

    /// The index of the semaphore.
    ///
    /// ```
    /// # use ipc_core::sem::Op;
    /// assert_eq!(Op::add(3, 1).index(), 3);
    /// ```
    #[must_use]
    pub const fn index(self) -> u16 {
        self.0.sem_num
    }

    pub(super) const fn is_no_wait(self) -> bool {
        self.0.sem_flg & libc::IPC_NOWAIT as i16 != 0
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let libc::sembuf { sem_num: index, sem_op: n, sem_flg: flags } = self.0;
        match n {
            0 => write!(f, "wait_zero({index})")?,
            1.. => write!(f, "add({index}, {n})")?,
            _ => write!(f, "take({index}, {})", n.unsigned_abs())?,
        }
        if i32::from(flags) & libc::SEM_UNDO != 0 {
            f.write_str(".undo()")?;
        }
        if self.is_no_wait() { f.write_str(".no_wait()") } else { Ok(()) }
    }
}
