//! A block that is being written.

use core::fmt;
use core::mem::ManuallyDrop;
use std::sync::Arc;

use super::bytes::{AccessError, Bytes, readable};
use super::carrier::Outlet;
use super::cursor::{Reader, Writer};
use super::error::SendError;
use super::inner::Inner;
use super::view::View;
use crate::error::Forked;
use crate::message::Message;
use crate::ring::pool::{Handle, Loaned, Mapped, Member, Memory as _, Offered, Route, Sizes as _};

/// A block of a pool that this process alone may write. Dropping it gives the block back.
///
/// [`write_at`](Self::write_at), [`write`](Self::write) and [`writer`](Self::writer) write it, soundly
/// whatever others do, and [`as_mut_ptr`](Self::as_mut_ptr) returns its address. There is no safe slice of
/// it, since other processes *could* write the memory: [`as_mut_slice`](Self::as_mut_slice) states what the
/// caller has to promise for one.
pub struct Loan {
    /// Taken when the loan is dropped or consumed.
    held: ManuallyDrop<Held>,
}

struct Held {
    inner: Arc<Inner>,
    loaned: Loaned,
    len: usize,
}

/// A block whose handle is being pushed: taken back if the push panics.
struct Offering(Option<(Arc<Inner>, Offered)>);

impl Loan {
    #[inline(always)]
    pub(super) fn new(inner: Arc<Inner>, loaned: Loaned, len: usize) -> Self {
        Self { held: ManuallyDrop::new(Held { inner, loaned, len }) }
    }

