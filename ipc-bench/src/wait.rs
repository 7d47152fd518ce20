//! How a side waits for its peer. Rows of different wait modes are never ranked against each other.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What a side does while nothing has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Wait {
    /// Polls without a pause longer than the processor's PAUSE; uses a whole processor.
    Spin,
    /// Polls, yielding the processor between polls.
    SpinYield,
    /// Polls for a short time, then sleeps in the kernel.
    SpinSleep,
    /// Sleeps in the kernel at once.
    Sleep,
}

impl Wait {
    /// The name used in tables and JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Wait::Spin => "spin",
            Wait::SpinYield => "spin_yield",
            Wait::SpinSleep => "spin_sleep",
            Wait::Sleep => "sleep",
        }
    }
}
