//! `watch`: processes, channels and their ends, as they come and go.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use ipc_cli_support::interrupt;
use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_ring::control::{Listing, Named};
use serde::Serialize;

use super::{domains, lines};
use crate::cli::rings::Watch;
use crate::exit::{DONE, Outcome};
use crate::json;
use crate::sysv::Processes;
use crate::units::moment;

/// What can come and go, in the order in which it is reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Process { pid: u32, slot: String },
    Channel { name: String, generation: u64 },
    End { channel: String, role: &'static str, pid: u32, owner: String },
}

/// Of each, by its domain, whether it is alive.
type States = BTreeMap<(String, What), bool>;

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    domain: &'a str,
    /// One of `present`, `came`, `died`, `gone`.
    event: &'a str,
    channel: Option<&'a str>,
    role: Option<&'a str>,
    pid: Option<u32>,
}

pub(crate) fn run(asked: &Watch) -> Outcome {
    let mut processes = Processes::default();
    let mut before = look(asked, true)?;
    before
        .iter()
        .for_each(|(key, alive)| tell(asked, key, if *alive { "present" } else { "died" }, &mut processes));
    output::flush();
    let mut next = Instant::now();
    while !output::is_over() {
        next += asked.interval.max(Duration::from_millis(1));
        if !interrupt::sleep_until(next) {
            break;
        }
        let now = look(asked, false)?;
        for (key, was_alive) in &before {
            match now.get(key) {
                None => tell(asked, key, "gone", &mut processes),
                Some(false) if *was_alive => tell(asked, key, "died", &mut processes),
                Some(_) => {}
            }
        }
        for (key, alive) in now.iter().filter(|(key, _)| !before.contains_key(key)) {
            tell(asked, key, "came", &mut processes);
            if !alive {
                tell(asked, key, "died", &mut processes);
            }
        }
        output::flush();
        before = now;
    }
    Ok(DONE)
}

/// What there is. A domain that was asked for must be there at first; later it may go and come.
fn look(asked: &Watch, at_first: bool) -> Result<States, crate::exit::Failure> {
    let found = match domains::find(&asked.place) {
        Err(failure) if !at_first && failure.code() == crate::exit::NOT_FOUND => Vec::new(),
        found => found?,
    };
    let mut states = States::new();
    for domain in found {
        // Gone since it was found, or not for this user: nothing is seen of it.
        let Some(listing) = domain.domain.ok().and_then(|domain| domain.list().ok()) else { continue };
        enter(&mut states, &domain.name, &listing, asked.channel.as_deref());
    }
    Ok(states)
}

fn enter(states: &mut States, domain: &str, listing: &Listing, only: Option<&str>) {
    let mut put = |what, alive| {
        states.insert((domain.to_owned(), what), alive);
    };
    if only.is_none() {
        for process in &listing.processes {
            put(What::Process { pid: process.pid, slot: format!("{:?}", process.owner) }, process.is_alive);
        }
    }
    for info in listing.names.iter().filter(|info| only.is_none_or(|only| only == info.name)) {
        put(What::Channel { name: info.name.clone(), generation: info.generation }, true);
        let Named::Channel(channel) = &info.what else { continue };
        for end in &channel.ends {
            let (channel, role, owner) =
                (info.name.clone(), lines::role(end.role), format!("{:?}", end.owner));
            put(What::End { channel, role, pid: end.pid, owner }, end.is_alive);
        }
    }
}

fn tell(asked: &Watch, (domain, what): &(String, What), event: &str, processes: &mut Processes) {
    let at = moment(SystemTime::now());
    let (channel, role, pid) = match what {
        What::Process { pid, .. } => (None, None, Some(*pid)),
        What::Channel { name, .. } => (Some(name.as_str()), None, None),
        What::End { channel, role, pid, .. } => (Some(channel.as_str()), Some(*role), Some(*pid)),
    };
    if asked.format.json {
        return json::line("channel_event", &Line { at, domain, event, channel, role, pid });
    }
    // The number of one that is not there may be another's.
    let process = |pid: u32, processes: &mut Processes| match event {
        "died" | "gone" => pid.to_string(),
        _ => processes.describe(pid),
    };
    let what = match what {
        What::Process { pid, .. } => format!("process {}", process(*pid, processes)),
        What::Channel { name, .. } => format!("channel \"{}\"", harmless(name)),
        What::End { channel, role, pid, .. } => {
            format!("{role} of \"{}\", process {}", harmless(channel), process(*pid, processes))
        }
    };
    let look = match event {
        "died" => Look::Bad,
        "came" => Look::Good,
        _ => Look::Faint,
    };
    say!(
        "{}",
        paint(&format!("{at}  {}  {what}  in \"{}\"", look.of(&format!("{event:<7}")), harmless(domain)))
    );
}
