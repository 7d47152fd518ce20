//! Mistakes in the source of the ends of broadcast channels.

use super::SourceMutant;

const WAKING: &str = "ipc-ring/src/end/participant/waking.rs";
const FENCES: &str = "ipc-ring/src/wait/fences.rs";
const END: &str = "ipc-ring/src/end/broadcast/end.rs";
const ROOM: &str = "ipc-ring/src/end/broadcast/room.rs";
const ATTACHED: &str = "ipc-ring/src/end/broadcast/attached.rs";
const SUBSCRIBER: &str = "ipc-ring/src/end/broadcast/subscriber.rs";
const FRAME_SUBSCRIBER: &str = "ipc-ring/src/end/broadcast/frames/subscriber.rs";

/// All of them.
pub(super) const ALL: &[SourceMutant] = &[
    SourceMutant {
        name: "broadcast: a subscriber asks who fences before its waiting bit is visible",
        file: FENCES,
        old: "    «P::light(Barrier::Fence)»; // Between the waiting bit",
        new: "()",
        models: &["broadcast_fences_end"],
    },
    SourceMutant {
        name: "broadcast: a subscriber relies on a publisher that does not fence",
        file: FENCES,
        old: "    «word.load(Relaxed) & bit != 0» // [W4]",
        new: "{ let _ = (word, bit); true }",
        models: &["broadcast_fences_begin"],
    },
    SourceMutant {
        name: "broadcast: a publisher ceases to fence without a last one",
        file: FENCES,
        old: "or is found.\n            «P::light(Barrier::Fence)»;",
        new: "()",
        models: &["broadcast_fences_end"],
    },
    SourceMutant {
        name: "broadcast: a publisher ceases to fence and does not say so",
        file: FENCES,
        old: "«word().fetch_and(!bit, Relaxed)»; // Ordered",
        new: "0",
        models: &["broadcast_fences_end"],
    },
    SourceMutant {
        name: "broadcast: one subscriber is woken, not all",
        file: WAKING,
        old: "        waiter_set::wake(&waiters, &mut { self.turn }, «usize::MAX», &mut all);",
        new: "1",
        models: &["broadcast_two_sleepers_fence"],
    },
    SourceMutant {
        name: "broadcast: the tokens for many are not posted",
        file: WAKING,
        old: "        «peers.post_all(&tokens)».inspect_err(",
        new: "Ok::<(), Error>(())",
        models: &["broadcast_two_sleepers_fence"],
    },
    SourceMutant {
        name: "broadcast: a publication wakes no subscriber",
        file: ATTACHED,
        old: "        «self.end.wake_subscribers()».map_err(|error| PushError::NotWoken(value, error))",
        new: "Ok::<(), ipc_core::Error>(())",
        models: &["broadcast_two_sleepers_fence", "broadcast_frames_sleeps_fence"],
    },
    SourceMutant {
        name: "broadcast: the end wakes no subscriber",
        file: END,
        old: "        signal::set_flags::<F::Platform>(self.front.state(), bits);\n        «self.place.wake_all(SUBSCRIBER)»;",
        new: "()",
        models: &["broadcast_close", "broadcast_detach"],
    },
    SourceMutant {
        name: "broadcast: a publisher that takes over wakes no subscriber",
        file: ATTACHED,
        old: "        let woken = «end.wake_subscribers()»;",
        new: "Ok(())",
        models: &["broadcast_publisher_dies_before_it_wakes"],
    },
    SourceMutant {
        name: "broadcast: a subscriber ignores the end before it sleeps",
        file: ATTACHED,
        old: "let is_something_there = «end.place.waits.is_over(end.bits())» ||",
        new: "false",
        models: &["broadcast_close", "broadcast_detach"],
    },
    SourceMutant {
        name: "broadcast: a subscriber ignores a message before it sleeps",
        file: ATTACHED,
        old: " || «ring.has_something()»;",
        new: "false",
        models: &["broadcast_two_sleepers_fence"],
    },
    SourceMutant {
        name: "broadcast: a dead publisher is waited for",
        file: ATTACHED,
        old: "let died = if «ask» {",
        new: "false",
        models: &["broadcast_publisher_dies_for_good"],
    },
    SourceMutant {
        name: "broadcast: a pop that sees the end does not look at the ring again",
        file: SUBSCRIBER,
        old: "        match «self.ring.try_pop_into(place)» {\n            Pop::Empty { .. } => Err(error),",
        new: "Pop::Empty { look }",
        models: &["broadcast_close", "broadcast_detach"],
    },
    SourceMutant {
        name: "broadcast: a view that sees the end does not look at the ring again",
        file: SUBSCRIBER,
        old: "            Some(error) if «!self.ring.has_something()» => Err(error),",
        new: "true",
        models: &["broadcast_close_against_view"],
    },
    SourceMutant {
        name: "broadcast: a pop does not wake the publisher",
        file: END,
        old: "        if «look» {\n            self.wake_publisher();",
        new: "false",
        models: &["broadcast_publisher_sleeps"],
    },
    SourceMutant {
        name: "broadcast: a publisher ignores room before it sleeps",
        file: ROOM,
        old: "let is_full = «matches!(self.ring.has_room(), Ok(false))» &&",
        new: "true",
        models: &["broadcast_publisher_sleeps"],
    },
    SourceMutant {
        name: "broadcast: a publisher does not check whether a subscriber in the way is alive",
        file: ROOM,
        old: "            «ask» && drop_all_dead(self.ring",
        new: "false",
        models: &["broadcast_subscriber_dies_in_the_way"],
    },
    SourceMutant {
        name: "broadcast: a pop of a frame that sees the end does not look at the ring again",
        file: FRAME_SUBSCRIBER,
        old: "        match «place.pop(&mut self.ring)» {\n            Pop::Empty { .. } => Err(error),",
        new: "Pop::Empty { look }",
        models: &["broadcast_frames_close"],
    },
    SourceMutant {
        name: "broadcast: a view of a frame that sees the end does not look at the ring again",
        file: FRAME_SUBSCRIBER,
        old: "            Some(error) if «!self.ring.has_something()» => Err(error),",
        new: "true",
        models: &["broadcast_frames_close_against_view"],
    },
];
