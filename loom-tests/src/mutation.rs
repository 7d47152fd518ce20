//! Deliberate mistakes: each must make a model fail, or be known to have no effect.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::Ordering;

use ipc_ring::edge::Edge;
use ipc_ring::platform::Barrier;

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// One end of an edge has a weaker ordering than production uses.
    Weaken(Edge, Ordering),
    /// The hot side's barrier of this scheme does nothing.
    NoLight(Barrier),
    /// The sleeper's barrier of this scheme does nothing.
    NoHeavy(Barrier),
    /// A mistake in the steps of an algorithm, by name. Code that mirrors those steps queries [`is`].
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

/// Every way to leave out one half of a barrier pair.
#[must_use]
pub fn barriers() -> [Mutation; 4] {
    [Barrier::Fence, Barrier::Asymmetric]
        .map(|barrier| [Mutation::NoLight(barrier), Mutation::NoHeavy(barrier)])
        .concat()
        .try_into()
        .expect("two of each")
}

/// A waiting bit is taken without the release of W3.
pub const WITHOUT_RELEASE: Mutation = Mutation::Weaken(Edge::ClaimWake, Ordering::Acquire);

/// Every weakening of these ends of edges.
pub fn weakenings(edges: &[Edge]) -> impl Iterator<Item = Mutation> + '_ {
    edges
        .iter()
        .flat_map(|edge| weaker(edge.ordering()).iter().map(|ordering| Mutation::Weaken(*edge, *ordering)))
}

/// Runs `f` with the mistake in place; with `None`, the same as production.
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
            Mutation::NoLight(barrier) => write!(f, "{barrier:?} barrier, the notifier's half -> nothing"),
            Mutation::NoHeavy(barrier) => write!(f, "{barrier:?} barrier, the waiter's half -> nothing"),
            Mutation::Logic(name) => write!(f, "{name}"),
        }
    }
}
