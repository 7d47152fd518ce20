//! `delay`: how old messages are when they come, by a time in them or by when the channel was last seen
//! without them.

mod stamp;

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ipc_cli_support::interrupt;
use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_ring::control::NameInfo;
use ipc_ring::latest;
use ipc_ring::observe::{DomainObserver, Tap, TapRead, TapStart};
use serde::Serialize;

use super::observe::channel;
use super::show::find_one;
use super::tail::{State, description, failure, open, state};
use crate::cli::looking::{Clock, Delay};
use crate::exit::{DONE, Failure, Outcome, USAGE, complain};
use crate::json;
use crate::units::{count, span};
use stamp::Stamp;

/// Between two looks for messages: an age includes up to one such pause.
const PAUSE: Duration = Duration::from_micros(100);
/// Between two looks at who has the channel, while no message comes.
const LOOK: Duration = Duration::from_millis(200);

/// Ages above are counted as this: a century, in nanoseconds.
const LONGEST: u64 = 100 * 365 * 24 * 3600 * 1_000_000_000;

/// What an age is measured from.
enum From {
    /// A field of the message.
    Field(Stamp),
    /// The time that the channel has of each value.
    Published,
    /// The last look that found nothing: ages are upper bounds.
    LastSeen,
}

#[derive(Serialize)]
struct Line<'a> {
    domain: &'a str,
    channel: &'a str,
    seconds: f64,
    /// `field`, `published`, or `last_seen`: then the ages are upper bounds.
    from: &'a str,
    field: Option<&'a str>,
    clock: Option<&'static str>,
    messages: u64,
    missed: u64,
    /// Messages whose time lies ahead of the clock; not among the others.
    ahead: u64,
    min_ns: Option<u64>,
    p50_ns: Option<u64>,
    p99_ns: Option<u64>,
    max_ns: Option<u64>,
}

/// What came in an interval.
struct Ages {
    histogram: Histogram<u64>,
    missed: u64,
    ahead: u64,
}

impl Ages {
    fn new() -> Ages {
        let histogram = Histogram::new_with_max(LONGEST, 2).expect("it can have two digits");
        Ages { histogram, missed: 0, ahead: 0 }
    }

    fn add(&mut self, age: i128) {
        if age < 0 {
            self.ahead += 1;
        } else {
            self.histogram.saturating_record(u64::try_from(age).unwrap_or(u64::MAX));
        }
    }

    fn at(&self, quantile: f64) -> Option<u64> {
        (!self.histogram.is_empty()).then(|| self.histogram.value_at_quantile(quantile))
    }
}

pub(crate) fn run(asked: &Delay) -> Outcome {
    let (domain, mut info) = find_one(&asked.channel, &asked.place)?;
    let mut tap = open(&domain, &info, TapStart::Next)?;
    let mut from = source(asked, &info)?;
    let mut ages = Ages::new();
    let (mut began, mut lines) = (Instant::now(), 0);
    let (mut empty, mut looked) = (Instant::now(), Instant::now());
    let mut message = Vec::new();
    let mut is_titled = false;
    while asked.lines.count.is_none_or(|count| lines < count) && !output::is_over() && !interrupt::came() {
        match tap.try_read(&mut message).map_err(|error| failure(&error))? {
            TapRead::Message { .. } => {
                if let From::Field(stamp) = &mut from {
                    stamp.settle(&message)?;
                }
                if !is_titled && !asked.format.json {
                    title(&from);
                }
                is_titled = true;
                ages.add(age(&from, &message, &tap, empty));
                looked = Instant::now();
            }
            // Counted from words that any member can write.
            TapRead::Missed { count } => ages.missed = ages.missed.saturating_add(count),
            TapRead::Nothing => {
                empty = Instant::now();
                if looked.elapsed() >= LOOK {
                    looked = Instant::now();
                    match state(&domain, &info)? {
                        State::Same => {}
                        State::Over => {
                            complain(&format!("no process has channel {:?} any more", info.name));
                            break;
                        }
                        State::Another(new) => {
                            complain(&format!("channel {:?} was made anew", info.name));
                            info = *new;
                            tap = open(&domain, &info, TapStart::Oldest)?;
                            from = source(asked, &info)?;
                            is_titled = false;
                        }
                    }
                }
                std::thread::sleep(PAUSE);
            }
        }
        if began.elapsed() >= asked.lines.interval {
            tell(asked, (&domain, &info), &from, &ages, began.elapsed());
            output::flush();
            (ages, began, lines) = (Ages::new(), Instant::now(), lines + 1);
        }
    }
    Ok(DONE)
}

