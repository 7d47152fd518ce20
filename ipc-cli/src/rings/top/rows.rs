//! The channels that are watched, and what has passed through each between two looks.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use ipc_cli_support::output;
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_ring::control::{ChannelInfo, EndInfo, EndRole};
use serde::Serialize;

use crate::cli::parts::Where;
use crate::cli::rings::Sort;
use crate::exit::{Failure, NOT_FOUND};
use crate::json;
use crate::rings::domains;
use crate::rings::ls::{end_of, in_order};
use crate::rings::observe::{NEARLY_FULL, Observer, Sample, channel, is_late};
use crate::rings::rate::Rates;
use crate::sysv::Processes;
use crate::units::{count, scaled};

/// A consumer and what it has not taken yet.
#[derive(Serialize)]
struct Lag<'a> {
    domain: &'a str,
    channel: &'a str,
    pid: u32,
    /// Messages, or bytes of a ring of frames.
    behind: u64,
    capacity: u64,
}

/// How many rates a sparkline has.
const HISTORY: usize = 16;

/// A channel, attached read-only for as long as it is there.
pub(in crate::rings) struct Row {
    pub(in crate::rings) domain: String,
    pub(in crate::rings) name: String,
    generation: u64,
    pub(in crate::rings) shape: ChannelInfo,
    observer: Option<Observer>,
    pub(in crate::rings) sample: Sample,
    /// How far each subscriber is behind, by the number of its process.
    behind: Vec<(u32, u64)>,
    looked: Instant,
    /// Since the look before; none after the first.
    pub(in crate::rings) passed: Option<(Rates, Duration)>,
    /// Rates of the last looks, the newest last.
    pub(in crate::rings) history: VecDeque<f64>,
    is_seen: bool,
}

/// All channels, by domain and name.
#[derive(Default)]
pub(in crate::rings) struct Rows(BTreeMap<(String, String), Row>);

impl Rows {
    /// Looks once. A domain that was asked for must be there at first; later it may go and come. Channels
    /// that went are detached: nothing keeps their memory.
    pub(in crate::rings) fn look(&mut self, place: &Where, at_first: bool) -> Result<(), Failure> {
        let found = match domains::find(place) {
            Err(failure) if !at_first && failure.code() == NOT_FOUND => Vec::new(),
            found => found?,
        };
        self.0.values_mut().for_each(|row| row.is_seen = false);
        for found in found {
            // Gone since it was found, or not for this user.
            let Ok(domain) = found.domain else { continue };
            let Ok(listing) = domain.list() else { continue };
            for info in &listing.names {
                let Some(shape) = channel(info) else { continue };
                let key = (found.name.clone(), info.name.clone());
                match self.0.get_mut(&key).filter(|row| row.generation == info.generation) {
                    Some(row) => row.look(shape),
                    None => {
                        let observer = Observer::open(&domain, &info.name, shape).ok();
                        self.0
                            .insert(key, Row::new(&found.name, &info.name, info.generation, shape, observer));
                    }
                }
            }
        }
        self.0.retain(|_, row| row.is_seen);
        Ok(())
    }

    /// The greatest first, names from a to z; equals by name.
    pub(in crate::rings) fn sorted(&self, by: Sort) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.0.values().collect();
        // Stable, and the map is in the order of the names.
        rows.sort_by(|one, other| match by {
            Sort::Name => one.name.cmp(&other.name),
            _ => other.number(by).partial_cmp(&one.number(by)).unwrap_or(Ordering::Equal),
        });
        rows
    }
}

impl Row {
    fn new(
        domain: &str,
        name: &str,
        generation: u64,
        shape: &ChannelInfo,
        observer: Option<Observer>,
    ) -> Row {
        let sample = observer.as_ref().map(Observer::sample).unwrap_or_default();
        let behind = observer.as_ref().map(Observer::behind).unwrap_or_default();
        Row {
            domain: domain.to_owned(),
            name: name.to_owned(),
            generation,
            shape: shape.clone(),
            observer,
            sample,
            behind,
            looked: Instant::now(),
            passed: None,
            history: VecDeque::new(),
            is_seen: true,
        }
    }

    fn look(&mut self, shape: &ChannelInfo) {
        let now = self.observer.as_ref().map(Observer::sample).unwrap_or_default();
        self.behind = self.observer.as_ref().map(Observer::behind).unwrap_or_default();
        let passed = self.looked.elapsed();
        self.looked = Instant::now();
        let rates = Rates::of(&self.sample, &now, passed, shape.element_size);
        if let Some(rate) = rates.pushed {
            self.history.push_back(rate);
            if self.history.len() > HISTORY {
                self.history.pop_front();
            }
        }
        (self.passed, self.sample, self.shape) = (Some((rates, passed)), now, shape.clone());
        self.is_seen = true;
    }

