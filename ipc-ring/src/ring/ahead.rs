//! Taps where stores do not become visible in program order: several messages are copied, then one barrier
//! orders all of them before their checks.
//!
//! A [tap](crate::ring::spsc::Tap) copies a message and checks afterwards whether its producer may have begun
//! to overwrite it. For the check to see what the producer stored in front of a byte that was copied, the
//! producer needs a fence between the two, which costs an instruction for each message on most processors. Or
//! the tap makes the kernel execute one there:
//!
//! ```text
//!   producer                                  tap
//!   ----------------------------------------  ----------------------------------------
//!   publish, or claim: what the check loads   copy messages r, r + 1, …
//!   compiler fence                            membarrier: a full fence at some point
//!   write a payload                             of every registered process that runs
//!                                             check r, r + 1, …
//! ```
//!
//! Consider a payload's byte that the tap has copied, and the point at which the producer's processor
//! executes the fence. If that point lies behind the byte's store in program order, it also lies behind what
//! the check loads, so the check sees that. If it lies before the store, the store became visible after the
//! fence, hence after the call of `membarrier` began, and cannot have been copied before it. A thread that
//! does not run at the time has executed a fence when it was taken off its processor.
//!
//! `membarrier` interrupts every processor that runs a registered process, for some microseconds. So up to
//! [`MOST`] messages share one call, and none is made while there is nothing to read.

use core::fmt::Debug;
use std::collections::VecDeque;

use super::spsc::Corruption;
use crate::edge::Edge;
use crate::platform::Platform;

/// How many messages share a barrier at most.
pub const MOST: usize = 64;

/// What one step of a tap found.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub enum Copied<P> {
    /// A message was copied, which may have been overwritten meanwhile.
    Message {
        /// Where it lies.
        place: P,
        /// Its number.
        sequence: u64,
    },
    /// This number of messages were overwritten.
    Missed(u64),
    /// There is nothing new.
    Empty,
    /// What is there is invalid, unless it was overwritten meanwhile.
    Corrupt(P, Corruption),
}

/// A tap by its steps.
pub trait Steps {
    /// The machine.
    type Platform: Platform;
    /// A message.
    type Message: Default;
    /// Where a message lies.
    type Place: Copy + Debug;
    /// The tap's end of the edge that fences would have.
    const EDGE: Edge;
    /// Whether each message says where the next one begins: then only what follows an intact one counts.
    const IS_CHAIN: bool;

    /// Copies the next message and moves past it.
    fn copy_next(&mut self, message: &mut Self::Message) -> Copied<Self::Place>;
    /// Whether the message at a place, which was copied before the barrier in front of this call, was not
    /// overwritten.
    fn is_intact(&self, place: Self::Place) -> bool;
    /// The message at this place was overwritten: continues with the oldest that is intact. Returns how many
    /// lie before that; 0 if it could not be found for now.
    fn skip(&mut self, place: Self::Place) -> u64;
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Read {
    /// An intact message.
    Message {
        /// Its number.
        sequence: u64,
    },
    /// This number of messages were overwritten before they could be copied.
    Missed {
        /// Their number.
        count: u64,
    },
    /// There is nothing new.
    Empty,
    /// What was not overwritten is invalid.
    Corrupt(Corruption),
}

/// A tap that copies several messages before it checks them.
#[derive(Debug)]
pub struct Ahead<S: Steps> {
    steps: S,
    /// What was found; a message with each [`Read::Message`].
    found: VecDeque<(Read, S::Message)>,
    spare: Vec<S::Message>,
}

impl<S: Steps> Ahead<S> {
    /// The tap with these steps.
    pub fn new(steps: S) -> Self {
        Self { steps, found: VecDeque::new(), spare: Vec::new() }
    }

    /// Puts the next message into `out`, whose content is meaningful only if the result is
    /// [`Read::Message`].
    ///
    /// # Errors
    /// `membarrier` was refused, by a sandbox entered after the tap was opened. What was copied is dropped,
    /// and counted by no later read.
    pub fn try_read(&mut self, out: &mut S::Message) -> Result<Read, ipc_core::Error> {
        if self.found.is_empty() {
            self.fill()?;
        }
        let Some((read, mut message)) = self.found.pop_front() else { return Ok(Read::Empty) };
        if let Read::Message { .. } = read {
            core::mem::swap(out, &mut message);
        }
        self.spare.push(message);
        Ok(read)
    }

    fn fill(&mut self) -> Result<(), ipc_core::Error> {
        let mut copied = Vec::new();
        let mut end = Copied::Empty;
        while copied.len() < MOST {
            let mut message = self.spare.pop().unwrap_or_default();
            match self.steps.copy_next(&mut message) {
                Copied::Message { place, sequence } => copied.push((place, sequence, message)),
                other => {
                    end = other;
                    self.spare.push(message);
                    break;
                }
            }
        }
        if !copied.is_empty() || matches!(end, Copied::Corrupt(..)) {
            // In place of a fence on each side.
            S::Platform::order_for_taps(S::EDGE)?;
        }
        let lost = self.lost(&copied);
        match copied.first() {
            Some((place, ..)) if lost == copied.len() => {
                // Where the tap went from there means nothing.
                end = Copied::Missed(self.steps.skip(*place));
            }
            Some((_, begin, _)) if lost > 0 => {
                let count = copied[lost].1.wrapping_sub(*begin);
                self.found.push_back((Read::Missed { count }, S::Message::default()));
            }
            _ => {}
        }
        let intact = copied.drain(..).skip(lost);
        self.found.extend(intact.map(|(_, sequence, message)| (Read::Message { sequence }, message)));
        let end = match end {
            Copied::Corrupt(place, _) if !self.steps.is_intact(place) => {
                Copied::Missed(self.steps.skip(place))
            }
            end => end,
        };
        let end = match end {
            Copied::Missed(count) if count > 0 => Read::Missed { count },
            Copied::Corrupt(_, corruption) => Read::Corrupt(corruption),
            _ => return Ok(()),
        };
        self.found.push_back((end, S::Message::default()));
        Ok(())
    }

    /// How many of these messages, the oldest, were overwritten, or may have been.
    fn lost(&self, copied: &[(S::Place, u64, S::Message)]) -> usize {
        let is_lost = |(place, ..): &(S::Place, u64, S::Message)| !self.steps.is_intact(*place);
        match copied.first() {
            // Bytes are overwritten in their order: if these were not, neither were those behind.
            Some(first) if S::IS_CHAIN => {
                if is_lost(first) {
                    copied.len()
                } else {
                    0
                }
            }
            _ => copied.iter().rposition(is_lost).map_or(0, |last| last + 1),
        }
    }
}
