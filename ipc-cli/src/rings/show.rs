//! `show`: a channel, its ends and its counters.

use std::time::SystemTime;

use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_ring::control::{NameInfo, Named};
use ipc_ring::observe::DomainObserver;

use super::ls::{end_of, in_order, kind, size};
use super::observe::{Observer, channel, meaning};
use super::{domains, fields, lines};
use crate::cli::parts::Where;
use crate::cli::rings::Show;
use crate::exit::{DONE, FAILED, Failure, NOT_FOUND, Outcome, USAGE};
use crate::sysv::Processes;
use crate::units::{bytes, count, moment_and_age};

pub(crate) fn run(asked: &Show) -> Outcome {
    let mut processes = Processes::default();
    for (domain, info) in find(&asked.channel, &asked.place)? {
        let observer = match channel(&info) {
            Some(channel) => Some(Observer::open(&domain, &info.name, channel)?),
            None => None,
        };
        let sample = observer.map(|observer| observer.sample()).unwrap_or_default();
        if asked.format.json {
            lines::name(domain.name(), &info, &mut processes);
            lines::sample(domain.name(), &info.name, &sample);
            continue;
        }
        let title = Look::Heading.of(&format!(
            "\"{}\" in domain \"{}\"",
            harmless(&info.name),
            harmless(domain.name())
        ));
        say!("{}", paint(&format!("{title}  {}", kind(&info))));
        let fact = |what: &str, value: &str| say!("{}", paint(&format!("  {what:<12} {value}")));
        match &info.what {
            Named::Channel(channel) => {
                fact("holds", &size(channel));
                fact("memory", &bytes(channel.bytes));
                fact("made", &moment_and_age(Some(channel.created), "", SystemTime::now()));
                if channel.is_persistent {
                    fact("persistent", "yes: it outlives its processes, with its messages");
                }
                fact("type", &format!("fingerprint {}", channel.fingerprint));
                if channel.ends.is_empty() {
                    fact("ends", "none is held");
                }
                for end in &in_order(channel) {
                    fact("end", &end_of(end, &mut processes));
                }
                fields::print(channel);
            }
            Named::Listener(listener) => {
                fact("listens", &processes.describe(listener.pid));
                fact("queue", &format!("msg:{}", listener.queue));
            }
            _ => fact("unreadable", "not for this user, or its header is invalid"),
        }
        let counters = lines::counters(&sample);
        if counters.is_empty() {
            continue;
        }
        let mut table = output::bare_table(["  COUNTER", "VALUE", "MEANS"]);
        for (counter, value) in counters {
            table.add_row([
                format!("  {}", counter.replace('_', " ")),
                value.to_string(),
                meaning(counter).to_owned(),
            ]);
        }
        output::print_table(&table);
    }
    Ok(DONE)
}

/// The channels of this name in the domains that are asked for.
pub(super) fn find(name: &str, place: &Where) -> Result<Vec<(DomainObserver, NameInfo)>, Failure> {
    let mut found = Vec::new();
    let (mut closed, mut abandoned) = (Vec::new(), Vec::new());
    let mut looked = 0;
    for domain in domains::find(place)? {
        let alive = domain.members().0;
        match domain.domain {
            Ok(domain) => {
                looked += 1;
                if alive == 0 {
                    abandoned.push(format!("{:?}", domain.name()));
                }
                found.extend(domain.look_up(name)?.map(|info| (domain, info)));
            }
            Err(why) => closed.push(format!("domain {:?}: {why}", domain.name)),
        }
    }
    if found.is_empty() {
        let domains = count(looked, "domain", "domains");
        let mut reason = format!(
            "there is no channel {name:?} in the {domains} looked into; `ipcr ls` lists what there is"
        );
        if !abandoned.is_empty() {
            reason += &format!("; no process is alive in {}", abandoned.join(", "));
        }
        if !closed.is_empty() {
            reason += &format!("; not looked into: {}", closed.join(", "));
        }
        return Err(Failure::new(if closed.is_empty() { NOT_FOUND } else { FAILED }, reason));
    }
    Ok(found)
}

/// The one channel of this name.
pub(super) fn find_one(name: &str, place: &Where) -> Result<(DomainObserver, NameInfo), Failure> {
    let mut found = find(name, place)?;
    if found.len() > 1 {
        let domains: Vec<_> = found.iter().map(|(domain, _)| format!("{:?}", domain.name())).collect();
        let domains = domains.join(", ");
        let reason = format!("several domains have a channel {name:?}: {domains}; --domain picks one");
        return Err(Failure::new(USAGE, reason));
    }
    Ok(found.remove(0))
}
