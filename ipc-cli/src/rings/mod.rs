//! The commands for domains and channels of ipc-ring.

mod advise;
mod call;
mod delay;
mod doctor;
mod domains;
mod encode;
mod explain;
mod fields;
mod gc;
mod lines;
mod ls;
mod metrics;
mod observe;
mod rate;
mod send;
mod show;
mod tail;
mod top;
mod watch;

pub(crate) use advise::run as advise;
pub(crate) use call::run as call;
pub(crate) use delay::run as delay;
pub(crate) use doctor::run as doctor;
pub(crate) use explain::run as explain;
pub(crate) use gc::run as gc;
pub(crate) use ls::run as ls;
pub(crate) use metrics::run as metrics;
pub(crate) use rate::{Of, run as rate};
pub(crate) use send::run as send;
pub(crate) use show::run as show;
pub(crate) use tail::run as tail;
pub(crate) use top::run as top;
pub(crate) use watch::run as watch;
