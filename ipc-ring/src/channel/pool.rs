//! Large payloads, written where they will be read: a named pool of blocks in shared memory, lent by handle
//! through any channel.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ipc_ring::{pool, spsc};
//!
//! // process A
//! let frames = pool::Builder::new("doc-example-frames").class(1 << 20, 8).create()?;
//! let mut out = spsc::Producer::<pool::Handle>::create("doc-example-frames.out")?;
//! let mut frame = frames.loan(640 * 480)?; // a block of 1 MiB
//! for row in 0..480 {
//!     frame.write_at(row * 640, &[7; 640])?; // row by row, or at once, or through `as_mut_ptr`
//! }
//! frame.send(&mut out)?;
//!
//! // process B
//! let pool = pool::Pool::open("doc-example-frames")?;
//! let mut input = spsc::Consumer::<pool::Handle>::open("doc-example-frames.out")?;
//! let frame = pool.receive(&mut input)?; // stays in place; given back when dropped
//! let mut row = [0; 640];
//! frame.read_at(479 * 640, &mut row)?;
//! assert_eq!((frame.len(), row), (640 * 480, [7; 640]));
//! # Ok(()) }
//! ```
//!
//! However large the payload, only a handle of 24 bytes and the cache lines actually read move between the
//! processes.
//!
//! **To one, or to many.** [`Loan::send`] gives the block to the receiver of its handle, which may also write
//! it and send it on ([`View::into_loan`]). [`Loan::share`] makes it readable for all receivers of the
//! handle, as long as the sender, or any other process, keeps a view of it; dropping the last view frees it.
//!
//! **Messages with a payload.** A [`Handle`] is a plain message. It may be a field of your own message type:
//! push that in [`Loan::send_with`], and give its handle to [`Pool::accept`] inside `pop_with` of the
//! consumer.
//!
//! **Exhaustion is a result**, [`LoanError::Exhausted`], and [`Pool::stats`] shows for each size class how
//! many blocks were needed. Blocks that were never used take no memory. A [`Lender`] waits for a free block
//! instead, and any process that gives one back wakes it.
//!
//! **Deaths.** What a dead process held comes back: blocks it wrote or read, at the next loan that finds none
//! free, at the next opening, or by [`Pool::recover`]. A payload that was sent stays in its channel when its
//! sender dies; one that was received dies with its receiver. [`Pool::receive`] takes the block and pops its
//! handle as its last steps, after all system calls. Payloads in a channel whose last process is gone come
//! back too.
//!
//! **Trust.** What safe code can do with a loan and a view is sound whatever others do to the bytes
//! meanwhile: it copies, as [`Loan::write_at`] and [`View::read_at`] do, or takes the address. A slice needs
//! the `unsafe` [`Loan::as_mut_slice`] or [`View::as_slice`]: the caller promises that no process writes the
//! bytes while it lives.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pool = ipc_ring::pool::Builder::new("doc-example-slices").class(64, 1).create()?;
//! let mut loan = pool.loan(3)?;
//! // SAFETY: all processes of this domain are this program, which writes its own loans only and attaches
//! // nothing by number.
//! let pixels = unsafe { loan.as_mut_slice() }?;
//! pixels.sort_unstable();
//! # drop(loan);
//! # Ok(()) }
//! ```
//!
//! Safe code gets no slice:
//!
//! ```compile_fail,E0308
//! fn first(view: &ipc_ring::pool::View) -> &[u8] {
//!     view
//! }
//! ```
//!
//! `docs/trust.md` describes what may happen when the promise is broken.
//!
//! **Once in a process.** Opening a pool that the process has open already returns a clone of that opening.
//!
//! **Lifetime.** A pool lives as long as a process has it open, or holds a loan or a view of it.

mod builder;
mod bytes;
mod carrier;
mod cursor;
mod error;
mod header;
mod inner;
mod lender;
#[allow(unsafe_code)]
mod loan;
mod member;
mod once;
mod stats;
mod tap;
#[allow(unsafe_code)]
mod view;

pub use builder::Builder;
pub use bytes::AccessError;
pub(super) use carrier::route;
pub use carrier::{Inlet, Outlet};
pub use cursor::{Reader, Writer};
pub use error::{ReceiveError, SendError};
pub use lender::Lender;
pub use loan::Loan;
pub use member::Pool;
pub use stats::Stats;
pub use tap::{PayloadError, PayloadTap, TappedPool};
pub use view::View;

pub use crate::error::LoanError;
pub use crate::ring::pool::recovery::Report;
pub use crate::ring::pool::{
    ClassStats, Handle, MAX_BLOCK, MAX_BLOCKS, MAX_CLASSES, MAX_LENDERS, MAX_MEMBERS, MIN_BLOCK, Refused,
    Route,
};