    /// Number of bytes that will be sent.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len
    }

    /// Whether no bytes will be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of the block in bytes: the limit of [`set_len`](Self::set_len).
    #[must_use]
    pub fn capacity(&self) -> usize {
        let Held { inner, loaned, .. } = &*self.held;
        inner.member.memory().classes()[loaned.class() as usize].size as usize
    }

    /// Sends fewer bytes than were requested, or more if the block has them.
    ///
    /// # Panics
    /// When the block is smaller.
    pub fn set_len(&mut self, len: usize) {
        assert!(len <= self.capacity(), "the block has {} bytes, not {len}", self.capacity());
        self.held.len = len;
    }

    /// Copies bytes to an offset, soundly whatever others do to the block meanwhile.
    ///
    /// # Errors
    /// [`AccessError::OutOfBounds`] when they do not fit into [`len`](Self::len) bytes;
    /// [`AccessError::Forked`] in a forked child.
    #[inline]
    pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<(), AccessError> {
        self.bytes().write_at(offset, bytes)
    }

    /// Copies a value to any offset, as [`write_at`](Self::write_at) does. Eight bytes at an offset that is a
    /// multiple of eight are stored by one access.
    ///
    /// # Errors
    /// As [`write_at`](Self::write_at).
    #[inline]
    pub fn write<T: Message>(&mut self, offset: usize, value: &T) -> Result<(), AccessError> {
        self.bytes().write_at(offset, value.as_bytes())
    }

    /// Sets each byte to this value.
    ///
    /// # Errors
    /// [`AccessError::Forked`] in a forked child.
    pub fn fill(&mut self, byte: u8) -> Result<(), AccessError> {
        self.bytes().fill(byte)
    }

    /// A writer of the payload from its first byte on, for code that takes a [`std::io::Write`].
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::{Read, Write};
    ///
    /// let pool = ipc_ring::pool::Builder::new("doc-example-writer").class(64, 1).create()?;
    /// let mut loan = pool.loan(64)?;
    /// let mut writer = loan.writer();
    /// write!(writer, "{} degrees", 21)?;
    /// let len = writer.position();
    /// loan.set_len(len);
    ///
    /// let (view, _handle) = loan.share();
    /// let mut text = String::new();
    /// view.reader().read_to_string(&mut text)?;
    /// assert_eq!(text, "21 degrees");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn writer(&mut self) -> Writer<'_> {
        Writer::new(self.bytes())
    }

    readable!();

    /// The payload as a slice, to be written in place.
    ///
    /// # Safety
    /// As [`as_slice`](Self::as_slice); and while the slice lives, nothing else reads the bytes either.
    ///
    /// # Errors
    /// [`Forked`] in a forked child.
    #[inline]
    pub unsafe fn as_mut_slice(&mut self) -> Result<&mut [u8], Forked> {
        let bytes = self.bytes();
        bytes.inner.ours()?;
        // SAFETY: as in `as_slice`; the block is lent to this value alone, which is borrowed mutably, so this
        // is the only reference to the bytes in this process.
        Ok(unsafe { core::slice::from_raw_parts_mut(bytes.base(), bytes.len) })
    }

    /// The address of the payload, as [`as_ptr`](Self::as_ptr), for writing.
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes().base()
    }

    /// The held block, which the caller gives back.
    #[inline(always)]
    fn into_held(self) -> Held {
        let mut loan = ManuallyDrop::new(self);
        // SAFETY: the loan is consumed, and not dropped.
        unsafe { ManuallyDrop::take(&mut loan.held) }
    }

    #[inline(always)]
    fn bytes(&self) -> Bytes<'_> {
        let Held { inner, loaned, len } = &*self.held;
        Bytes { inner, class: loaned.class(), block: loaned.block(), len: *len }
    }

    /// Gives the block to the receiver of its handle from this channel, waiting for room there.
    ///
    /// # Errors
    /// [`SendError`] with the loan and the channel's reason.
    ///
    /// # Blocking
    /// As the producer's push.
    #[inline]
    pub fn send<O: Outlet>(self, to: &mut O) -> Result<(), SendError<O::Error>> {
        let route = to.route();
        self.send_with(route, |handle| to.push_handle(handle))
    }

    /// As [`send`](Self::send), with your own push: of a message that holds the handle, or with a deadline.
    /// `route` is that of the producer which `push` uses
    /// ([`spsc::Producer::route`](crate::spsc::Producer::route), and those of the other channels).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ipc_ring::{pool, spsc};
    /// use zerocopy::{FromBytes, Immutable, IntoBytes};
    ///
    /// #[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
    /// #[repr(C)]
    /// struct Frame { camera: u64, image: pool::Handle }
    ///
    /// let images = pool::Builder::new("doc-example-images").class(4096, 4).create()?;
    /// let mut out = spsc::Producer::<Frame>::create("doc-example-images.out")?;
    /// let mut input = spsc::Consumer::<Frame>::open("doc-example-images.out")?;
    ///
    /// let loan = images.loan(100)?;
    /// loan.send_with(out.route(), |image| out.push(Frame { camera: 3, image }))?;
    ///
    /// let (camera, image) = input.pop_with(|frame| {
    ///     let frame = frame.read();
    ///     (frame.camera, images.accept(&frame.image))
    /// })?;
    /// assert_eq!((camera, image?.len()), (3, 100));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError`] with the loan and the error of `push`, or [`Forked`] in a child process that inherited
    /// the loan through a fork.
    #[inline]
    pub fn send_with<E: From<Forked>>(
        self,
        route: Route,
        push: impl FnOnce(Handle) -> Result<(), E>,
    ) -> Result<(), SendError<E>> {
        if let Err(forked) = self.held.inner.ours() {
            return Err(SendError { loan: self, error: forked.into() });
        }
        let Held { inner, loaned, len } = self.into_held();
        let (offered, handle) = inner.member.offer(loaned, len as u32, route);
        let mut offering = Offering(Some((inner, offered)));
        let pushed = push(handle);
        let (inner, offered) = offering.0.take().expect("taken here only");
        core::mem::forget(offering); // There is nothing left to drop: this makes it visible to the compiler.
        // The push may have forked: then the block is the parent's.
        if let Err(forked) = inner.ours() {
            return Err(SendError { loan: Self::new(inner, offered.inherited(), len), error: forked.into() });
        }
        match pushed {
            Ok(()) => {
                inner.member.sent(&offered);
                Ok(())
            }
            // If the block was taken although the push failed, it was sent.
            Err(error) => match inner.member.take_back(offered) {
                Some(loaned) => Err(SendError { loan: Self::new(inner, loaned, len), error }),
                None => Ok(()),
            },
        }
    }

    /// Whether the loan was made by this process.
    #[inline(always)]
    pub(in crate::channel) fn is_ours(&self) -> bool {
        self.held.inner.is_ours()
    }

    /// Whether the block belongs to the pool of this member, through any clone or opening of it.
    #[inline(always)]
    pub(in crate::channel) fn is_of(&self, member: &Member<Mapped>) -> bool {
        self.held.inner.member.memory().generation() == member.memory().generation()
    }

    /// Lets `publish` turn the block into a payload. If it fails it gives the block back.
    #[inline]
    pub(in crate::channel) fn publish_by<E>(
        self,
        publish: impl FnOnce(&Member<Mapped>, Loaned, u32) -> Result<(), (Loaned, E)>,
    ) -> Result<(), SendError<E>> {
        let Held { inner, loaned, len } = self.into_held();
        publish(&inner.member, loaned, len as u32)
            .map_err(|(loaned, error)| SendError { loan: Self::new(inner, loaned, len), error })
    }

    /// Makes the bytes readable for all receivers of the handle, as long as any process holds a view. Push
    /// the handle into one channel for each receiver, and keep the view for as long as late ones should find
    /// the payload.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = ipc_ring::pool::Builder::new("doc-example-shared").class(64, 2).create()?;
    /// let mut loan = pool.loan(5)?;
    /// loan.write_at(0, b"hello")?;
    /// let (kept, handle) = loan.share();
    /// let (one, two) = (pool.accept(&handle)?, pool.accept(&handle)?);
    /// drop(kept);
    /// assert_eq!((one.to_vec()?, two.to_vec()?), (b"hello".to_vec(), b"hello".to_vec()));
    /// drop((one, two));
    /// assert!(pool.accept(&handle).is_err(), "the last view is gone");
    /// # Ok(()) }
    /// ```
    ///
    /// In a child process that inherited the loan through a fork, no payload is shared: the handle is refused
    /// everywhere.
    #[must_use]
    pub fn share(self) -> (View, Handle) {
        let Held { inner, loaned, len } = self.into_held();
        if !inner.is_ours() {
            return (View::new(inner, loaned.inherited(), len), Handle::from_words([0; 3]));
        }
        let (reading, handle) = inner.member.share(loaned, len as u32);
        (View::new(inner, reading, len), handle)
    }
}

impl View {
    /// Turns the received block into one that may be written and sent on: a stage of a pipeline that works in
    /// place.
    ///
    /// # Errors
    /// The view, when it is [shared](Self::is_shared), and in a child process that inherited it through a
    /// fork.
    pub fn into_loan(self) -> Result<Loan, View> {
        if !self.is_ours() {
            return Err(self);
        }
        let (inner, reading, len) = self.into_parts();
        match inner.member.take_over(reading) {
            Ok(loaned) => Ok(Loan::new(inner, loaned, len)),
            Err(reading) => Err(Self::new(inner, reading, len)),
        }
    }
}

impl Drop for Loan {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the loan is not used afterwards.
        let Held { inner, loaned, .. } = unsafe { ManuallyDrop::take(&mut self.held) };
        if inner.is_ours() {
            inner.abandon(loaned);
        }
    }
}

impl Drop for Offering {
    fn drop(&mut self) {
        if let Some((inner, offered)) = self.0.take()
            && inner.is_ours()
            && let Some(loaned) = inner.member.take_back(offered)
        {
            inner.abandon(loaned);
        }
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { loaned, len, .. } = &*self.held;
        f.debug_struct("Loan").field("block", loaned).field("len", len).finish_non_exhaustive()
    }
}
