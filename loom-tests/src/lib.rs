//! Model checks: the production algorithms of `ipc-ring` over loom's atomics.
//!
//! [`Loom`] is an [`ipc_ring::platform::Platform`] made of loom's types, so the same code that runs between
//! processes is explored here, under plain `cargo test`, without a configuration flag. A [`Model`] is a small
//! program with a name; it is run over every interleaving and every permitted stale read within a bound on
//! preemptions. Each model must explore a minimum number of executions and reach the states it is about,
//! because a checker that explores a single schedule passes everything.
//!
//! Then each named ordering is weakened in turn, and some model must fail: see [`mutation`].
//!
//! | variable | meaning |
//! |---|---|
//! | `LOOM_TESTS_BOUND` | preemptions: a number, or `none` for all interleavings; otherwise each model's own, mostly 2 |
//!
//! # Where things are
//!
//! [`memory`]: the words of any ring. [`platform`], [`word`], [`membarrier`], [`semaphore`], [`kernel`],
//! [`pair`], [`participants`]: the mock machine. [`crash`]: death at a named site. [`phase`]: mistakes
//! between two sites.
//! [`source_mutants`]: mistakes in the source. [`runner`], [`mutation`], [`matrix`]: how models are run and
//! proved sharp. [`spsc`]: the models of the single-producer ring. [`bytes`]: those of the ring of frames.
//! [`mpmc`]: those of the many-to-many ring. [`broadcast`]: those of one to many. [`pool`]: those of the
//! blocks for large payloads. [`payloads`]: those of the two together. [`everybody`]: those of three sleepers
//! that all have to be woken. [`readiness`]: those of tasks that wait through a driver. [`leaving`]: those of
//! what passes without a common lock.
#![deny(unsafe_code)]

pub mod broadcast;
pub mod bytes;
pub mod call;
pub mod crash;
pub mod everybody;
pub mod futex;
pub mod kernel;
pub mod latest;
pub mod leaving;
pub mod matrix;
pub mod membarrier;
#[allow(unsafe_code)]
pub mod memory;
pub mod mpmc;
pub mod mutation;
pub mod pair;
pub mod participants;
pub mod payloads;
pub mod phase;
#[allow(unsafe_code)]
pub mod platform;
pub mod pool;
pub mod readiness;
pub mod runner;
pub mod semaphore;
pub mod source_mutants;
pub mod spsc;
pub mod word;

pub use futex::Futex;
pub use mutation::Mutation;
pub use platform::Loom;
pub use runner::{Model, Verdict, reached};
pub use semaphore::Semaphore;
pub use word::{Word32, Word64};

/// Every model of every ring.
pub fn models() -> impl Iterator<Item = &'static Model> {
    spsc::models()
        .chain(bytes::models())
        .chain(mpmc::models())
        .chain(broadcast::models())
        .chain(latest::models())
        .chain(call::models())
        .chain(pool::models())
        .chain(payloads::models())
        .chain(everybody::models())
        .chain(spsc::interrupted::MODELS)
        .chain(spsc::parked::MODELS)
        .chain(readiness::MODELS)
}
