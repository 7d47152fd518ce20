//! The raw ends of a table of [`latest`](crate::latest) values.

use std::mem::MaybeUninit;

use super::end::{Interruptible, Patience, Received, Receiving, Sending};
use super::opening::Opening;
use super::{ElementInfo, ReceiveError, SendError};
use crate::channel::latest::end::{End, Role, TAKERS, Topic, side_of};
use crate::channel::latest::reading::{Reading, Reopen};
use crate::channel::latest::writing::Writing;
use crate::channel::open::{self, Creation, Found};
use crate::channel::pair::Ending;
use crate::channel::seated::has_core;
use crate::domain::{Domain, Locked};
use crate::error::{AttachError, PopError};
use crate::interrupter::Interrupter;
use crate::memory::Shaped;
use crate::ring::latest::{self as ring, MappedOf, Trouble, Value};

type Ring = ring::Reader<MappedOf<Shaped>>;

/// Takes a seat at the channel.
fn attach(
    opening: &Opening,
    role: Role,
    creation: Creation,
) -> Result<(ElementInfo, End<Shaped>), AttachError> {
    let geometry = &|capacity| opening.geometry(capacity);
    let seat = |locked: &Locked<'_>, domain: &Domain, found: Found| {
        let element = opening.check(&found)?;
        let ring = MappedOf::of_checked(found.region.clone(), &found.geometry)?;
        let settings = opening.settings();
        let mut end = End::take_seat(locked, domain, (found, ring), role, settings.strategy)?;
        end.place.settle(settings);
        Ok((element, end))
    };
    open::attach(&opening.request(geometry, TAKERS), creation, side_of(role), seat, Ok)
}

/// Takes the writing end.
pub(super) fn sender(
    opening: &Opening,
    creation: Creation,
) -> Result<(ElementInfo, Box<dyn Sending>), AttachError> {
    let (element, end) = attach(opening, Role::Writer, creation)?;
    Ok((element, Box::new(Writing::new(end))))
}

/// Takes a reader's seat.
pub(super) fn receiver(
    opening: Opening,
    creation: Creation,
) -> Result<(ElementInfo, Box<dyn Receiving>), AttachError> {
    let (element, end) = attach(&opening, Role::Reader, creation)?;
    let whole = if opening.size() < element.size() { vec![0; element.size()] } else { Vec::new() };
    let reading = Reading::new(end, || Box::new(opening));
    Ok((element, Box::new(Reader { reading, whole })))
}

impl Reopen<Shaped> for Opening {
    fn reopen(&self) -> Option<Reading<Shaped>> {
        let opening = self.kept();
        let (_, end) = attach(&opening, Role::Reader, Creation::MustFind).ok()?;
        Some(Reading::new(end, || Box::new(opening)))
    }
}

/// A writer never waits, so it has no core that a wait could begin at.
impl Interruptible for Writing<Shaped> {
    fn interrupter(&self) -> Interrupter {
        self.core.end.place.host.interrupter()
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        self.core.end.place.host.set_interruptible(by_signals);
    }
}

impl Sending for Writing<Shaped> {
    fn send(&mut self, key: u32, element: &[u8], _patience: Patience) -> Result<(), SendError> {
        self.publish(key, element, crate::clock::machine_ns())?;
        Ok(())
    }

    fn capacity(&self) -> u64 {
        self.keys().into()
    }

    fn set_closing(&mut self, closing: bool) {
        self.ending = Ending::closing_if(closing);
    }
}

/// The reading end.
#[derive(Debug)]
struct Reader {
    reading: Reading<Shaped>,
    /// Space for a whole element, where only its beginning is requested: the offset of a slot depends on the
    /// size.
    whole: Vec<u8>,
}

/// The next key whose value has changed, and the value.
fn next(ring: &mut Ring, place: &mut [MaybeUninit<u8>]) -> Result<Option<(u32, Value<()>)>, Trouble> {
    match ring.next_change()? {
        Some(key) => Ok(ring.read_newer(key, place)?.map(|value| (key, value))),
        None => Ok(None),
    }
}

impl Receiving for Reader {
    fn receive(&mut self, place: &mut [u8], patience: Patience) -> Result<Received, ReceiveError> {
        let Self { reading, whole } = self;
        let into = if whole.is_empty() { &mut *place } else { &mut whole[..] };
        // SAFETY: only whole elements are copied there, or nothing.
        let into = unsafe { crate::copy::as_uninit(into) };
        let (key, value) = match patience {
            Patience::Until(deadline) => {
                reading.wait_until(0, Topic::Any, deadline, |ring| next(ring, into), Ring::has_change)?
            }
            Patience::Never => {
                // Before the read: what the writer published before it went is checked for once more.
                let over = reading.core.end.unless_awaited(reading.core.end.ended());
                match reading.read(0, |ring| next(ring, into))? {
                    Some(received) => received,
                    None => return Err(over.map_or(ReceiveError::Pop(PopError::Empty), ReceiveError::Read)),
                }
            }
        };
        if !whole.is_empty() {
            place.copy_from_slice(&whole[..place.len()]);
        }
        let Value { sequence, time_ns, .. } = value;
        Ok(Received { sequence: Some(sequence), key: Some(key), time_ns: Some(time_ns) })
    }

    fn capacity(&self) -> u64 {
        self.reading.keys().into()
    }

    fn set_closing(&mut self, _closing: bool) {} // A reader only leaves.
}

has_core!([] Reader, of Reading<Shaped>, reading);
