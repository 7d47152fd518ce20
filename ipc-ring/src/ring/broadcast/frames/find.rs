//! Finding a position to start at.

use core::sync::atomic::Ordering::Relaxed;

use super::{Found, Memory, look};
use crate::edge::Edge;
use crate::platform::{Platform, Word};
use crate::ring::broadcast::seat::is_below;

/// A place in the stream: where the next record begins, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) position: u64,
    pub(super) sequence: u64,
}

/// Whether everything from `position` on is intact, and what was read there before is valid.
#[inline(always)]
pub(super) fn is_whole<M: Memory>(memory: &M, position: u64) -> bool {
    // [D2] Acquire ← the publisher's fence: a subscriber that has read something newer sees the floor that
    // gave it up.
    M::Platform::fence(Edge::BroadcastValidate);
    !is_below(position, memory.floor().load(Relaxed)) // Ordered by the fence.
}

/// The frame at a position, if there is an intact one.
pub(super) fn frame_at<M: Memory>(memory: &M, position: u64) -> Option<Spot> {
    match look(memory, position) {
        Found::Frame { sequence, .. } if is_whole(memory, position) => Some(Spot { position, sequence }),
        _ => None,
    }
}

/// The end of the stream.
pub(super) fn tail<M: Memory>(memory: &M) -> Spot {
    let mut spot = Spot { position: 0, sequence: 0 };
    for _ in 0..PATIENCE {
        // [D4] Acquire ← the publisher: the number of frames up to here was stored before.
        let position = memory.tail().load(M::Platform::ordering(Edge::BroadcastTailSeen)) & !7;
        // [D4] Acquire ← the publisher: the frames that are counted can be seen.
        let frames = memory.frames().load(M::Platform::ordering(Edge::BroadcastTailSeen));
        spot = Spot { position, sequence: frames };
        match look(memory, position) {
            // So no frame after the tail was counted, and all before it were.
            Found::Nothing if is_whole(memory, position) => return spot,
            // The publisher has gone on, or died before it could store the new tail.
            Found::Frame { sequence, .. } if is_whole(memory, position) => {
                return Spot { position, sequence };
            }
            // The tail is out of date.
            _ => M::Platform::relax(),
        }
    }
    // The words are invalid: the first pop will report that the ring is corrupt.
    spot
}

/// How often a search is repeated when the publisher was faster.
pub(super) const RETRIES: u32 = 64;
/// A bound on how often the publisher can be faster.
pub(super) const PATIENCE: u32 = 1_000;

/// The last frame, or the tail if there is none.
pub(super) fn newest<M: Memory>(memory: &M) -> Spot {
    let last = memory.last().load(Relaxed); // A hint.
    frame_at(memory, last & !7).unwrap_or_else(|| tail(memory))
}

/// The frames that the landmarks lead to.
fn landmarks<M: Memory>(memory: &M) -> impl Iterator<Item = Spot> {
    let known = (0..memory.landmarks()).map(|number| memory.landmark(number).load(Relaxed) & !7); // Hints.
    known.filter_map(|position| frame_at(memory, position))
}

/// The oldest frame that can be found, or the tail if there is none.
pub(super) fn oldest<M: Memory>(memory: &M) -> Spot {
    let floor = memory.floor().load(Relaxed) & !7; // A hint: in a gated ring a record begins there.
    landmarks(memory)
        .chain(frame_at(memory, floor).filter(|_| memory.gated() || floor == 0))
        .min_by(|a, b| {
            if is_below(a.position, b.position) {
                core::cmp::Ordering::Less
            } else {
                core::cmp::Ordering::Greater
            }
        })
        .unwrap_or_else(|| newest(memory))
}

/// The frame of this number, or the oldest one if it is gone. `None` if it is still to come, except the very
/// next.
pub(super) fn numbered<M: Memory>(memory: &M, sequence: u64) -> Option<Spot> {
    for _ in 0..RETRIES {
        let end = tail(memory);
        if is_below(end.sequence, sequence) {
            return None;
        }
        let before = |spot: &Spot| !is_below(sequence, spot.sequence);
        let near = landmarks(memory).filter(before).max_by_key(|spot| spot.sequence);
        // Frames before the first landmark are reached from the oldest one.
        let mut spot = match near.ok_or_else(|| oldest(memory)) {
            Err(oldest) if !before(&oldest) => return Some(oldest),
            Ok(spot) | Err(spot) => spot,
        };
        let first = spot.position;
        // From the landmark on, frame by frame. The tail is at most a ring away.
        while spot.sequence != sequence && spot.position.wrapping_sub(first) <= memory.capacity() {
            match look(memory, spot.position) {
                Found::Frame { position, len, sequence } if sequence == spot.sequence => {
                    spot = Spot { position: Found::end(position, len), sequence: sequence.wrapping_add(1) };
                }
                _ => break,
            }
        }
        let here = frame_at(memory, spot.position).is_some_and(|found| found.sequence == sequence);
        if here || (spot.sequence == sequence && spot.position == end.position) {
            return Some(spot);
        }
        // Overrun on the way, or invalid: then the position is not intact, or the tail is not.
        if is_whole(memory, spot.position) {
            return Some(end);
        }
    }
    Some(tail(memory))
}
