//! Mistakes in the source of the ends, each of which some model must catch.
//!
//! Mistakes in a model's own words and kernel are in the [matrices](crate::mutation). Omitting a step of the
//! ends themselves means changing their source. All of these are made in one copy of the workspace, where
//! each expression becomes a choice between itself and the mistake; an environment variable of the models
//! selects the mistake. So
//!
//! ```text
//! cargo run --release -p loom-tests --example source_mutants
//! ```
//!
//! builds once, and runs the models named for each mistake. A regular test checks that the places exist.

mod broadcast;
mod latest;
mod many;
mod pool;
mod taps;

/// Names the mistake that the models of a [mutated](SourceMutant::mutated) workspace make; without it they
/// make none.
pub const VARIABLE: &str = "SOURCE_MUTANT";

/// One mistake.
#[derive(Clone, Copy, Debug)]
pub struct SourceMutant {
    /// What is wrong with it.
    pub name: &'static str,
    /// The file, from the root of the workspace.
    pub file: &'static str,
    /// The original text, which occurs once. The expression to be replaced is between « and ».
    pub old: &'static str,
    /// The expression in its place, of the same type.
    pub new: &'static str,
    /// Models, by prefixes of their names; one of them fails.
    pub models: &'static [&'static str],
}

impl SourceMutant {
    /// The text before the expression, the expression, and the text after it.
    ///
    /// # Panics
    /// When the expression is not marked.
    #[must_use]
    pub fn parts(&self) -> [&'static str; 3] {
        let parts = self.old.split_once('«').and_then(|(before, rest)| Some((before, rest.split_once('»')?)));
        let (before, (expression, behind)) = parts.unwrap_or_else(|| panic!("{}: « and »", self.name));
        [before, expression, behind]
    }

    /// The text of the file with a choice in place of the expression.
    ///
    /// # Panics
    /// When the place is missing or occurs twice.
    #[must_use]
    pub fn mutated(&self, text: &str) -> String {
        let [before, expression, behind] = self.parts();
        let place = [before, expression, behind].concat();
        assert_eq!(text.matches(&place).count(), 1, "{}: {}: {place}", self.name, self.file);
        let (name, new) = (self.name, self.new);
        let choice = format!("(if crate::source_mutant({name:?}) {{ {new} }} else {{ {expression} }})");
        text.replacen(&place, &[before, &choice, behind].concat(), 1)
    }
}

/// The text appended to `ipc-ring/src/lib.rs` in a mutated copy of the workspace.
#[must_use]
pub fn chooser() -> String {
    format!(
        "
/// Whether this mistake is to be made.
pub(crate) fn source_mutant(name: &str) -> bool {{
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var({VARIABLE:?}).ok()).as_deref() == Some(name)
}}
"
    )
}

const PARK: &str = "ipc-ring/src/wait/park.rs";
const TOGETHER: &str = "ipc-ring/src/wait/together.rs";
const TOKEN: &str = "ipc-ring/src/wait/token.rs";
const INTERRUPT: &str = "ipc-ring/src/wait/interrupt.rs";
const PAIR: &str = "ipc-ring/src/end/pair.rs";
const ROOM: &str = "ipc-ring/src/end/room.rs";
const ITEM: &str = "ipc-ring/src/end/item.rs";
const SPSC: &str = "ipc-ring/src/end/spsc.rs";
const BYTES: &str = "ipc-ring/src/end/bytes.rs";
const CALL: &str = "ipc-ring/src/end/call.rs";
const READINESS: &str = "ipc-ring/src/readiness/protocol.rs";

/// All of them.
pub fn all() -> impl Iterator<Item = &'static SourceMutant> {
    OF_PAIRS
        .iter()
        .chain(taps::ALL)
        .chain(many::ALL)
        .chain(latest::ALL)
        .chain(broadcast::ALL)
        .chain(pool::ALL)
}

