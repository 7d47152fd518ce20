//! Mistakes in the source of the ends of rings with many ends on a side.

use super::SourceMutant;

const WAITERS: &str = "ipc-ring/src/wait/waiter_set.rs";
const PARTICIPANT: &str = "ipc-ring/src/end/participant/mod.rs";
const WAKING: &str = "ipc-ring/src/end/participant/waking.rs";
const MPMC_END: &str = "ipc-ring/src/end/mpmc/end.rs";
const MPMC_DUTIES: &str = "ipc-ring/src/end/mpmc/duties.rs";
const MPMC_PRODUCER: &str = "ipc-ring/src/end/mpmc/producer.rs";
const MPMC_CONSUMER: &str = "ipc-ring/src/end/mpmc/consumer.rs";
const MPMC_FIND: &str = "ipc-ring/src/ring/mpmc/find.rs";
const MPMC_ITEM: &str = "ipc-ring/src/end/mpmc/item.rs";
const MPMC_ROOM: &str = "ipc-ring/src/end/mpmc/room.rs";

const EVERYBODY: &[&str] =
    &["everybody_broadcast", "everybody_latest", "everybody_mpmc_close", "everybody_in_sets"];

/// All of them.
pub(super) const ALL: &[SourceMutant] = &[
    SourceMutant {
        name: "the walk over the mask starts anew behind each sleeper that it wakes",
        file: WAITERS,
        old: "        let first = («next» + step) % bits;\n",
        new: "(*turn + 1) % seats",
        models: EVERYBODY,
    },
    SourceMutant {
        name: "the walk over the mask ends one bit early",
        file: WAITERS,
        old: "    for step in 0..«bits» {\n",
        new: "bits - 1",
        models: EVERYBODY,
    },
    SourceMutant {
        name: "the mask's bit is not put back for others that wait below it",
        file: WAITERS,
        old: "            «set.mask().fetch_or(bit, Relaxed)»;\n",
        new: "0",
        models: &["mpmc_one_wake_for_two", "mpmc_chain_of_sleepers", "mpmc_two_sleepers_fence"],
    },
    SourceMutant {
        name: "a bit of many is taken and no token posted",
        file: WAKING,
        old: "        «self.peers.post(wake)»?;\n",
        new: "Ok(())",
        models: &["mpmc_one_wake_for_two"],
    },
    SourceMutant {
        name: "nothing is arranged for a death before the mask's bit is taken",
        file: WAKING,
        old: "impl<W: Seats, P: Peers> Notifier for OneByOne<'_, W, P> {\n    fn arrange(&mut self, number: u16) {\n        «self.others.arrange(number)»;",
        new: "None",
        models: &["mpmc_notifier_dies_with_the_mask"],
    },
    SourceMutant {
        name: "the token of a dead sleeper is not handed on",
        file: WAKING,
        old: "        is_last || «!self.others.is_dead(number, self.last_check)»\n",
        new: "true",
        models: &["mpmc_sleeper_dies"],
    },
    SourceMutant {
        name: "the token of an end that leaves is not handed on",
        file: PARTICIPANT,
        old: "        let _ = «self.wake_some(self.class, 1)»; // Otherwise it looks by itself.\n",
        new: "Ok(())",
        models: &["mpmc_sleeper_leaves"],
    },
    SourceMutant {
        name: "an end that takes a seat keeps the waiting bit of the one before",
        file: PARTICIPANT,
        old: "        «end.own(Field::Signal).fetch_and(!WAITING, Relaxed)»; // Under the lock.\n",
        new: "0",
        models: &["mpmc_seat_of_a_sleeper_taken"],
    },
    SourceMutant {
        name: "mpmc: the last end of a side leaves, and the other side sleeps on",
        file: MPMC_END,
        old: "        «self.place.wake_all(role.other().waiters())»;\n",
        new: "()",
        models: &["mpmc_last_producer_leaves", "mpmc_last_consumer_leaves"],
    },
    SourceMutant {
        name: "mpmc: closing wakes no end",
        file: MPMC_END,
        old: "        ring::close(&self.ring);\n        «self.wake_all()»;\n",
        new: "()",
        models: &["mpmc_closed_asleep"],
    },
    SourceMutant {
        name: "mpmc: the baton of a consumer is not passed",
        file: MPMC_ITEM,
        old: "                    «duties.pass_on(ring)»; // The baton.\n",
        new: "()",
        models: &["mpmc_one_wake_for_two", "mpmc_chain_of_sleepers"],
    },
    SourceMutant {
        name: "mpmc: the baton of a consumer in a set is not passed",
        file: MPMC_DUTIES,
        old: "    if «std::mem::take(woken_in_set)» {\n",
        new: "false",
        models: &["mpmc_chain_begun_before"],
    },
    SourceMutant {
        name: "mpmc: the baton of a producer is not passed",
        file: MPMC_ROOM,
        old: "                    «self.producer.pass_on()»;\n",
        new: "()",
        models: &["mpmc_slots_free_two"],
    },
    SourceMutant {
        name: "mpmc: the baton of a producer is not passed while slots are being given back",
        file: MPMC_PRODUCER,
        old: "            Err(Refused::Busy(holder)) => «holder.is_reading()»,\n",
        new: "false",
        models: &["mpmc_slots_free_two"],
    },
    SourceMutant {
        name: "mpmc: a consumer that is passed over in a set keeps its token",
        file: MPMC_CONSUMER,
        old: "        if «std::mem::take(&mut self.woken_in_set)» {\n",
        new: "false",
        models: &["mpmc_passed_over"],
    },
    SourceMutant {
        name: "mpmc: a push behind an element that is being read wakes no consumer",
        file: "ipc-ring/src/ring/mpmc/producer.rs",
        old: "        «tag == self.shape.empty(position).full().as_raw()»\n    }\n\n    /// Claims the next",
        new: "Tag::from_raw(tag).state() == Some(State::Reading) || tag == self.shape.empty(position).full().as_raw()",
        models: &["mpmc_chain_begun_before", "mpmc_chain_beside_one_awake"],
    },
    SourceMutant {
        name: "mpmc: a push wakes no consumer",
        file: MPMC_PRODUCER,
        old: "end.pushed(|| «ring.is_behind_another()»)",
        new: "true",
        models: &["mpmc_consumer_sleeps_fence"],
    },
    SourceMutant {
        name: "mpmc: a producer sleeps though a slot is being read",
        file: MPMC_ROOM,
        old: "            Err(Refused::Busy(holder)) if «holder.is_reading()» => Look::Soon,\n",
        new: "false",
        models: &["mpmc_one_pop_frees_a_sleeper"],
    },
    SourceMutant {
        name: "mpmc: a consumer looks for sleepers before it has taken the element",
        file: MPMC_CONSUMER,
        old: "        match «ring.pop_after(place, |ring| duties.before_freeing(ring, 1))» {",
        new: "{ duties.before_freeing(ring, 1); ring.pop_after(place, |_| ()) }",
        models: &["mpmc_one_pop_frees_a_sleeper"],
    },
    SourceMutant {
        name: "mpmc: the end is reported before what dead ends held is recovered",
        file: MPMC_CONSUMER,
        old: "            Nothing::Closed => «self.search_the_dead()?»,\n",
        new: "false",
        models: &["mpmc_end_behind_dead_hands"],
    },
    SourceMutant {
        name: "mpmc: a search for orphans notes a later generation than it began with",
        file: MPMC_FIND,
        old: "        self.searched = Some(«generation»);\n",
        new: "{ let _ = generation; self.memory.orphans().load(M::Platform::ordering(Edge::MpmcOrphansSeen)) }",
        models: &["mpmc_orphan_behind_a_consumer"],
    },
    SourceMutant {
        name: "mpmc: empty is answered without a search for orphans",
        file: MPMC_FIND,
        old: "                (0, Empty) => match «self.orphan()» {\n",
        new: "None",
        models: &["mpmc_orphan_behind_a_consumer"],
    },
];
