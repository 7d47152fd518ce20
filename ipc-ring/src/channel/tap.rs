//! Reading a channel's messages from outside.

mod steps;

use core::fmt;

use crate::channel::observe::observe_from;
use crate::copy::as_uninit;
use crate::domain::{Entry, Place};
use crate::error::AttachError;
use crate::layout::{self, Geometry, Kind};
use crate::memory::Shaped;
use crate::platform::{Barrier, Native, Platform as _, TapOrder};
use crate::region::Region;
use crate::ring::ahead::{Ahead, Read};
use crate::ring::broadcast::{self, Mode, Resume};
use crate::ring::bytes;
use crate::ring::latest::{self, Trouble};
use crate::ring::mpmc;
use crate::ring::spsc::{self, Corruption, Tapped};
use steps::{Elements, Frames};

/// Where a [`Tap`] begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TapStart {
    /// With the oldest message that is intact.
    Oldest,
    /// With the first message pushed from now on; for a table, with the newest value of each key.
    #[default]
    Next,
}

/// Why a channel's messages cannot be tapped.
#[derive(Debug)]
#[non_exhaustive]
pub enum TapError {
    /// The channel could not be observed.
    Attach(AttachError),
    /// There is no tap for channels of this kind.
    Kind {
        /// The number of the kind, see [`Kind`].
        kind: u32,
    },
    /// On this CPU architecture only channels with [`Barrier::Asymmetric`] can be tapped, and this one has
    /// fences.
    Unordered,
    /// On this CPU architecture a tap needs `membarrier`, which was refused.
    System(ipc_core::Error),
    /// The words of the ring are invalid.
    Corrupt(Corruption),
}

impl fmt::Display for TapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attach(error) => error.fmt(f),
            Self::Kind { kind } => {
                let name = layout::kind_name(*kind).unwrap_or("unknown");
                write!(f, "messages of a channel of kind {name} cannot be read without a seat")
            }
            Self::Unordered => f.write_str(
                "on this processor messages of a channel with fences cannot be read without a seat: make it with \
                 Barrier::Asymmetric",
            ),
            Self::System(error) => {
                write!(f, "on this processor messages are read without a seat by membarrier: {error}")
            }
            Self::Corrupt(corruption) => write!(f, "the channel is corrupt: {corruption}"),
        }
    }
}

impl std::error::Error for TapError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Attach(error) => Some(error),
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<AttachError> for TapError {
    fn from(error: AttachError) -> Self {
        Self::Attach(error)
    }
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum TapRead {
    /// An intact message.
    Message {
        /// Number of messages pushed before it since the channel was made (of `mpmc` with the slots that a
        /// producer claimed and gave up, or died with); for a value, the number of the
        /// publication of its key.
        sequence: u64,
        /// For a table of values: the key.
        key: Option<u32>,
    },
    /// Messages were overwritten before they could be read.
    Missed {
        /// Their number.
        count: u64,
    },
    /// There is nothing new.
    Nothing,
}

/// A reader of a channel's messages that the ends do not know of: attached read-only, without a seat,
/// whatever the type of the messages. For `spsc`, `bytes`, `mpmc`, `broadcast`, frames of `broadcast`, and
/// `latest`.
///
/// It never returns a message that was overwritten while it was read, and counts the messages it was too slow
/// for. The ends pay nothing except for the cache lines that it reads while they write them. It polls: it
/// cannot sleep until a message comes.
///
/// Of `spsc`, `bytes` and `mpmc` it calls `membarrier` on other processors than x86-64, once for up to 64
/// messages, which interrupts those that run processes with such channels for some microseconds.
///
/// As long as it lives the channel's memory does.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::observe::{DomainObserver, Tap, TapRead, TapStart};
/// use ipc_ring::{Domain, broadcast};
///
/// let domain = Domain::open("doc-example-tap")?;
/// let mut publisher = broadcast::Builder::<u32>::new("numbers").domain(&domain).create_sender()?;
/// publisher.push(7)?;
///
/// let observer = DomainObserver::open("doc-example-tap")?;
/// let mut tap = Tap::open(&observer, "numbers", TapStart::Oldest)?;
/// let mut message = Vec::new();
/// assert_eq!(tap.try_read(&mut message)?, TapRead::Message { sequence: 0, key: None });
/// assert_eq!(message, 7_u32.to_ne_bytes());
/// assert_eq!(tap.try_read(&mut message)?, TapRead::Nothing);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Tap {
    ring: Ring,
    /// Bytes of a message; 0 for frames, which have lengths of their own.
    element_size: usize,
    first_position: u64,
    /// Of the last message that was returned, where the channel has it.
    published_ns: Option<u64>,
}

