//! Waiting in an event loop: for async tasks, and for loops that poll file descriptors.
//!
//! An end sleeps on a semaphore, and no event loop can poll one. So a thread sleeps on behalf of all ends:
//! the [`Driver`], one for each domain of a process, is started by the first [`Registration`] or [`PollSet`],
//! and ends with the last one. It sleeps on a semaphore of its own. An end that finds nothing is *armed*:
//! its waiting bit is set with that semaphore's number, as a [`WaitSet`](crate::WaitSet) does for the
//! duration of one wait, and stays set when the call returns. Nothing changes for the side that pushes: it
//! takes the bit and posts a token. The thread takes the token, finds the ends whose bits are gone, and calls
//! the wakers of their tasks, or makes a descriptor readable.
//!
//! ```text
//!   task                                     driver
//!   --------------------------------------   --------------------------------------
//!   lock                                     sleep until a token is posted
//!     waker into its slot                    lock
//!     signal |= WAITING                        for each armed slot whose bit is gone:
//!   unlock                                       take the waker out
//!   heavy barrier                            unlock
//!   look at the ring again                   call the wakers
//!   nothing: return Pending
//!   something: lock                          notifier
//!     signal &= !WAITING                     --------------------------------------
//!     waker out of its slot                  as in `wait::signal`: publish, light barrier,
//!   unlock                                   take WAITING, post a token
//! ```
//!
//! **No wake-up is lost.** The waker is stored before the bit is set, the bit is taken before the token is
//! posted, and the thread looks at the slots after it has taken the token. So a task whose bit was taken has
//! its waker called, at the latest by the token that the taker owes. Bits are set and taken back under the
//! lock: otherwise the thread could mistake a bit that a task has not yet set, or has taken back, for one
//! that a notifier took, and a death's token for that notifier's. The steps are those of [`protocol`] and
//! [`slots`], which a model checker also runs (`loom-tests`, `readiness`).
//!
//! **Deaths.** The semaphore is a *bell* of the domain if one is left: the death of any member posts a token
//! to it. That token belongs to no bit, so the thread counts: when it has taken more tokens than bits are
//! gone, a process died, and every armed task is woken to look for itself. One case remains: a notifier takes
//! a bit and dies before it posts, so that its death's token is counted as the one that it owed. Hence the
//! thread checks which processes are alive once more within a [heartbeat](crate::wait::HEARTBEAT) of each
//! wake-up, and then sleeps without a deadline. In an idle process the thread is never woken.
//!
//! **Cost.** Arming takes one or two system calls, and is avoided while messages come: a task that finds
//! nothing yields to other tasks a few times before it arms ([`Registration::poll`]). A wake-up goes through
//! the thread, so it costs one thread switch more than a blocking `pop`; a thread that has nothing else to do
//! should block.

mod driver;
mod poll_set;
#[doc(hidden)]
pub mod protocol;
mod registration;
#[doc(hidden)]
pub mod slots;

pub use driver::{Counts, Driver};
pub use poll_set::{Armed, PollSet};
pub use registration::Registration;
