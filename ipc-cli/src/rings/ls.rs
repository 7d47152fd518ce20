//! `ls`: domains, their processes and channels.

use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_ring::control::{ChannelInfo, EndInfo, Listing, NameInfo, Named};
use ipc_ring::raw::Kind;

use super::domains::{self, Found};
use super::lines;
use crate::cli::rings::Ls;
use crate::exit::{DONE, FAILED, Outcome};
use crate::sysv::Processes;
use crate::units::{bytes, count};

pub(crate) fn run(asked: &Ls) -> Outcome {
    let found = domains::find(&asked.place)?;
    let mut processes = Processes::default();
    let mut code = DONE;
    for domain in &found {
        let listing = match &domain.domain {
            Ok(observer) => observer.list().map_err(|error| error.to_string()),
            Err(why) => Err(why.clone()),
        };
        if domain.members().0 > 0 && listing.is_err() {
            code = FAILED;
        }
        if asked.format.json {
            lines::domain(domain);
            if let Ok(listing) = &listing {
                for process in &listing.processes {
                    lines::process(&domain.name, process, &mut processes);
                }
                for name in &listing.names {
                    lines::name(&domain.name, name, &mut processes);
                }
            }
            continue;
        }
        heading(domain);
        match listing {
            Ok(listing) => people(&listing, &mut processes),
            Err(why) => {
                say!("{}", paint(&Look::Bad.of(&format!("  cannot be looked into: {}", harmless(&why)))))
            }
        }
        say!();
    }
    if !asked.format.json {
        if found.is_empty() {
            say!("No domain of ipc-ring in this IPC namespace. `ipcr sysv ls` lists all System V objects.");
        }
        for note in domains::of_others(&asked.place)? {
            say!("{}", paint(&Look::Faint.of(&harmless(&note))));
        }
    }
    Ok(code)
}

fn heading(found: &Found) {
    let (alive, dead, channels) = found.members();
    let died = if dead > 0 { Look::Bad.of(&format!(", {dead} died")) } else { String::new() };
    let title = Look::Heading.of(&format!("domain \"{}\"", harmless(&found.name)));
    let members = count(alive as u64, "process", "processes");
    say!(
        "{}",
        paint(&format!("{title}: {members} alive{died}, {}", count(channels as u64, "name", "names")))
    );
    if alive == 0 {
        say!("{}", paint(&Look::Faint.of("  no process is alive; `ipcr gc` deals with it")));
    }
}

fn people(listing: &Listing, processes: &mut Processes) {
    for process in &listing.processes {
        // The number of a dead one may be another's by now.
        let shown = match process.is_alive {
            true => processes.describe(process.pid),
            false => format!("{} {}", process.pid, Look::Bad.of("dead")),
        };
        say!("{}", paint(&format!("  process {shown}")));
    }
    if listing.names.is_empty() {
        return;
    }
    let mut table = output::bare_table(["  CHANNEL", "KIND", "HOLDS", "ENDS"]);
    for info in &listing.names {
        table.add_row([
            format!("  {}", harmless(&info.name)),
            kind(info),
            holds(info),
            ends(info, processes),
        ]);
    }
    output::print_table(&table);
}

pub(super) fn kind(info: &NameInfo) -> String {
    match &info.what {
        Named::Channel(channel) => channel.kind_name().to_owned(),
        Named::Listener(_) => "listener".to_owned(),
        _ => Look::Bad.of("unreadable"),
    }
}

/// The size for people.
pub(super) fn size(channel: &ChannelInfo) -> String {
    let is = |kind: Kind| channel.kind == kind as u32;
    if is(Kind::Bytes) || is(Kind::BroadcastBytes) {
        format!("{} of frames", bytes(channel.capacity))
    } else if is(Kind::Latest) {
        format!("{} of {} B", count(channel.capacity, "value", "values"), channel.element_size)
    } else if is(Kind::Pool) {
        format!("{} of blocks", bytes(channel.bytes))
    } else if is(Kind::Call) {
        "1 call".to_owned()
    } else {
        format!("{} of {} B", count(channel.capacity, "message", "messages"), channel.element_size)
    }
}

fn holds(info: &NameInfo) -> String {
    match &info.what {
        Named::Channel(channel) if channel.is_persistent => format!("{}, persistent", size(channel)),
        Named::Channel(channel) => size(channel),
        _ => "-".to_owned(),
    }
}

fn ends(info: &NameInfo, processes: &mut Processes) -> String {
    match &info.what {
        Named::Channel(channel) => {
            let ends: Vec<_> = in_order(channel).iter().map(|end| end_of(end, processes)).collect();
            if ends.is_empty() { "-".to_owned() } else { output::entries(&ends) }
        }
        Named::Listener(listener) => {
            let state = if listener.is_alive { "" } else { &Look::Bad.of(" dead") };
            format!("{}{state}", processes.describe(listener.pid))
        }
        _ => "not for this user, or its header is invalid".to_owned(),
    }
}

/// The ends of a channel, those that put messages in first.
pub(super) fn in_order(channel: &ChannelInfo) -> Vec<EndInfo> {
    let mut ends = channel.ends.clone();
    ends.sort_by_key(|end| (end.role, end.pid));
    ends
}

/// An end for people. The name of a dead process is not known, as its number may be another's.
pub(super) fn end_of(end: &EndInfo, processes: &mut Processes) -> String {
    let role = lines::role(end.role);
    if end.is_alive {
        format!("{role} {}", processes.describe(end.pid))
    } else {
        format!("{role} {} {}", end.pid, Look::Bad.of("dead"))
    }
}
