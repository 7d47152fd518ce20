//! Usage of a pool, for sizing it.

use core::fmt;

use super::header;
use crate::channel::observe;
use crate::domain::{Domain, Entry, Place};
use crate::error::AttachError;
use crate::layout::Kind;
use crate::region::Region;
use crate::ring::pool::{ClassStats, Mapped, Sizes as _, class_stats};

/// The size classes of a pool, read one after the other while other processes use them.
///
/// Its text form is a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The classes, the smallest blocks first.
    pub classes: Vec<ClassStats>,
}

impl Stats {
    pub(super) fn of(memory: &Mapped) -> Self {
        Self { classes: (0..memory.classes().len()).map(|class| class_stats(memory, class)).collect() }
    }

    /// Reads the pool of this name in the user's own domain, read-only and without taking a seat.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound); [`Kind`](crate::AttachErrorKind::Kind) when the name
    /// is a channel's; [`AttachError`] when the header is invalid or the kernel refuses.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn read(name: &str) -> Result<Self, AttachError> {
        Self::read_in(&Domain::default_for_user()?, name)
    }

    /// As [`read`](Self::read), in a domain that this process is a member of, or that it
    /// [observes](crate::observe).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_in(place: &impl Place, name: &str) -> Result<Self, AttachError> {
        let look = |region: &Region, entry: &Entry| {
            let (shape, _) = header::read(region, entry.generation)?;
            Mapped::of_any(region.clone(), shape, entry.generation)
        };
        let (_, memory, _) =
            observe::observe_from(name, place, Kind::Pool, look).map_err(|error| error.of_a("pool"))?;
        Ok(Self::of(&memory))
    }

    /// Blocks that are not free, of all classes.
    #[must_use]
    pub fn in_use(&self) -> u64 {
        self.classes.iter().map(|class| class.in_use).sum()
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>10} {:>8} {:>7} {:>7} {:>12} {:>9} {:>9} {:>6} {:>7}",
            "bytes", "blocks", "in use", "most", "loans", "exhausted", "reclaimed", "lost", "refused"
        )?;
        for class in &self.classes {
            writeln!(
                f,
                "{:>10} {:>8} {:>7} {:>7} {:>12} {:>9} {:>9} {:>6} {:>7}",
                class.size,
                class.count,
                class.in_use,
                class.high_water,
                class.loans,
                class.exhausted,
                class.reclaimed,
                class.lost,
                class.refused
            )?;
        }
        Ok(())
    }
}
