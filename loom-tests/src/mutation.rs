//! Deliberate mistakes: each must make a model fail, or be known to make no difference.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::Ordering;

use ipc_ring::edge::Edge;

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// One end of an edge has a weaker ordering than production uses.
    Weaken(Edge, Ordering),
    /// The hot side's barrier is nothing.
    NoLight,
    /// The sleeper's barrier is nothing.
    NoHeavy,
    /// A mistake in the steps of an algorithm, by name. Whoever mirrors those steps asks [`is`] for it.
    Logic(&'static str),
}

thread_local! {
    static CURRENT: Cell<Option<Mutation>> = const { Cell::new(None) };
}

/// The orderings weaker than this one that are valid in the same place.
#[must_use]
pub fn weaker(ordering: Ordering) -> &'static [Ordering] {
    match ordering {
        Ordering::Acquire | Ordering::Release => &[Ordering::Relaxed],
        Ordering::AcqRel => &[Ordering::Acquire, Ordering::Release, Ordering::Relaxed],
        Ordering::SeqCst => &[Ordering::AcqRel, Ordering::Relaxed],
        _ => &[],
    }
}

/// Every weakening of these ends of edges.
pub fn weakenings(edges: &[Edge]) -> impl Iterator<Item = Mutation> + '_ {
    edges
        .iter()
        .flat_map(|edge| weaker(edge.ordering()).iter().map(|ordering| Mutation::Weaken(*edge, *ordering)))
}

/// Runs `f` with the mistake in place; with `None`, as production is.
pub fn with<R>(mutation: Option<Mutation>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Mutation>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(mutation));
    f()
}

/// Whether this mistake is in place.
#[must_use]
pub fn is(mutation: Mutation) -> bool {
    CURRENT.get() == Some(mutation)
}

/// Whether this mistake of logic is in place.
#[must_use]
pub fn logic(name: &'static str) -> bool {
    is(Mutation::Logic(name))
}

/// The ordering to use at an end of an edge.
#[must_use]
pub fn ordering(edge: Edge) -> Ordering {
    match CURRENT.get() {
        Some(Mutation::Weaken(weakened, ordering)) if weakened == edge => ordering,
        _ => edge.ordering(),
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mutation::Weaken(edge, ordering) => {
                write!(f, "[{}] {edge:?}: {:?} -> {ordering:?}", edge.label(), edge.ordering())
            }
            Mutation::NoLight => write!(f, "light barrier -> nothing"),
            Mutation::NoHeavy => write!(f, "heavy barrier -> nothing"),
            Mutation::Logic(name) => write!(f, "{name}"),
        }
    }
}
