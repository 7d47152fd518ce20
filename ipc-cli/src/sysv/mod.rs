//! The commands for System V objects themselves, whatever programs made them.

mod ftok;
mod grant;
mod limits;
mod lines;
mod ls;
mod mk;
pub(crate) mod name;
mod peek;
pub(crate) mod project;
mod rm;
mod show;
mod snapshot;
mod verify;
mod watch;

pub(crate) use name::Kind;
pub(crate) use snapshot::{Item, Processes, Snapshot};

use crate::cli::sysv::Sysv;
use crate::exit::Outcome;

/// Does what was asked for.
pub(crate) fn run(asked: &Sysv) -> Outcome {
    match asked {
        Sysv::Ls(asked) => ls::run(asked),
        Sysv::Show(asked) => show::run(asked),
        Sysv::Rm(asked) => rm::run(asked),
        Sysv::Mk { what } => mk::run(what),
        Sysv::Limits(format) => limits::run(format.json),
        Sysv::Watch(asked) => watch::run(asked),
        Sysv::Peek(asked) => peek::run(asked),
        Sysv::Verify(asked) => verify::run(asked),
        Sysv::Ftok(asked) => ftok::run(asked),
        Sysv::Grant(asked) => grant::run(asked),
    }
}
