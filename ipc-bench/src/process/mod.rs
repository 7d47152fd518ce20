//! The processes of a run: their instructions, their common start, their results.

mod books;
mod child;
mod fds;
mod gate;
mod janitor;
mod protocol;
mod tally;
mod team;
mod usage;
mod worker;

pub(crate) use books::Books;
pub(crate) use fds::Descriptors;
pub(crate) use gate::Gate;
pub(crate) use janitor::{DOMAIN, Object, Registered, RegisteredDomain, run as run_janitor};
pub(crate) use protocol::{Failure, Faults, Job, Outcome, Plan, Role};
pub(crate) use tally::run as run_tally;
pub(crate) use team::{Round, run as run_team};
pub(crate) use usage::Usage;
pub(crate) use worker::{Part, run as run_worker};
