//! Mistakes in the source of pools: of lenders, of processes that give blocks back, of readers.

use super::SourceMutant;

const LENDERS: &str = "ipc-ring/src/end/pool/lenders.rs";
const RECEIVING: &str = "ipc-ring/src/ring/pool/member/receiving.rs";
const LENDER: &str = "ipc-ring/src/end/pool/lender.rs";

/// All of them.
pub(super) const ALL: &[SourceMutant] = &[
    SourceMutant {
        name: "pool: a block that is given back wakes no lender",
        file: LENDERS,
        old: "        if «has_waiters::<W::Platform>(member.memory().sleepers(class), self.barrier)» {\n",
        new: "false",
        models: &["pool_lender_sleeps_fence"],
    },
    SourceMutant {
        name: "pool: a block that the last of several readers releases wakes no lender",
        file: "ipc-ring/src/ring/pool/member/releasing.rs",
        old: "                    is_free = «left.state() == Some(State::Free)»;\n",
        new: "false",
        models: &["pool_last_reader_wakes"],
    },
    SourceMutant {
        name: "pool: a recovery wakes no lender",
        file: LENDERS,
        old: "        if «any || report != Report::default()» {\n",
        new: "false",
        models: &["pool_lender_dies_with_a_block"],
    },
    SourceMutant {
        name: "pool: a lender that died with a wake is not noticed",
        file: LENDERS,
        old: "            any = «self.bury(is_alive)»;\n",
        new: "false",
        models: &["pool_lender_dies_woken"],
    },
    SourceMutant {
        name: "pool: a lender that gives up keeps its wake",
        file: LENDER,
        old: "        if «self.woken.take()» {\n",
        new: "false",
        models: &["pool_lender_passed_over"],
    },
    SourceMutant {
        name: "pool: a lender that has taken another block keeps its wake",
        file: LENDER,
        old: "        if «self.woken.get()» {\n",
        new: "false",
        models: &["pool_lent_while_armed", "pool_two_lenders_two_givers"],
    },
    SourceMutant {
        name: "pool: a lender looks for another block without a barrier",
        file: LENDER,
        old: "        let is_unordered = «W::Platform::heavy(self.place.barrier()).is_err()»;\n",
        new: "false",
        models: &["pool_two_lenders_two_givers"],
    },
    SourceMutant {
        name: "pool: a reader that joins does not look at the block again",
        file: RECEIVING,
        old: "        if «is_shared(now) && now.generation() == tag.generation()» {\n",
        new: "{ let _ = now; true }",
        models: &["pool_only_the_word_is_right"],
    },
];
