//! A reading end: waiting for newer values.

use std::time::Instant;

use super::end::{End, Topic};
use crate::end::participant::{Participant, Seats};
use crate::error::ReadError;
use crate::ring::latest::{self as ring, Memory, Trouble};
use crate::wait::Wait;
use crate::wait::host::Host;
use crate::wait::news::News;
use crate::wait::park::{Attempt, Look, Presence, park};
use crate::wait::seated::Seated;

/// A reading end.
#[derive(Debug)]
pub struct Reader<M: Memory, W: Seats, H: Host> {
    /// Its half of the ring, which knows what it has read.
    pub ring: ring::Reader<M>,
    /// Its seat.
    pub end: End<M, W, H>,
    /// Whether a set was notified that the writer is gone.
    told: bool,
    /// Whether a set was notified that the channel is closed.
    ended: bool,
}

/// What a reader waits for, and how it recognises that.
#[derive(Debug)]
pub struct Wanted<F, G, U> {
    /// Reported in errors.
    pub key: u32,
    /// The publications that end a sleep.
    pub topic: Topic,
    /// Reads; `None` if there is nothing yet.
    pub read: F,
    /// Whether there is something to read, by a check that changes nothing.
    pub has_something: G,
    /// Whether a key beyond the last may still come to exist.
    pub is_undecided: U,
}

impl<M, W, H> Reader<M, W, H>
where
    M: Memory + Clone,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// The reading half of an end's table.
    pub fn new(end: End<M, W, H>) -> Self {
        Self { ring: ring::Reader::attach(end.ring.clone()), end, told: false, ended: false }
    }

    /// Waits until `wanted.read` returns something.
    ///
    /// # Errors
    /// [`ReadError`]. [`ReadError::Closed`] also for a table that was replaced by another one.
    #[track_caller]
    pub fn wait_until<R, F, G, U>(
        &mut self,
        wanted: Wanted<F, G, U>,
        deadline: Option<Instant>,
    ) -> Result<R, ReadError>
    where
        F: FnMut(&mut ring::Reader<M>) -> Result<Option<R>, Trouble>,
        G: Fn(&ring::Reader<M>) -> bool,
        U: Fn(&Participant<W, H>) -> bool,
    {
        self.end.place.ours()?;
        park(&mut Reading { reader: self, wanted }, deadline)
    }
}

/// A reader is ready when any of its keys has a newer value.
impl<M, W, H> Seated for Reader<M, W, H>
where
    M: Memory + Clone,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    type Seat = Participant<W, H>;

    fn seat(&self) -> &Participant<W, H> {
        &self.end.place
    }

    fn seat_mut(&mut self) -> &mut Participant<W, H> {
        &mut self.end.place
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        match self.ring.next_change() {
            Ok(None) => {}
            // Even when the writer is just too fast, or the memory is invalid: the next read reports it.
            Ok(Some(_)) | Err(_) => {
                self.told = false;
                return Ok(Some(News::Ready));
            }
        }
        let over = match self.end.ended() {
            None if probe => self.end.died().unwrap_or_else(Some),
            over => over,
        };
        Ok(match over {
            Some(ReadError::Closed) => (!std::mem::replace(&mut self.ended, true)).then_some(News::Ended),
            Some(ReadError::System(error)) => return Err(error),
            Some(_) if !std::mem::replace(&mut self.told, true) => Some(News::PeerGone),
            Some(_) => None,
            None => {
                // Without asking the kernel, a dead writer looks like a living one.
                self.told &= !probe;
                None
            }
        })
    }

    fn is_armed(&mut self) {
        self.end.place.wait_for(Topic::Any.class());
    }
}

/// A wait for a newer value.
struct Reading<'a, M: Memory, W: Seats, H: Host, F, G, U> {
    reader: &'a mut Reader<M, W, H>,
    wanted: Wanted<F, G, U>,
}

impl<M, W, H, R, F, G, U> Attempt for Reading<'_, M, W, H, F, G, U>
where
    M: Memory + Clone,
    W: Seats<Platform = M::Platform>,
    H: Host,
    F: FnMut(&mut ring::Reader<M>) -> Result<Option<R>, Trouble>,
    G: Fn(&ring::Reader<M>) -> bool,
    U: Fn(&Participant<W, H>) -> bool,
{
    type Waiter = Participant<W, H>;
    type Output = R;
    type Error = ReadError;

    fn waiter(&self) -> &Participant<W, H> {
        &self.reader.end.place
    }

    fn waiter_mut(&mut self) -> &mut Participant<W, H> {
        &mut self.reader.end.place
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<R>, ReadError> {
        let (Reader { ring, end, .. }, wanted) = (&mut *self.reader, &mut self.wanted);
        // [C1] Before the read: what the writer published before it went is visible to it.
        let over = end.unless_awaited(end.ended());
        match (wanted.read)(ring) {
            Ok(Some(something)) => {
                end.place.waits.finished(wait);
                return Ok(Some(something));
            }
            // There is something; the next attempt may be fast enough.
            Ok(None) | Err(Trouble::Contended) => {}
            Err(Trouble::NoSuchKey) if (wanted.is_undecided)(&end.place) => {}
            Err(trouble) => return Err(ReadError::from_trouble(trouble, wanted.key, ring.memory().keys())),
        }
        over.map_or(Ok(None), Err)
    }

    fn look(&mut self) -> Look {
        let Reader { ring, end, .. } = &*self.reader;
        let is_over = || end.unless_awaited(end.ended()).is_some();
        if (self.wanted.has_something)(ring) || is_over() { Look::Ready } else { Look::Nothing }
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<ReadError>, ReadError> {
        let end = &self.reader.end;
        let died = if ask { end.died()? } else { None };
        Ok(end.unless_awaited(died).map_or(Presence::There, Presence::Gone))
    }

    fn sleeps(&mut self, _deadline: Option<Instant>) {
        self.reader.end.place.wait_for(self.wanted.topic.class());
    }
}