fn source(asked: &Delay, info: &NameInfo) -> Result<From, Failure> {
    let wrong = |reason: String| Failure::new(USAGE, reason);
    let is_asked = asked.field.is_some() || asked.clock.is_some() || asked.unit.is_some();
    let Some(description) = description(info) else {
        if is_asked {
            let reason = format!("{:?} carries no description that a field could be found by", info.name);
            return Err(wrong(reason));
        }
        return Ok(without_field(info));
    };
    match Stamp::find(&description, asked.field.as_deref(), asked.clock, asked.unit).map_err(wrong)? {
        Some(stamp) => Ok(From::Field(stamp)),
        None if is_asked => Err(wrong(format!("no field of {:?} is a time by its name: --field", info.name))),
        None => Ok(without_field(info)),
    }
}

fn without_field(info: &NameInfo) -> From {
    let is_latest = channel(info).is_some_and(|shape| shape.kind == ipc_ring::raw::Kind::Latest as u32);
    if is_latest { From::Published } else { From::LastSeen }
}

/// Nanoseconds; below 0 for a time ahead of the clock.
fn age(from: &From, message: &[u8], tap: &Tap, empty: Instant) -> i128 {
    match from {
        From::Field(stamp) => stamp.age(message),
        From::Published => {
            i128::from(latest::now_ns()) - i128::from(tap.published_ns().unwrap_or_else(latest::now_ns))
        }
        From::LastSeen => i128::try_from(empty.elapsed().as_nanos()).unwrap_or(i128::MAX),
    }
}

/// The first line: what is measured.
fn title(from: &From) {
    let line = match from {
        From::Field(stamp) => format!("age by {}", harmless(&stamp.explain())),
        From::Published => "age by the time that the writer stores with each value".to_owned(),
        From::LastSeen => {
            "the messages have no time: no one is older than this, for so long ago it was not there yet"
                .to_owned()
        }
    };
    say!("{}", paint(&Look::Faint.of(&line)));
}

fn tell(
    asked: &Delay,
    (domain, info): (&DomainObserver, &NameInfo),
    from: &From,
    ages: &Ages,
    passed: Duration,
) {
    let messages = ages.histogram.len();
    if asked.format.json {
        let stamp = if let From::Field(stamp) = from { Some(stamp) } else { None };
        let name = match from {
            From::Field(_) => "field",
            From::Published => "published",
            From::LastSeen => "last_seen",
        };
        let line = Line {
            domain: domain.name(),
            channel: &info.name,
            seconds: passed.as_secs_f64(),
            from: name,
            field: stamp.map(Stamp::path),
            clock: stamp.and_then(Stamp::clock).map(stamp::name),
            messages,
            missed: ages.missed,
            ahead: ages.ahead,
            min_ns: (messages > 0).then(|| ages.histogram.min()),
            p50_ns: ages.at(0.5),
            p99_ns: ages.at(0.99),
            max_ns: (messages > 0).then(|| ages.histogram.max()),
        };
        return json::line("delay", &line);
    }
    let mut line = count(messages, "message", "messages");
    if let (Some(p50), Some(p99)) = (ages.at(0.5), ages.at(0.99)) {
        let most = if matches!(from, From::LastSeen) { "at most " } else { "" };
        let (p50, p99, max) = (span(p50), span(p99), span(ages.histogram.max()));
        line += &format!(", age {most}p50 {p50}, p99 {p99}, max {max}");
    }
    if ages.ahead > 0 {
        let ahead = format!("{} with a time ahead of the clock", count(ages.ahead, "message", "messages"));
        line += &format!(", {}", Look::Bad.of(&ahead));
    }
    if ages.missed > 0 {
        line += &format!(", {}", Look::Doubtful.of(&format!("missed {}", ages.missed)));
    }
    say!("{}", paint(&line));
}

/// What a clock says now, in nanoseconds.
fn now(clock: Clock) -> Option<i128> {
    use nix::time::{ClockId, clock_gettime};
    let read = |id| {
        let time = clock_gettime(id).ok()?;
        Some(i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec()))
    };
    match clock {
        Clock::Realtime => read(ClockId::CLOCK_REALTIME),
        // That of the machine, as `latest::now_ns` of the programs has it.
        Clock::Monotonic => Some(i128::from(latest::now_ns())),
        Clock::Boottime => read(ClockId::CLOCK_BOOTTIME),
        Clock::Tai => read(ClockId::CLOCK_TAI),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ahead_is_counted_apart_and_the_longest_age_is_a_century() {
        let mut ages = Ages::new();
        [-1, i128::MIN].into_iter().for_each(|age| ages.add(age));
        assert_eq!((ages.ahead, ages.histogram.len()), (2, 0));
        [0, i128::from(u64::MAX) + 1, i128::MAX].into_iter().for_each(|age| ages.add(age));
        assert_eq!((ages.ahead, ages.histogram.len(), ages.histogram.min()), (2, 3, 0));
        assert!(ages.histogram.max() >= LONGEST);
    }
}
