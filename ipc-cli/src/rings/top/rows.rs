//! The channels that are watched, and what has passed through each between two looks.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use ipc_cli_support::output;
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_ring::control::{ChannelInfo, EndInfo};

use crate::cli::rings::{Sort, Where};
use crate::exit::{Failure, NOT_FOUND};
use crate::rings::domains;
use crate::rings::ls::{end_of, in_order};
use crate::rings::observe::{Observer, Sample, channel};
use crate::rings::rate::Rates;
use crate::sysv::Processes;
use crate::units::{count, scaled};

/// How many rates a sparkline has.
const HISTORY: usize = 16;

/// A channel, attached read-only for as long as it is there.
pub(super) struct Row {
    pub(super) domain: String,
    pub(super) name: String,
    generation: u64,
    shape: ChannelInfo,
    observer: Option<Observer>,
    sample: Sample,
    looked: Instant,
    /// Since the look before; none after the first.
    pub(super) passed: Option<(Rates, Duration)>,
    /// Rates of the last looks, the newest last.
    history: VecDeque<f64>,
    is_seen: bool,
}

/// All channels, by domain and name.
#[derive(Default)]
pub(super) struct Rows(BTreeMap<(String, String), Row>);

impl Rows {
    /// Looks once. A domain that was asked for must be there at first; later it may go and come. Channels
    /// that went are detached: nothing keeps their memory.
    pub(super) fn look(&mut self, place: &Where, at_first: bool) -> Result<(), Failure> {
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
    pub(super) fn sorted(&self, by: Sort) -> Vec<&Row> {
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
        Row {
            domain: domain.to_owned(),
            name: name.to_owned(),
            generation,
            shape: shape.clone(),
            observer,
            sample,
            looked: Instant::now(),
            passed: None,
            history: VecDeque::new(),
            is_seen: true,
        }
    }

    fn look(&mut self, shape: &ChannelInfo) {
        let now = self.observer.as_ref().map(Observer::sample).unwrap_or_default();
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

    /// Prints what passed as a line of JSON.
    pub(super) fn tell(&self) {
        if let Some((rates, passed)) = &self.passed {
            rates.tell(&self.domain, &self.name, *passed, &self.sample, self.shape.capacity);
        }
    }

    fn ends(&self) -> Vec<EndInfo> {
        in_order(&self.shape)
    }

    /// How full it is, from 0 to 1.
    fn fill(&self) -> Option<f64> {
        Some(self.sample.waiting? as f64 / self.shape.capacity.max(1) as f64)
    }

    fn missed(&self) -> Option<u64> {
        self.sample.others.iter().find(|(counter, _)| *counter == "missed").map(|(_, value)| *value)
    }

    fn number(&self, by: Sort) -> Option<f64> {
        let rates = self.passed.as_ref().map(|(rates, _)| rates);
        match by {
            Sort::Rate => rates?.pushed,
            Sort::Bytes => rates?.bytes_pushed,
            Sort::Fill => self.fill(),
            Sort::Missed => self.missed().map(|missed| missed as f64),
            Sort::Name => None,
        }
    }

    /// Its cells, in the order of [`titles`].
    pub(super) fn cells(&self, names_domain: bool, processes: &mut Processes) -> [String; 8] {
        let rate = |by, unit| self.number(by).map_or_else(|| "-".to_owned(), |rate| scaled(rate, unit));
        let ends: Vec<_> = self.ends().iter().map(|end| end_of(end, processes)).collect();
        let name = harmless(&self.name);
        [
            if names_domain { format!("{}/{name}", harmless(&self.domain)) } else { name },
            self.shape.kind_name().to_owned(),
            rate(Sort::Rate, "/s"),
            rate(Sort::Bytes, "B/s"),
            self.fill().map_or_else(|| "-".to_owned(), bar),
            self.missed().map_or_else(
                || "-".to_owned(),
                |missed| {
                    let text = missed.to_string();
                    if missed > 0 { Look::Doubtful.of(&text) } else { text }
                },
            ),
            sparkline(self.history.iter().copied()),
            if ends.is_empty() { "-".to_owned() } else { ends.join(", ") },
        ]
    }
}

/// The headings, with the one that is sorted by marked.
pub(super) fn titles(by: Sort) -> [String; 8] {
    let of = |title: &str, sort| if sort == by { format!("{title}▾") } else { title.to_owned() };
    [
        of("CHANNEL", Sort::Name),
        "KIND".to_owned(),
        of("RATE", Sort::Rate),
        of("BYTES", Sort::Bytes),
        of("FILL", Sort::Fill),
        of("MISSED", Sort::Missed),
        "LATELY".to_owned(),
        "ENDS".to_owned(),
    ]
}

/// The lines of the table: headings, then a line a channel. What a terminal has no room for is left out.
pub(super) fn lines(rows: &[&Row], by: Sort) -> Vec<String> {
    let mut table = output::bare_table([""; 8]);
    let mut header = comfy_table::Row::from(titles(by).map(|title| Look::Heading.of(&title)));
    header.max_height(1);
    table.set_header(header);
    let mut processes = Processes::default();
    let names_domain = rows.iter().any(|row| row.domain != rows[0].domain);
    for row in rows {
        let mut cells = comfy_table::Row::from(row.cells(names_domain, &mut processes));
        cells.max_height(1);
        table.add_row(cells);
    }
    paint(&table.to_string()).lines().map(|line| line.trim_end().to_owned()).collect()
}

/// What stands above the table.
pub(super) fn summary(rows: &[&Row]) -> String {
    let channels = count(rows.len() as u64, "channel", "channels");
    let dead = rows.iter().flat_map(|row| row.ends()).filter(|end| !end.is_alive).count();
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
    if fill > 0.8 { Look::Doubtful.of(&text) } else { text }
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