#[derive(Debug)]
enum Ring {
    Spsc(spsc::Tap<spsc::RawMapped>),
    Bytes(bytes::Tap<bytes::Mapped>),
    Mpmc(mpmc::Tap<mpmc::MappedOf<Shaped>>),
    SpscAhead(Ahead<Elements<spsc::Tap<spsc::RawMapped>>>),
    BytesAhead(Ahead<Frames>),
    MpmcAhead(Ahead<Elements<mpmc::Tap<mpmc::MappedOf<Shaped>>>>),
    Broadcast(broadcast::Subscriber<broadcast::MappedOf<Shaped>>),
    Frames(broadcast::frames::Subscriber<broadcast::frames::Mapped>),
    Latest(latest::Reader<latest::MappedOf<Shaped>>),
}

/// The contents of the header of such a channel.
struct Found {
    kind: Kind,
    geometry: Geometry,
    barrier: Barrier,
    first_position: u64,
    mode: Option<Mode>,
}

impl Tap {
    /// Taps the channel of this name, in a domain that this process is a member of or observes.
    ///
    /// # Errors
    /// [`TapError`].
    ///
    /// # Blocking
    /// Never for a [`DomainObserver`](crate::observe::DomainObserver); with a [`Domain`](crate::Domain), the
    /// lookup takes its lock.
    pub fn open(place: &impl Place, name: &str, start: TapStart) -> Result<Self, TapError> {
        let kinds =
            [Kind::Spsc, Kind::Bytes, Kind::Mpmc, Kind::Broadcast, Kind::BroadcastBytes, Kind::Latest];
        let look = |region: &Region, entry: &Entry| {
            let Some(kind) = kinds.into_iter().find(|kind| *kind as u32 == entry.kind) else {
                return Ok(Err(TapError::Kind { kind: entry.kind }));
            };
            let generation = Some(entry.generation);
            let seen = match kind {
                Kind::Bytes => layout::look_with(region, kind, spsc::SLOTS_OFFSET, generation, |header| {
                    bytes::Mapped::geometry(header.capacity).ok()
                }),
                Kind::BroadcastBytes => {
                    layout::look_with(region, kind, broadcast::words::SLOTS_OFFSET, generation, |header| {
                        broadcast::frames::Mapped::geometry(header.capacity).ok()
                    })
                }
                Kind::Latest => layout::look_with(region, kind, latest::CELLS_OFFSET, generation, |header| {
                    latest::MappedOf::<Shaped>::geometry_of(
                        header.capacity,
                        header.element_size,
                        header.element_align,
                    )
                }),
                Kind::Mpmc => layout::look(region, kind, mpmc::SLOTS_OFFSET, generation),
                Kind::Broadcast => layout::look(region, kind, broadcast::words::SLOTS_OFFSET, generation),
                _ => layout::look(region, kind, spsc::SLOTS_OFFSET, generation),
            }?;
            let mode = broadcast::front::mode_of(region);
            let layout::Seen { geometry, barrier, first_position, .. } = seen;
            Ok(Ok(Found { kind, geometry, barrier, first_position, mode }))
        };
        let (region, found, _) = observe_from(name, place, Kind::Spsc, look)?;
        Self::over(region, &found?, start)
    }

