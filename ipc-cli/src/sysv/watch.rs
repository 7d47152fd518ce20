//! `watch`: what changes, as it changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use ipc_cli_support::interrupt;
use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_core::list::proc;
use ipc_core::msg::MessageQueue;
use ipc_core::sem::{SemId, SemaphoreSet};
use serde::Serialize;

use super::name::{Kind, Name, Which};
use super::snapshot::{Processes, id_of};
use crate::cli::sysv::Watch;
use crate::exit::{DONE, Failure, Outcome};
use crate::json;
use crate::units::{moment, scaled};

/// What is watched of one object. The numbers whose change is reported come first.
#[derive(Clone, Debug, PartialEq)]
struct State {
    /// With what each is called; `None` where this user may not know.
    numbers: Vec<(&'static str, Option<u64>)>,
    /// Of a queue.
    capacity: Option<u64>,
    /// Who did something last, and when.
    last: Vec<(&'static str, u32, i64)>,
    /// Changes when owner, mode or the like were changed.
    changed_at: i64,
    marked: bool,
}

#[derive(Serialize)]
struct Line {
    at: String,
    object: String,
    /// One of `present`, `made`, `changed`, `removed`.
    event: &'static str,
    numbers: BTreeMap<&'static str, Option<u64>>,
    /// Net change a second; the kernel does not count what passes.
    rates: BTreeMap<&'static str, f64>,
    capacity_bytes: Option<u64>,
}

type States = BTreeMap<(Kind, i32), State>;

pub(super) fn run(asked: &Watch) -> Outcome {
    let chosen = asked
        .objects
        .iter()
        .map(|name| Ok((name.kind, id_of(*name)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let is_wanted = |kind: Kind, id: i32| {
        asked.kinds.includes(kind) && (chosen.is_empty() || chosen.contains(&(kind, id)))
    };
    let mut before = look(is_wanted)?;
    if let Some(missing) = chosen.iter().find(|chosen| !before.contains_key(*chosen)) {
        let name = Name { kind: missing.0, which: Which::Id(missing.1) };
        return Err(Failure::new(
            crate::exit::NOT_FOUND,
            format!("{name}: there is no such {}", missing.0.noun()),
        ));
    }
    for (object, state) in &before {
        tell(*object, "present", None, state, asked.format.json);
    }
    if before.is_empty() && !asked.format.json {
        say!("Nothing yet; waiting for objects to be made.");
    }
    output::flush();
    let mut looked = Instant::now();
    let mut looks = 1;
    while asked.count.is_none_or(|count| looks < count) {
        if !interrupt::sleep_until(looked + asked.looks.interval) {
            break;
        }
        let after = look(is_wanted)?;
        let passed = looked.elapsed();
        looked = Instant::now();
        for (object, state) in &after {
            match before.get(object) {
                None => tell(*object, "made", None, state, asked.format.json),
                Some(earlier) if earlier != state => {
                    tell(*object, "changed", Some((earlier, passed)), state, asked.format.json);
                }
                Some(_) => {}
            }
        }
        for (object, state) in before.iter().filter(|(object, _)| !after.contains_key(*object)) {
            tell(*object, "removed", None, state, asked.format.json);
        }
        output::flush();
        if output::is_over() || (!chosen.is_empty() && after.is_empty()) {
            break;
        }
        before = after;
        looks += 1;
    }
    Ok(DONE)
}

fn look(is_wanted: impl Fn(Kind, i32) -> bool) -> Result<States, Failure> {
    let mut states = States::new();
    for line in proc::segments()?.into_iter().filter(|line| is_wanted(Kind::Shm, line.id.as_raw())) {
        let state = State {
            numbers: vec![("mappings", Some(line.attachments)), ("resident_bytes", line.resident_bytes)],
            capacity: None,
            last: vec![("attached", line.last_pid, line.atime), ("detached", line.last_pid, line.dtime)],
            changed_at: line.object.ctime,
            marked: line.object.perms & 0o1000 != 0,
        };
        states.insert((Kind::Shm, line.id.as_raw()), state);
    }
    for line in proc::sets()?.into_iter().filter(|line| is_wanted(Kind::Sem, line.id.as_raw())) {
        let values = of_set(line.id, line.count);
        let [sum, for_more, for_zero] = values.map_or([None; 3], |values| values.map(Some));
        let state = State {
            numbers: vec![
                ("sum_of_values", sum),
                ("waiting_for_increase", for_more),
                ("waiting_for_zero", for_zero),
            ],
            capacity: None,
            last: vec![("operated", 0, line.otime)],
            changed_at: line.object.ctime,
            marked: false,
        };
        states.insert((Kind::Sem, line.id.as_raw()), state);
    }
    for line in proc::queues()?.into_iter().filter(|line| is_wanted(Kind::Msg, line.id.as_raw())) {
        let state = State {
            numbers: vec![("messages", Some(line.messages)), ("bytes", Some(line.bytes))],
            capacity: MessageQueue::from_id(line.id).stat().ok().map(|stat| stat.capacity_bytes()),
            last: vec![
                ("sent", line.last_sender_pid, line.stime),
                ("received", line.last_receiver_pid, line.rtime),
            ],
            changed_at: line.object.ctime,
            marked: false,
        };
        states.insert((Kind::Msg, line.id.as_raw()), state);
    }
    Ok(states)
}

/// The sum of the values, and how many wait for more and for zero; `None` when this user may not read them.
fn of_set(id: SemId, count: u64) -> Option<[u64; 3]> {
    let set = SemaphoreSet::from_id(id);
    let sum = set.values().ok()?.into_iter().map(u64::from).sum();
    let (mut for_more, mut for_zero) = (0, 0);
    for index in 0..u16::try_from(count).ok()? {
        for_more += set.waiting_for_increase(index).ok()? as u64;
        for_zero += set.waiting_for_zero(index).ok()? as u64;
    }
    Some([sum, for_more, for_zero])
}

fn tell(
    object: (Kind, i32),
    event: &'static str,
    earlier: Option<(&State, Duration)>,
    state: &State,
    for_programs: bool,
) {
    let name = Name { kind: object.0, which: Which::Id(object.1) };
    let now = SystemTime::now();
    let rates = rates(earlier, state);
    if for_programs {
        let line = Line {
            at: moment(now),
            object: name.to_string(),
            event,
            numbers: state.numbers.iter().copied().collect(),
            rates: rates.into_iter().collect(),
            capacity_bytes: state.capacity,
        };
        return json::line("event", &line);
    }
    let look = match event {
        "made" => Look::Good,
        "removed" => Look::Bad,
        "changed" => Look::Doubtful,
        _ => Look::Faint,
    };
    let mut facts = Vec::new();
    if event != "removed" {
        for (what, number) in &state.numbers {
            let Some(number) = number else { continue };
            let what = what.replace('_', " ");
            let before = earlier.and_then(|(earlier, _)| {
                earlier.numbers.iter().find(|(known, _)| known.replace('_', " ") == what)?.1
            });
            let rate = rates.iter().find(|(known, _)| known.replace('_', " ") == what).map(|(_, rate)| *rate);
            let of = match (what.as_str(), state.capacity) {
                ("bytes", Some(capacity)) if capacity > 0 => {
                    format!(" of {capacity}, {} full", super::ls::share(*number, capacity))
                }
                _ => String::new(),
            };
            match (before, rate) {
                (Some(before), Some(rate)) if before != *number => {
                    let sign = if rate > 0.0 { "+" } else { "" };
                    facts.push(format!("{what} {before} to {number}{of} ({sign}{})", scaled(rate, "/s")));
                }
                _ => facts.push(format!("{what} {number}{of}")),
            }
        }
        facts.extend(doings(earlier.map(|(earlier, _)| earlier), state));
    }
    let clock = moment(now);
    let clock = clock.get(11..19).unwrap_or(&clock);
    say!(
        "{}",
        paint(&format!(
            "{clock} {:<10} {} {}",
            name.to_string(),
            look.of(&format!("{event:<8}")),
            facts.join(", ")
        ))
    );
}

/// What changed besides the numbers.
fn doings(earlier: Option<&State>, state: &State) -> Vec<String> {
    let Some(earlier) = earlier else { return Vec::new() };
    let mut doings = Vec::new();
    let mut processes = Processes::default();
    for ((what, pid, at), (_, pid_before, at_before)) in state.last.iter().zip(&earlier.last) {
        if at != at_before || (pid != pid_before && state.last.len() == 2 && what != &"detached") {
            let by = match pid {
                0 => String::new(),
                pid => format!(" by {}", processes.describe(*pid)),
            };
            doings.push(format!("{what}{by}"));
        }
    }
    if state.marked && !earlier.marked {
        doings.push("marked for removal".to_owned());
    } else if state.changed_at != earlier.changed_at {
        let what = if state.numbers.iter().any(|(what, _)| *what == "sum_of_values") {
            "owner, mode or values"
        } else {
            "owner or mode"
        };
        doings.push(format!("{what} set"));
    }
    doings
}

fn rates(earlier: Option<(&State, Duration)>, state: &State) -> Vec<(&'static str, f64)> {
    let Some((earlier, passed)) = earlier else { return Vec::new() };
    let seconds = passed.as_secs_f64().max(1e-3);
    let rates = state.numbers.iter().zip(&earlier.numbers).filter_map(|(now, before)| {
        let change = now.1? as f64 - before.1? as f64;
        Some((now.0, change / seconds))
    });
    rates.collect()
}
