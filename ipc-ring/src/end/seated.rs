//! The ends with exactly one peer, as one of several that are waited for together.

use ipc_core::Error;

use super::pair::{Endpoint, Words};
use super::{bytes, call, spsc};
use crate::ring;
use crate::wait::host::Host;
use crate::wait::news::News;
use crate::wait::seated::Seated;

/// What an end reports: that something `is_ready`, or what happened to its peer.
fn ready_or<W: Words, H: Host>(
    is_ready: bool,
    end: &mut Endpoint<W, H>,
    probe: bool,
) -> Result<Option<News>, Error> {
    if is_ready { Ok(Some(News::Ready)) } else { end.news_of_peer(probe) }
}

/// A producer is ready when there is room, or when there is no consumer left to make some.
impl<M: ring::spsc::Memory, W: Words, H: Host> Seated for spsc::Producer<M, W, H> {
    type Seat = Endpoint<W, H>;

    fn seat(&self) -> &Endpoint<W, H> {
        &self.end
    }

    fn seat_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.end
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, Error> {
        let is_ready = !matches!(self.ring.has_room(), Ok(false)); // The next push reports corruption.
        ready_or(is_ready, &mut self.end, probe)
    }

    fn begin_wait(&mut self, is_worth_it: bool) {
        if is_worth_it {
            self.let_come_free();
        }
    }

    #[inline(always)]
    fn passed(&self) -> Option<u64> {
        Some(self.ring.position())
    }

    fn needs_polling(&self) -> bool {
        true // The consumer notifies of room for a quarter of the ring, or when it sleeps itself.
    }

    fn is_soon(&mut self) -> bool {
        self.ring.room_is_coming()
    }
}

impl<M: ring::spsc::Memory, W: Words, H: Host> Seated for spsc::Consumer<M, W, H> {
    type Seat = Endpoint<W, H>;

    fn seat(&self) -> &Endpoint<W, H> {
        &self.end
    }

    fn seat_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.end
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, Error> {
        ready_or(self.ring.has_item(), &mut self.end, probe)
    }

    fn begin_wait(&mut self, _is_worth_it: bool) {
        self.wait_for_batch();
    }

    #[inline(always)]
    fn passed(&self) -> Option<u64> {
        Some(self.ring.position())
    }
}

/// A producer is ready when there is room for a frame as long as the last one that found none, or when there
/// is no consumer left to make some.
impl<M: ring::bytes::Memory, W: Words, H: Host> Seated for bytes::Producer<M, W, H> {
    type Seat = Endpoint<W, H>;

    fn seat(&self) -> &Endpoint<W, H> {
        &self.end
    }

    fn seat_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.end
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, Error> {
        let is_ready = !matches!(self.has_room_as_wanted(), Ok(false)); // The next push reports corruption.
        ready_or(is_ready, &mut self.end, probe)
    }

    fn begin_wait(&mut self, is_worth_it: bool) {
        if is_worth_it {
            self.let_come_free();
        }
    }

    fn needs_polling(&self) -> bool {
        true // The consumer notifies of room for a quarter of the ring, or when it sleeps itself.
    }

    fn is_soon(&mut self) -> bool {
        self.ring.room_is_coming()
    }
}

impl<M: ring::bytes::Memory, W: Words, H: Host> Seated for bytes::Consumer<M, W, H> {
    type Seat = Endpoint<W, H>;

    fn seat(&self) -> &Endpoint<W, H> {
        &self.end
    }

    fn seat_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.end
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, Error> {
        ready_or(self.ring.has_item(), &mut self.end, probe)
    }

    fn begin_wait(&mut self, _is_worth_it: bool) {
        self.wait_for_batch();
    }
}

/// A caller is ready when its reply is there.
impl<M: ring::call::Memory, W: Words, H: Host> Seated for call::Caller<M, W, H> {
    type Seat = Endpoint<W, H>;

    fn seat(&self) -> &Endpoint<W, H> {
        &self.end
    }

    fn seat_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.end
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, Error> {
        ready_or(self.ring.has_reply(), &mut self.end, probe)
    }
}

/// A responder is ready when there is a request.
impl<M: ring::call::Memory, W: Words, H: Host> Seated for call::Responder<M, W, H> {
    type Seat = Endpoint<W, H>;

    fn seat(&self) -> &Endpoint<W, H> {
        &self.end
    }

    fn seat_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.end
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, Error> {
        ready_or(self.ring.has_request(), &mut self.end, probe)
    }
}