    fn over(region: Region, found: &Found, start: TapStart) -> Result<Self, TapError> {
        let Found { kind, geometry, barrier, first_position, mode } = found;
        let copies_ahead = Native::tap_order() == TapOrder::Barriers;
        let size = geometry.element_size();
        let begin = match start {
            TapStart::Oldest => broadcast::Start::Oldest,
            TapStart::Next => broadcast::Start::Next,
        };
        let not_ready = crate::AttachErrorKind::NotReady;
        let ring = match kind {
            Kind::Broadcast => {
                let mode = mode.ok_or(AttachError::from(not_ready))?;
                let ring = broadcast::MappedOf::<Shaped>::to_be_read(region, geometry, mode)?;
                Ring::Broadcast(broadcast::Subscriber::watch(ring, begin, Resume::Oldest))
            }
            Kind::BroadcastBytes => {
                let mode = mode.ok_or(AttachError::from(not_ready))?;
                let ring = broadcast::frames::Mapped::of_any(region, geometry, Barrier::Fence, mode)?;
                let begin = match start {
                    TapStart::Oldest => broadcast::frames::Start::Oldest,
                    TapStart::Next => broadcast::frames::Start::Next,
                };
                let ring = broadcast::frames::Subscriber::watch(ring, begin, Resume::Oldest);
                Ring::Frames(ring.map_err(|_| AttachError::from(crate::AttachErrorKind::NotReady))?)
            }
            Kind::Latest => Ring::Latest(latest::Reader::attach(latest::MappedOf::<Shaped>::to_be_read(
                region, geometry,
            )?)),
            // Other processes than those of such rings are not reached by membarrier.
            _ if copies_ahead && *barrier == Barrier::Fence => return Err(TapError::Unordered),
            Kind::Mpmc => {
                let ring = mpmc::MappedOf::<Shaped>::to_be_read(region, geometry)?;
                let tap = match start {
                    TapStart::Oldest => mpmc::Tap::oldest(ring, *first_position),
                    TapStart::Next => mpmc::Tap::next(ring),
                };
                if copies_ahead {
                    Ring::MpmcAhead(Ahead::new(Elements::new(tap, size, *first_position)))
                } else {
                    Ring::Mpmc(tap)
                }
            }
            Kind::Bytes => {
                let ring = bytes::Mapped::to_be_read(region, geometry)?;
                let tap = match start {
                    TapStart::Oldest => bytes::Tap::oldest(ring),
                    TapStart::Next => bytes::Tap::next(ring),
                };
                if copies_ahead { Ring::BytesAhead(Ahead::new(Frames(tap))) } else { Ring::Bytes(tap) }
            }
            _ => {
                let ring = spsc::RawMapped::to_be_read(region, geometry)?;
                let tap = match start {
                    TapStart::Oldest => spsc::Tap::oldest(ring, *first_position),
                    TapStart::Next => spsc::Tap::next(ring),
                };
                if copies_ahead {
                    Ring::SpscAhead(Ahead::new(Elements::new(tap, size, *first_position)))
                } else {
                    Ring::Spsc(tap)
                }
            }
        };
        if let Ring::SpscAhead(_) | Ring::BytesAhead(_) | Ring::MpmcAhead(_) = ring {
            Native::heavy(Barrier::Asymmetric).map_err(TapError::System)?;
        }
        let has_frames = matches!(kind, Kind::Bytes | Kind::BroadcastBytes);
        let element_size = if has_frames { 0 } else { size };
        Ok(Self { ring, element_size, first_position: *first_position, published_ns: None })
    }

