//! How a model is run, and the conditions for its run to count.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::mutation::{self, Mutation};
use crate::{crash, membarrier, phase, platform};

/// A small program to be explored.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Its name, as in `docs/orderings.md`.
    pub name: &'static str,
    min: u64,
    bound: usize,
    reaches: &'static [&'static str],
    fenced_looks: u32,
    tap_barriers: bool,
    body: fn(),
}

/// The outcome of running a model with a mistake in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The model failed, as it should.
    Caught {
        /// The first line of the failure.
        why: String,
        /// Executions explored, the failing one included.
        executions: u64,
    },
    /// The model passed.
    Survived {
        /// Executions explored.
        executions: u64,
    },
}

thread_local! {
    static EXECUTIONS: Cell<u64> = const { Cell::new(0) };
    static REACHED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Executions that were begun in this process, of all models.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// How many executions have been begun in this process: it grows as long as each of them ends.
#[must_use]
pub fn begun() -> u64 {
    BEGUN.load(Relaxed)
}

/// Records that the model has reached a state it is about.
pub fn reached(state: &'static str) {
    REACHED.with_borrow_mut(|all| all.insert(state));
}

impl Model {
    /// A model that explores at least `min` executions at two preemptions.
    ///
    /// The number was counted when the model was written, rounded down: far fewer means that the checker no
    /// longer sees what the threads share.
    #[must_use]
    pub const fn new(name: &'static str, min: u64, body: fn()) -> Self {
        Self { name, min, bound: 2, reaches: &[], fenced_looks: 0, tap_barriers: false, body }
    }

    /// With this bound on preemptions instead of 2.
    #[must_use]
    pub const fn bound(self, bound: usize) -> Self {
        Self { bound, ..self }
    }

    /// With notifiers that fence this number of looks that find no waiter; otherwise they fence none, and
    /// each waiter runs the heavy barrier.
    #[must_use]
    pub const fn fenced_looks(self, looks: u32) -> Self {
        Self { fenced_looks: looks, ..self }
    }

    /// On a machine whose stores do not become visible in program order: taps call `membarrier`.
    #[must_use]
    pub const fn unordered(self) -> Self {
        Self { tap_barriers: true, ..self }
    }

    /// Some execution must reach each of these states, see [`reached`].
    #[must_use]
    pub const fn reaches(self, states: &'static [&'static str]) -> Self {
        Self { reaches: states, ..self }
    }

    /// The least number of executions, a measure of how long the model takes.
    #[must_use]
    pub const fn min(&self) -> u64 {
        self.min
    }

    /// Explores the model with production's code. Returns the number of executions, and prints it.
    ///
    /// # Panics
    /// When an execution fails, when there were too few, or when a state was never reached.
    pub fn check(&self) -> u64 {
        self.explore();
        let executions = EXECUTIONS.get();
        println!("model {}: {executions} executions", self.name);
        assert!(
            executions >= self.min,
            "model {} explored {executions} executions only, expected {}",
            self.name,
            self.min
        );
        REACHED.with_borrow(|all| {
            for state in self.reaches {
                assert!(all.contains(state), "model {} never reached: {state}", self.name);
            }
        });
        executions
    }

    /// Explores the model with a mistake in place.
    #[must_use]
    pub fn check_with(&self, mutation: Mutation) -> Verdict {
        hush();
        QUIET.set(true);
        let outcome = mutation::with(Some(mutation), || catch_unwind(AssertUnwindSafe(|| self.explore())));
        QUIET.set(false);
        let executions = EXECUTIONS.get();
        match outcome {
            Ok(()) => Verdict::Survived { executions },
            Err(payload) => {
                let text = payload
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| payload.downcast_ref::<&str>().copied())
                    .unwrap_or("a panic without a message");
                let why = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("").to_owned();
                Verdict::Caught { why, executions }
            }
        }
    }

    fn explore(&self) {
        let mut builder = loom::model::Builder::new();
        builder.max_branches = 20_000;
        builder.preemption_bound = match std::env::var("LOOM_TESTS_BOUND").as_deref() {
            Err(_) => Some(self.bound),
            Ok("none") => None,
            Ok(number) => Some(number.parse().expect("LOOM_TESTS_BOUND is a number or `none`")),
        };
        EXECUTIONS.set(0);
        REACHED.with_borrow_mut(BTreeSet::clear);
        let Self { fenced_looks, tap_barriers, body, .. } = *self;
        builder.check(move || {
            EXECUTIONS.set(EXECUTIONS.get() + 1);
            BEGUN.fetch_add(1, Relaxed);
            crash::reset();
            phase::reset();
            membarrier::reset();
            platform::set_fenced_looks(fenced_looks);
            platform::set_tap_barriers(tap_barriers);
            body();
        });
    }
}

/// Keeps expected failures out of the output.
fn hush() {
    static HUSH: Once = Once::new();
    HUSH.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
}
