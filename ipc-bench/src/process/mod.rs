//! The two processes of a run: what they are told, how they start together, what they tell back.

mod child;
mod fds;
mod gate;
pub(crate) mod interrupt;
mod janitor;
mod pair;
mod protocol;
mod usage;
mod worker;

pub(crate) use fds::Descriptors;
pub(crate) use gate::Gate;
pub(crate) use janitor::{DOMAIN, Object, Registered, RegisteredDomain, run as run_janitor};
pub(crate) use pair::{Round, run as run_pair};
pub(crate) use protocol::{Failure, Faults, Job, Outcome, Plan, Role};
pub(crate) use usage::Usage;
pub(crate) use worker::run as run_worker;