    /// Copies the next message into `out`, replacing its contents; they are meaningful only if the result is
    /// [`TapRead::Message`].
    ///
    /// # Errors
    /// [`TapError::Corrupt`]; [`TapError::System`], see [`Tap`].
    ///
    /// # Blocking
    /// Never, and on x86-64 no system call.
    pub fn try_read(&mut self, out: &mut Vec<u8>) -> Result<TapRead, TapError> {
        if let Ring::Frames(ring) = &mut self.ring {
            let sequence = ring.sequence();
            return match ring.try_pop_vec(out) {
                broadcast::frames::Pop::Frame { .. } => Ok(TapRead::Message { sequence, key: None }),
                broadcast::frames::Pop::Missed { count } => Ok(TapRead::Missed { count }),
                broadcast::frames::Pop::Corrupt(corruption) => Err(TapError::Corrupt(corruption)),
                _ => Ok(TapRead::Nothing),
            };
        }
        if let Ring::Bytes(tap) = &mut self.ring {
            let sequence = tap.sequence();
            return match tap.try_read(out) {
                bytes::Tapped::Frame { .. } => Ok(TapRead::Message { sequence, key: None }),
                bytes::Tapped::Missed { count } => Ok(TapRead::Missed { count }),
                bytes::Tapped::Corrupt(corruption) => Err(TapError::Corrupt(corruption)),
                bytes::Tapped::Empty => Ok(TapRead::Nothing),
            };
        }
        let ahead = match &mut self.ring {
            Ring::SpscAhead(tap) => Some(tap.try_read(out)),
            Ring::BytesAhead(tap) => Some(tap.try_read(out)),
            Ring::MpmcAhead(tap) => Some(tap.try_read(out)),
            _ => None,
        };
        if let Some(read) = ahead {
            return match read.map_err(TapError::System)? {
                Read::Message { sequence } => Ok(TapRead::Message { sequence, key: None }),
                Read::Missed { count } => Ok(TapRead::Missed { count }),
                Read::Empty => Ok(TapRead::Nothing),
                Read::Corrupt(corruption) => Err(TapError::Corrupt(corruption)),
            };
        }
        out.clear();
        out.resize(self.element_size, 0);
        // SAFETY: a ring copies whole bytes to places, or nothing.
        let place = unsafe { as_uninit(out.as_mut_slice()) };
        match &mut self.ring {
            Ring::Spsc(tap) => {
                let sequence = tap.position().wrapping_sub(self.first_position);
                Ok(match tap.try_read(place) {
                    Tapped::Item => TapRead::Message { sequence, key: None },
                    Tapped::Missed { count } => TapRead::Missed { count },
                    Tapped::Empty => TapRead::Nothing,
                })
            }
            Ring::Mpmc(tap) => match tap.try_read(place) {
                mpmc::Tapped::Item => {
                    let sequence = tap.position().wrapping_sub(1).wrapping_sub(self.first_position);
                    Ok(TapRead::Message { sequence, key: None })
                }
                mpmc::Tapped::Missed { count } => Ok(TapRead::Missed { count }),
                mpmc::Tapped::Corrupt(corruption) => Err(TapError::Corrupt(corruption)),
                mpmc::Tapped::Empty => Ok(TapRead::Nothing),
            },
            Ring::Broadcast(ring) => {
                let sequence = ring.position().wrapping_sub(self.first_position);
                match ring.try_pop_into(place) {
                    broadcast::Pop::Item { .. } => Ok(TapRead::Message { sequence, key: None }),
                    broadcast::Pop::Missed { count } => Ok(TapRead::Missed { count }),
                    broadcast::Pop::Corrupt(corruption) => Err(TapError::Corrupt(corruption)),
                    broadcast::Pop::Empty { .. } => Ok(TapRead::Nothing),
                }
            }
            Ring::Latest(ring) => {
                let changed = ring.next_change().and_then(|key| {
                    let Some(key) = key else { return Ok(None) };
                    Ok(ring.read_newer(key, place)?.map(|value| (key, value.sequence, value.time_ns)))
                });
                match changed {
                    Ok(Some((key, sequence, time_ns))) => {
                        self.published_ns = Some(time_ns);
                        Ok(TapRead::Message { sequence, key: Some(key) })
                    }
                    // The writer is too fast for now: the key stays unread.
                    Ok(None) | Err(Trouble::Contended) => Ok(TapRead::Nothing),
                    Err(Trouble::Corrupt(corruption)) => Err(TapError::Corrupt(corruption)),
                    Err(Trouble::NoSuchKey) => Ok(TapRead::Nothing),
                }
            }
            // Read above.
            Ring::Frames(_)
            | Ring::Bytes(_)
            | Ring::SpscAhead(_)
            | Ring::BytesAhead(_)
            | Ring::MpmcAhead(_) => Ok(TapRead::Nothing),
        }
    }

    /// When the message returned last was published, in nanoseconds of
    /// [`latest::now_ns`](crate::latest::now_ns), for values of `latest`: as their writer states it. `None`
    /// for the other kinds, which store no times.
    #[must_use]
    pub fn published_ns(&self) -> Option<u64> {
        self.published_ns
    }
}