/// The mistakes of the wait loop, and of ends that face each other.
const OF_PAIRS: &[SourceMutant] = &[
    SourceMutant {
        name: "no second look before sleeping",
        file: PARK,
        old: "    match «attempt.look()» {",
        new: "Look::Nothing",
        models: &["consumer_sleeps_fence", "pool_lender_sleeps_fence"],
    },
    SourceMutant {
        name: "no barrier at all before sleeping",
        file: PARK,
        old: "        «Self::Platform::heavy(self.barrier()).inspect_err(|_| self.cancel_wait())»",
        new: "Ok(())",
        models: &["consumer_sleeps_fence"],
    },
    SourceMutant {
        name: "a set sleeps without a second look at its rings",
        file: TOGETHER,
        old: "        if «self.find(false)» {\n            Look::Ready",
        new: "false",
        models: &["set_sleeps_fence"],
    },
    SourceMutant {
        name: "a set looks only at one of its rings",
        file: TOGETHER,
        old: "    for step in 0..«count» {\n",
        new: "count.min(1)",
        models: &["set_after_a_wait_alone"],
    },
    SourceMutant {
        name: "a set runs no barrier before it looks again",
        file: TOGETHER,
        old: "        «barriers.run::<P>()».inspect_err",
        new: "{ let _ = barriers; Ok::<(), Error>(()) }",
        models: &["set_sleeps_fence", "set_sleeps_asymmetric"],
    },
    SourceMutant {
        name: "a set runs the barrier before it has set the waiting bits of its ends",
        file: TOGETHER,
        old: "        let barriers = «self.set_all_waiting(self.set.host.wake())»;\n",
        new: "{ let early = self.set_all_waiting(self.set.host.wake()); self.disarm(); let _ = early.run::<P>(); self.arm(self.set.host.wake()); Barriers::default() }",
        models: &["set_sleeps_fence", "set_sleeps_asymmetric"],
    },
    SourceMutant {
        name: "no liveness check after a sleep without a token",
        file: PARK,
        old: "match attempt.presence(«ask»)? {",
        new: "ask && !in_vain",
        models: &["producer_dies_for_good"],
    },
    SourceMutant {
        name: "no last attempt after the peer has gone",
        file: PARK,
        old: "Presence::Gone(error) => return «attempt.attempt(&wait)?.ok_or(error)»,",
        new: "Err(error)",
        models: &["producer_dies_for_good", "producer_sleeps_consumer_detaches"],
    },
    SourceMutant {
        name: "a sleeper on a word is woken before its token is there",
        file: TOKEN,
        old: "    «word.fetch_or(1, Relaxed)»; // A token hands nothing over",
        new: "{ let woken = wake(); word.fetch_or(1, Relaxed); return woken; }",
        models: &["parked_consumer_fence"],
    },
    SourceMutant {
        name: "the flag of an interruption is looked at before the first sleep only",
        file: PARK,
        old: "|sleeps| «waiter.host().is_interrupted(sleeps)»",
        new: "!in_vain && waiter.host().is_interrupted(sleeps)",
        models: &["park_interrupted"],
    },
    SourceMutant {
        name: "no fence in front of the look at the flag of an interruption",
        file: INTERRUPT,
        old: "        «P::light(Barrier::Fence)»; // A wait that took",
        new: "()",
        models: &["park_interrupted_elsewhere"],
    },
    SourceMutant {
        name: "no fence behind the raise of the flag of an interruption",
        file: INTERRUPT,
        old: "fetch_or(1, Relaxed); // The fence orders it before the token.\n    «P::light(Barrier::Fence)»;",
        new: "()",
        models: &["park_interrupted_elsewhere"],
    },
    SourceMutant {
        name: "a consumer ignores its peer's bits before it sleeps",
        file: ITEM,
        old: "if «end.waits.is_over(end.peer_bits())» || self.0.has_item() {",
        new: "false",
        models: &["consumer_sleeps_producer"],
    },
    SourceMutant {
        name: "a producer ignores its peer's bits before it sleeps",
        file: ROOM,
        old: "if !matches!(self.ring.has_room(), Ok(false)) || «self.end.waits.is_over(self.end.peer_bits())» {",
        new: "false",
        models: &["producer_sleeps_consumer"],
    },
    SourceMutant {
        name: "a dead producer is waited for",
        file: ITEM,
        old: "PeerState::Gone(exit @ PeerExit::Died { .. }) => «Presence::Gone(PopError::PeerGone(exit))»,",
        new: "Presence::There",
        models: &["producer_dies_for_good"],
    },
    SourceMutant {
        name: "a producer sleeps though the consumer is about to give back",
        file: ROOM,
        old: "} else if «self.ring.room_is_coming()» {",
        new: "false",
        models: &["one_pop_frees_a_sleeper_fence"],
    },
    SourceMutant {
        name: "a push that sees the closed bit does not ask whether its element was popped",
        file: ROOM,
        old: "if end.peer_bits() & CLOSED != 0 && «is_drained()» { Ok(()) }",
        new: "false",
        models: &["close_against_push"],
    },
    SourceMutant {
        name: "a seat is taken silently",
        file: PAIR,
        old: "        «end.wake_peer_if(end.peek())»;\n",
        new: "()",
        models: &["producer_dies_before_it_wakes", "consumer_dies_before_it_wakes"],
    },
    SourceMutant {
        name: "closing and detaching wake no peer",
        file: PAIR,
        old: "        «self.wake_peer_if(self.peek())»;\n",
        new: "()",
        models: &["consumer_sleeps_producer"],
    },
    SourceMutant {
        name: "the bit is taken and no token posted",
        file: PAIR,
        old: "«self.host.post(wake).inspect_err(|_| signal::set_waiting::<W::Platform>(signal))»?;",
        new: "Ok(())",
        models: &["consumer_sleeps_fence"],
    },
    SourceMutant {
        name: "nothing is arranged for a death before the bit is taken",
        file: PAIR,
        old: "        // Before the bit is taken: a process that dies with it has the sleeper woken all the same.\n        «self.arrange_for_death()»;\n",
        new: "None",
        models: &["producer_dies_with_the_bit_taken"],
    },
    SourceMutant {
        name: "a successor's semaphore is not looked up behind the bit",
        file: PAIR,
        old: "let Some(wake) = «self.arrange_for_death()» else { return Ok(()) };",
        new: "self.armed",
        models: &["consumer_dies_about_to_sleep"],
    },
    SourceMutant {
        name: "a pop that sees the closed bit does not look at the ring again",
        file: SPSC,
        old: "let Some(error) = «ended(self.end.peer_bits(), self.ring.position())» else {\n            return Err(PopError::Empty);",
        new: "match ended(self.end.peer_bits(), self.ring.position()) { Some(error) => return Err(error), None => None }",
        models: &["close_against_pop"],
    },
    SourceMutant {
        name: "a view that sees the closed bit does not look at the ring again",
        file: SPSC,
        old: "Some(error) if «!self.ring.has_item()» => Err(error),",
        new: "true",
        models: &["close_against_view"],
    },
    SourceMutant {
        name: "the signal that a pop gives is not acted upon",
        file: SPSC,
        old: "match self.ring.pop_next(place, |signal| «self.end.wake_peer_if(signal)») {\n            Ok(()) => Ok(()),\n            Err(word) => Err(self.ring.nothing(word)),",
        new: "()",
        models: &["one_pop_frees_a_sleeper_fence", "producer_sleeps_until"],
    },
    SourceMutant {
        name: "a producer waits for room for an empty frame, whatever it has to push",
        file: BYTES,
        old: "self.0.has_room(«self.1»)\n",
        new: "0",
        models: &["frames_both_sleep"],
    },
    SourceMutant {
        name: "a producer of frames sleeps though the consumer is about to give back",
        file: BYTES,
        old: "        «self.0.room_is_coming()»\n",
        new: "false",
        models: &["frames_one_pop_frees_a_sleeper"],
    },
    SourceMutant {
        name: "a push that sees the closed bit does not ask whether its frame was popped",
        file: BYTES,
        old: "acknowledge(end, signal, ring.position(), || «ring.is_drained()»)",
        new: "false",
        models: &["frame_close_against_push"],
    },
    SourceMutant {
        name: "the signal of a push of a frame is not acted upon",
        file: BYTES,
        old: "Ok(signal) => «publication(&self.ring, &mut self.end, signal)»,\n",
        new: "Ok(())",
        models: &["frames_both_sleep"],
    },
    SourceMutant {
        name: "a pop of a frame that sees the closed bit does not look at the ring again",
        file: BYTES,
        old: "let Some(error) = «ended(self.end.peer_bits(), self.ring.position())» else {\n            return Err(PopError::Empty);",
        new: "match ended(self.end.peer_bits(), self.ring.position()) { Some(error) => return Err(error), None => None }",
        models: &["frame_close_against_pop"],
    },
    SourceMutant {
        name: "a view of a frame that sees the closed bit does not look at the ring again",
        file: BYTES,
        old: "Some(error) if «!self.ring.has_item()» => Err(error),",
        new: "true",
        models: &["frame_close_against_view"],
    },
    SourceMutant {
        name: "the signal that a pop of a frame gives is not acted upon",
        file: BYTES,
        old: "match place.pop(&mut self.ring, |signal| «self.end.wake_peer_if(signal)») {\n            Pop::Frame { len, .. } => Ok(len),\n            Pop::TooSmall { needed } => Err(PopError::BufferTooSmall { needed }),\n            Pop::Empty { signal }",
        new: "()",
        models: &["frames_one_pop_frees_a_sleeper"],
    },
    SourceMutant {
        name: "a reply does not wake the caller",
        file: CALL,
        old: "        if signal != 0 {\n            «self.end.wake_peer_if(signal)»;\n",
        new: "()",
        models: &["call_twice_fence"],
    },
    SourceMutant {
        name: "a request does not wake the responder",
        file: CALL,
        old: "        let woken = «self.end.wake_peer(signal)»;",
        new: "Ok(())",
        models: &["call_twice_fence"],
    },
    SourceMutant {
        name: "a responder that sees that the caller has gone does not look for its request again",
        file: CALL,
        old: "        if «self.ring.has_request()» { Ok(()) } else { Err(error) }",
        new: "false",
        models: &["call_closed_behind_a_request"],
    },
    SourceMutant {
        name: "a call of the caller before is not waited out",
        file: CALL,
        old: "        if «self.0.ring.is_pending()» { self.0.nothing(|caller| !caller.ring.is_pending()) } else { Ok(()) }",
        new: "false",
        models: &["call_caller_dies_asked"],
    },
    SourceMutant {
        name: "a line counts as full by the word of its first element",
        file: "ipc-ring/src/ring/spsc/consumer.rs",
        old: "        if count > 1 && «word.load(M::Platform::ordering(Edge::SpscObserve)) == end» {\n",
        new: "{ let _ = word; self.look_at(position).is_ok() }",
        models: &["stream_meets_half_a_line"],
    },
    SourceMutant {
        name: "only the first end of a set has its waiting bit set",
        file: READINESS,
        old: "            slots.arm(*slot, signal, waker, needs_polling);\n            «ends.set_waiting(number)»;",
        new: "if number == 0 { ends.set_waiting(number) }",
        models: &["set_of_two_woken"],
    },
];