    /// Prints what passed, and how far its consumers are behind, as lines of JSON.
    pub(super) fn tell(&self) {
        if let Some((rates, passed)) = &self.passed {
            rates.tell(&self.domain, &self.name, *passed, &self.sample, self.shape.capacity);
        }
        for (end, behind) in self.ends() {
            let Some(behind) = behind else { continue };
            let (pid, capacity) = (end.pid, self.shape.capacity);
            json::line("lag", &Lag { domain: &self.domain, channel: &self.name, pid, behind, capacity });
        }
    }

    /// Its ends, those that put messages in first, and how far each is behind, where that is known: messages,
    /// or bytes of a ring of frames.
    pub(in crate::rings) fn ends(&self) -> Vec<(EndInfo, Option<u64>)> {
        let mut seats = self.behind.clone();
        let mut lag = |end: &EndInfo| {
            if end.role != EndRole::Consumer {
                return None;
            }
            // A process may have several.
            let seat = seats.iter().position(|(pid, _)| *pid == end.pid);
            // Whatever waits, waits for the consumers of such a ring together.
            seat.map(|seat| seats.remove(seat).1).or(self.sample.waiting)
        };
        in_order(&self.shape).into_iter().map(|end| (end, lag(&end))).collect()
    }

    /// How far the slowest consumer is behind.
    pub(in crate::rings) fn lag(&self) -> Option<u64> {
        self.ends().into_iter().filter_map(|(_, behind)| behind).max()
    }

    fn has_dead_end(&self) -> bool {
        self.shape.ends.iter().any(|end| !end.is_alive)
    }

    /// How full it is, from 0 to 1.
    pub(in crate::rings) fn fill(&self) -> Option<f64> {
        self.sample.fill(self.shape.capacity)
    }

    pub(in crate::rings) fn missed(&self) -> Option<u64> {
        self.sample.counter("missed")
    }

    fn number(&self, by: Sort) -> Option<f64> {
        let rates = self.passed.as_ref().map(|(rates, _)| rates);
        match by {
            Sort::Rate => rates?.pushed,
            Sort::Bytes => rates?.bytes_pushed,
            Sort::Fill => self.fill(),
            Sort::Missed => self.missed().map(|missed| missed as f64),
            Sort::Lag => self.lag().map(|lag| lag as f64),
            Sort::Name => None,
        }
    }

    /// What a column has of it.
    fn cell(&self, column: Column, names_domain: bool, processes: &mut Processes) -> String {
        let rate = |by, unit| self.number(by).map_or_else(none, |rate| scaled(rate, unit));
        let counted = |number: u64, is_doubtful: bool| {
            let text = number.to_string();
            if is_doubtful { Look::Doubtful.of(&text) } else { text }
        };
        match column {
            Column::Channel => {
                let name = harmless(&self.name);
                let name = if names_domain { format!("{}/{name}", harmless(&self.domain)) } else { name };
                if self.has_dead_end() { Look::Bad.of(&name) } else { name }
            }
            Column::Kind => self.shape.kind_name().to_owned(),
            Column::Rate => rate(Sort::Rate, "/s"),
            Column::Bytes => rate(Sort::Bytes, "B/s"),
            Column::Fill => self.fill().map_or_else(none, bar),
            Column::Missed => self.missed().map_or_else(none, |missed| counted(missed, missed > 0)),
            Column::Lag => {
                self.lag().map_or_else(none, |lag| counted(lag, is_late(lag, self.shape.capacity)))
            }
            Column::Lately => sparkline(self.history.iter().copied()),
            Column::Ends => {
                let mut ends = in_order(&self.shape);
                // What is cut off must not be the one that matters.
                ends.sort_by_key(|end| end.is_alive);
                let ends: Vec<_> = ends.iter().map(|end| end_of(end, processes)).collect();
                if ends.is_empty() { none() } else { ends.join(", ") }
            }
        }
    }

    /// A line for each end.
    fn end_lines(&self, processes: &mut Processes) -> Vec<String> {
        let of = |(end, behind): (EndInfo, Option<u64>)| {
            let behind = behind.map_or_else(String::new, |behind| {
                let text = format!("{behind} behind");
                format!(
                    "  {}",
                    if is_late(behind, self.shape.capacity) { Look::Doubtful.of(&text) } else { text }
                )
            });
            format!("    {}{behind}", end_of(&end, processes))
        };
        self.ends().into_iter().map(of).collect()
    }
}

