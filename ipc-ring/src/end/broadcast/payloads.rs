//! The ends of a channel of payloads of a pool: what they do besides those of a channel of elements.

use super::attached::Attached;
use super::room::Room;
use super::subscriber::Subscriber;
use crate::end::participant::Seats;
use crate::error::{PopError, PushError};
use crate::memory::Of;
use crate::ring::broadcast::payloads::{self as ring, try_pop};
use crate::ring::broadcast::{Control, Corruption, Memory, Pop, Publish};
use crate::ring::pool::{self, Handle, Loaned, Member, Refused};
use crate::wait::host::Host;

/// The publishing end.
pub type Publisher<M, F, W, H> = Attached<ring::Publisher<M>, F, W, H>;

impl<M: Memory<Shape = Of<Handle>>> Room for ring::Publisher<M> {
    fn has_room(&mut self) -> Result<bool, Corruption> {
        self.has_room()
    }

    fn drop_dead(&mut self, is_alive: &dyn Fn(u64) -> bool) -> bool {
        self.drop_dead(is_alive)
    }
}

impl<M, F, W, H> Publisher<M, F, W, H>
where
    M: Memory<Shape = Of<Handle>>,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// Publishes a block with this number of bytes if there is room. An error of the wakes is kept: the loan
    /// is gone, so the next publication reports it.
    ///
    /// # Errors
    /// [`PushError::Full`]; [`PushError::Corrupt`]. With the block.
    #[inline(always)]
    pub fn put<P: pool::Memory>(
        &mut self,
        member: &Member<P>,
        loaned: Loaned,
        length: u32,
    ) -> Result<(), (Loaned, PushError<()>)> {
        match self.ring.try_publish(member, loaned, length) {
            Ok(()) => {}
            Err((loaned, Publish::Corrupt(corruption))) => {
                return Err((loaned, PushError::Corrupt((), corruption)));
            }
            Err((loaned, Publish::Full | Publish::Done)) => return Err((loaned, PushError::Full(()))),
        }
        let woken = self.end.wake_subscribers();
        self.end.place.keep(woken);
        Ok(())
    }
}

impl<M, F, W, H> Subscriber<M, F, W, H>
where
    M: Memory<Shape = Of<Handle>>,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// Pops the next payload if there is one, whose block `accept` takes. The result says whether it did.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    #[inline(always)]
    pub fn try_accept<R>(
        &mut self,
        mut accept: impl FnMut(&Handle) -> Result<R, Refused>,
    ) -> Result<Result<R, Refused>, PopError> {
        self.end.place.ours()?;
        let mut over = None;
        // One call site for both attempts, so that `accept` is inlined.
        loop {
            let look = match try_pop(&mut self.ring, &mut accept) {
                Pop::Item { item, look } => {
                    self.end.look_at_publisher(look);
                    return Ok(item);
                }
                Pop::Empty { look } => look,
                other => return self.explain(other),
            };
            let position = self.ring.position();
            let ended = self.end.nothing(look, position)?;
            if let Some(error) = over {
                return Err(error);
            }
            // [C1] If the bit is seen, everything published before is visible too. Check once more.
            over = Some(ended.ok_or(PopError::Empty)?);
        }
    }
}
