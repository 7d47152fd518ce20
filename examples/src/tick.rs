//! A market tick.

use std::time::{SystemTime, UNIX_EPOCH};

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A price that was paid: 24 bytes, which with the ring's sequence word fit a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Tick {
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// In hundredths.
    pub price: i64,
    /// How many.
    pub quantity: u32,
    /// Number of the symbol.
    pub symbol: u32,
}

impl Tick {
    /// The `number`th tick of a made-up market, with the current time.
    #[must_use]
    pub fn sample(number: u32) -> Self {
        Self {
            time_ns: now_ns(),
            price: 10_000 + i64::from(number % 200) - 100,
            quantity: 1 + number % 10,
            symbol: number % 4,
        }
    }

    /// Nanoseconds since the tick was made.
    #[must_use]
    pub fn age_ns(&self) -> u64 {
        now_ns().saturating_sub(self.time_ns)
    }
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