fn none() -> String {
    "-".to_owned()
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Channel,
    Kind,
    Rate,
    Bytes,
    Fill,
    Missed,
    Lag,
    Lately,
    Ends,
}

/// In their order, each with its heading, what it is sorted by, and the width of a terminal from which on it
/// is shown.
const COLUMNS: [(Column, &str, Option<Sort>, u16); 9] = [
    (Column::Channel, "CHANNEL", Some(Sort::Name), 0),
    (Column::Kind, "KIND", None, 100),
    (Column::Rate, "RATE", Some(Sort::Rate), 0),
    (Column::Bytes, "BYTES", Some(Sort::Bytes), 80),
    (Column::Fill, "FILL", Some(Sort::Fill), 60),
    (Column::Missed, "MISSED", Some(Sort::Missed), 80),
    (Column::Lag, "LAG", Some(Sort::Lag), 0),
    (Column::Lately, "LATELY", None, 120),
    (Column::Ends, "ENDS", None, 60),
];

/// The lines of the table: headings, then a line a channel and, if they are wanted, one for each of its ends.
/// What a terminal has no room for is left out; the column that is sorted by is not.
pub(super) fn lines(rows: &[&Row], by: Sort, with_ends: bool) -> Vec<String> {
    let width = output::width().unwrap_or(u16::MAX);
    let shown: Vec<_> = COLUMNS
        .iter()
        .filter(|(column, _, sort, least)| {
            (width >= *least || *sort == Some(by)) && !(with_ends && *column == Column::Ends)
        })
        .collect();
    let mut table = output::bare_rows(shown.len());
    let titles = shown.iter().map(|(_, title, sort, _)| {
        let mark = if *sort == Some(by) { "▾" } else { "" };
        Look::Heading.of(&format!("{title}{mark}"))
    });
    let mut header = comfy_table::Row::from(titles);
    header.max_height(1);
    table.set_header(header);
    let mut processes = Processes::default();
    let names_domain = rows.iter().any(|row| row.domain != rows[0].domain);
    for row in rows {
        let cells = shown.iter().map(|(column, ..)| row.cell(*column, names_domain, &mut processes));
        let mut cells = comfy_table::Row::from(cells.collect::<Vec<_>>());
        cells.max_height(1);
        table.add_row(cells);
    }
    let painted = paint(&table.to_string());
    let mut table = painted.lines().map(|line| line.trim_end().to_owned());
    let mut lines: Vec<String> = table.next().into_iter().collect();
    for (line, row) in table.zip(rows) {
        lines.push(line);
        if with_ends {
            lines.extend(row.end_lines(&mut processes).iter().map(|line| paint(line)));
        }
    }
    lines
}

/// What stands above the table.
pub(super) fn summary(rows: &[&Row]) -> String {
    let channels = count(rows.len() as u64, "channel", "channels");
    let dead = rows.iter().flat_map(|row| row.ends()).filter(|(end, _)| !end.is_alive).count();
    match dead {
        0 => channels,
        dead => {
            format!("{channels}, {}", Look::Bad.of(&count(dead as u64, "dead end", "dead ends")))
        }
    }
}

/// How full, as a bar of eight and in percent.
fn bar(fill: f64) -> String {
    let fill = fill.clamp(0.0, 1.0);
    let full = (fill * 8.0).ceil() as usize;
    let text = format!("{}{} {:>3.0}%", "█".repeat(full), "░".repeat(8 - full), fill * 100.0);
    if fill > NEARLY_FULL { Look::Doubtful.of(&text) } else { text }
}

/// Rates as heights, the greatest of them the highest.
fn sparkline(rates: impl Iterator<Item = f64> + Clone) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = rates.clone().fold(f64::MIN_POSITIVE, f64::max);
    rates.map(|rate| HEIGHTS[((rate / most * 7.0).round() as usize).min(7)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_sparklines_are_of_their_share() {
        assert_eq!((bar(0.0), bar(0.5)), ("░░░░░░░░   0%".to_owned(), "████░░░░  50%".to_owned()));
        assert!(bar(7.0).contains("████████") && bar(7.0).contains("100%"));
        assert_eq!(sparkline([0.0, 50.0, 100.0].into_iter()), "▁▅█");
        assert_eq!(sparkline([0.0, 0.0].into_iter()), "▁▁");
    }
}
