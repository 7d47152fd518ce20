//! Mistakes in the checks of taps.

use super::SourceMutant;

const BYTES: &str = "ipc-ring/src/ring/bytes/tap.rs";
const MPMC: &str = "ipc-ring/src/ring/mpmc/tap.rs";
const AHEAD: &str = "ipc-ring/src/ring/ahead.rs";
const POOL: &str = "ipc-ring/src/ring/pool/tap.rs";
const ROOM: &str = "ipc-ring/src/ring/bytes/producer/room.rs";

/// All of them.
pub(super) const ALL: &[SourceMutant] = &[
    SourceMutant {
        name: "a tap of frames does not check what it has copied",
        file: BYTES,
        old: "        if «!is_whole(&self.memory, self.next.position)» {\n            return",
        new: "false",
        models: &["frames_tap_marked"],
    },
    SourceMutant {
        name: "a tap of frames takes any frame for one that waits",
        file: BYTES,
        old: "        || «!is_below(position, memory.consumed().load(Relaxed))» // Behind the fence.\n",
        new: "true",
        models: &["frames_tap_marked"],
    },
    SourceMutant {
        name: "a tap of frames forgets that a padding may be on the way",
        file: BYTES,
        old: "    let padding = «if record > left { left } else { 0 }»;\n",
        new: "0",
        models: &["frames_tap_padding"],
    },
    SourceMutant {
        name: "a tap takes the number of frames from another mark than the position",
        file: BYTES,
        old: "    let is_one = «memory.marks().load(Relaxed) == marks»; // Behind both loads.\n",
        new: "true",
        models: &["frames_tap_oldest", "frames_tap_next"],
    },
    SourceMutant {
        name: "the number of marks is stored before the mark",
        file: ROOM,
        old: "        «position.store(self.position, release)»;\n",
        new: "{ memory.marks().store(marks, release); position.store(self.position, release) }",
        models: &["frames_tap_marked", "frames_tap_oldest"],
    },
    SourceMutant {
        name: "mpmc: a tap does not look at the tag behind the copy",
        file: MPMC,
        old: "        if «!is_there» {\n",
        new: "false",
        models: &["mpmc_tap_overwritten"],
    },
    SourceMutant {
        name: "mpmc: a tap takes each returned slot for one that held an element",
        file: MPMC,
        old: "(1, Empty | Closed) if «self.was_delivered(position)» =>",
        new: "true",
        models: &["mpmc_tap_given_up"],
    },
    SourceMutant {
        name: "mpmc: a producer that gives up does not count the void slot",
        file: "ipc-ring/src/ring/mpmc/producer.rs",
        old: "        «super::recovery::count_void(&self.memory)»;\n",
        new: "()",
        models: &["mpmc_tap_given_up"],
    },
    SourceMutant {
        name: "mpmc: a slot of a dead producer is not counted as void",
        file: "ipc-ring/src/ring/mpmc/recovery.rs",
        old: "            «count_void(memory)»;\n",
        new: "()",
        models: &["mpmc_tap_producer_dies"],
    },
    SourceMutant {
        name: "pool: a tap does not look at the tag behind the copy",
        file: POOL,
        old: "    «is_intact(memory, handle, block, Relaxed)?»; // Behind the fence.\n",
        new: "()",
        models: &["pool_tap_lent_again"],
    },
    SourceMutant {
        name: "pool: a tap takes each free block for one that still has the payload",
        file: POOL,
        old: "        Some(State::Free) if «now == found.wrapping_add(1)» => Ok(()),\n",
        new: "true",
        models: &["pool_tap_given_back"],
    },
    SourceMutant {
        name: "pool: a borrower writes without a fence behind its claim",
        file: "ipc-ring/src/ring/pool/member/lending.rs",
        old: "        «Self::before_writing()»;\n",
        new: "()",
        models: &["pool_tap_lent_again"],
    },
    SourceMutant {
        name: "pool: a receiver writes in place without a fence behind its claim",
        file: "ipc-ring/src/ring/pool/member/releasing.rs",
        old: "        «Self::before_writing()»;\n",
        new: "()",
        models: &["pool_tap_in_place"],
    },
    SourceMutant {
        name: "a tap that copies ahead checks without a barrier",
        file: AHEAD,
        old: "            «S::Platform::order_for_taps(S::EDGE)?»;\n",
        new: "()",
        models: &["tap_ahead_newest_capacity_2", "mpmc_tap_ahead_overwritten"],
    },
    SourceMutant {
        name: "a tap that copied ahead returns what was overwritten",
        file: AHEAD,
        old: "        let lost = «self.lost(&copied)»;\n",
        new: "0",
        models: &["tap_ahead_newest_capacity_2", "frames_tap_ahead"],
    },
    SourceMutant {
        name: "a producer may be interrupted nowhere between what it publishes and what it writes next",
        file: "ipc-ring/src/platform.rs",
        old: "            TapOrder::Barriers => «Self::light(Barrier::Asymmetric)»,\n",
        new: "()",
        models: &["tap_ahead_newest_capacity_2", "mpmc_tap_ahead_overwritten"],
    },
];
