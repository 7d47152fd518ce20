//! Domains: named groups of processes that trust each other, and the channels they can find by name.
//!
//! A domain is two kernel objects under one key: a small segment with the process table and the channel
//! directory, and a set of semaphores: a lock, a *token* for each process, a *wake* semaphore for each end
//! that may sleep. There is no daemon. The first process to open a domain makes it, and the last one to leave
//! removes it. If all of them are killed it stays behind, empty of data, and the next process to open it
//! sweeps and uses it.
//!
//! **Liveness.** A process that joins takes a slot of the process table by raising that slot's token
//! semaphore from 0 to 1 with `SEM_UNDO`. The kernel lowers it when the process is gone, after the last of
//! its threads can have touched the memory. A program that was replaced by another one in the same process,
//! by `exec`, leaves a token, and is recognised by its [`image`], which the kernel destroys. So a member is
//! dead exactly when its token is 0, its image is gone, or its slot has a newer generation; no process number
//! and no timeout is involved.
//!
//! **The lock.** All changes to the tables are made under one lock, which is taken over from a holder that is
//! gone: see [`lock`]. It is taken to open a channel, never to use one. An end that is closed takes it only
//! if it is free at once: see [`departure`].

mod asking;
mod departure;
mod directory;
mod exit;
mod former;
pub mod gc;
mod half_made;
mod handle;
mod image;
mod join;
pub(crate) mod layout;
mod lock;
mod making;
mod member;
mod memberships;
mod observer;
mod owner;
mod place;
mod queues;
mod sizes;
mod table;
mod wake_semaphore;
mod wakes;

pub(crate) use asking::Questions;
pub(crate) use directory::{Entry, ListenerEntry, Tables, check_name};
pub(crate) use handle::DEFAULT_NAME;
pub use handle::Domain;
pub(crate) use lock::LOCK_PATIENCE;
pub(crate) use member::{Locked, Member};
pub(crate) use queues::{QueueSlot, Recipients, watched_name};
pub(crate) use wakes::ring;

pub(crate) use wake_semaphore::{WakeSemaphore, WakeSet};
pub use {observer::DomainObserver, owner::Owner, place::Place};
pub(crate) use {observer::has_gone, observer::with_entry, place::Lookout};
