//! The field that has a message's time, its unit, and the clock that it was read from.

use std::ops::ControlFlow;

use ipc_ring::describe::{Description, Scalar, Value};

use super::now;
use crate::cli::looking::{Clock, Unit};
use crate::exit::{Failure, USAGE};

/// A first message is taken for younger than this, in nanoseconds, when its clock is looked for.
const YOUNG: i128 = 3600 * 1_000_000_000;
/// No program reads a clock earlier than this after the machine has started, in nanoseconds: a smaller number
/// counts something else, also on a machine that has just been started.
const FIRST: i128 = 1_000_000_000;
/// By this much a message of one clock may seem to be ahead.
const SLACK: i128 = 1_000_000;
/// Clocks that differ by less than this are as one.
const SAME: i128 = 1_000_000;
const CLOCKS: [Clock; 4] = [Clock::Realtime, Clock::Monotonic, Clock::Boottime, Clock::Tai];

/// A number in the messages.
#[derive(Clone, Debug)]
struct Leaf {
    path: String,
    offset: u32,
    scalar: Scalar,
}

/// How the clock is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Asked,
    ByName,
    ByValue,
}

/// The time of a message.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    path: String,
    number: Leaf,
    /// Nanoseconds behind whole seconds, as ROS has them.
    nanoseconds: Option<Leaf>,
    unit: Unit,
    clock: Option<(Clock, Known)>,
}

impl Stamp {
    /// The field that is asked for, or the first one that is a time by its name; `None` when no field is.
    pub(super) fn find(
        description: &Description,
        path: Option<&str>,
        clock: Option<Clock>,
        unit: Option<Unit>,
    ) -> Result<Option<Stamp>, String> {
        let mut leaves = Vec::new();
        let _ = description.for_each_leaf(|leaf| {
            leaves.push(Leaf { path: leaf.path.to_owned(), offset: leaf.offset, scalar: leaf.scalar });
            ControlFlow::<()>::Continue(())
        });
        let at = |path: &str| leaves.iter().find(|leaf| leaf.path == path).cloned();
        let pair = |path: &str| {
            let nanoseconds = at(&format!("{path}.nanosec")).or_else(|| at(&format!("{path}.nsec")))?;
            Some((at(&format!("{path}.sec"))?, nanoseconds))
        };
        let (path, number, nanoseconds) = match path {
            Some(path) => match (at(path), pair(path)) {
                (Some(number), _) => (path.to_owned(), number, None),
                (None, Some((number, nanoseconds))) => (path.to_owned(), number, Some(nanoseconds)),
                (None, None) => {
                    let paths: Vec<_> = leaves.iter().take(8).map(|leaf| leaf.path.as_str()).collect();
                    return Err(format!(
                        "the messages have no number {path:?}; they have {}",
                        paths.join(", ")
                    ));
                }
            },
            None => {
                let pairs = leaves.iter().filter_map(|leaf| leaf.path.strip_suffix(".sec"));
                let named = pairs
                    .filter_map(|path| pair(path).map(|(one, other)| (path.to_owned(), one, Some(other))));
                let single = leaves.iter().filter(|leaf| is_time(leaf)).cloned();
                let mut found = named.chain(single.map(|leaf| (leaf.path.clone(), leaf, None)));
                match found.next() {
                    Some(found) => found,
                    None => return Ok(None),
                }
            }
        };
        let unit = match (unit, &nanoseconds) {
            (Some(unit), _) => unit,
            (None, Some(_)) => Unit::S,
            (None, None) => unit_of(&number),
        };
        let clock =
            clock.map(|clock| (clock, Known::Asked)).or(clock_of(&path).map(|clock| (clock, Known::ByName)));
        Ok(Some(Stamp { path, number, nanoseconds, unit, clock }))
    }

    /// Finds the clock by the time of a first message, if it is not known by then.
    ///
    /// # Errors
    /// When no clock of this machine, or several, may have been read.
    pub(super) fn settle(&mut self, message: &[u8]) -> Result<(), Failure> {
        if self.clock.is_some() {
            return Ok(());
        }
        let time = self.time(message);
        let is_near = |clock: &Clock| {
            let is_young = |now: i128| (-SLACK..YOUNG).contains(&now.saturating_sub(time));
            time >= FIRST && now(*clock).is_some_and(is_young)
        };
        let near: Vec<Clock> = CLOCKS.into_iter().filter(is_near).collect();
        let apart = |one, other| match (now(one), now(other)) {
            (Some(one), Some(other)) => (one - other).abs() > SAME,
            _ => true,
        };
        let what = format!("{} is {time} ns in the first message", self.path);
        let clock = match near.as_slice() {
            [] => {
                return Err(Failure::new(
                    USAGE,
                    format!("{what}, which is near no clock of this machine: --clock and --unit"),
                ));
            }
            // Atomic time is rare, and differs by less than a minute.
            [Clock::Realtime, ..] => Clock::Realtime,
            [one, other, ..] if apart(*one, *other) => {
                let names = format!("{} and {}", name(*one), name(*other));
                return Err(Failure::new(
                    USAGE,
                    format!("{what}, which may be of the clocks {names}: --clock"),
                ));
            }
            [clock, ..] => *clock,
        };
        self.clock = Some((clock, Known::ByValue));
        Ok(())
    }

    /// The age of a message in nanoseconds; below 0 when its time is ahead of the clock.
    pub(super) fn age(&self, message: &[u8]) -> i128 {
        let now = self.clock.and_then(|(clock, _)| now(clock)).unwrap_or_default();
        // A number with a fraction may be any time at all.
        now.saturating_sub(self.time(message))
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn clock(&self) -> Option<Clock> {
        self.clock.map(|(clock, _)| clock)
    }

    /// What is measured, for people.
    pub(super) fn explain(&self) -> String {
        let unit = match (self.unit, &self.nanoseconds) {
            (_, Some(_)) => "seconds and nanoseconds",
            (Unit::Ns, _) => "nanoseconds",
            (Unit::Us, _) => "microseconds",
            (Unit::Ms, _) => "milliseconds",
            (Unit::S, _) => "seconds",
        };
        let clock = match self.clock {
            Some((clock, Known::Asked)) => name(clock).to_owned(),
            Some((clock, Known::ByName)) => format!("{} by its name", name(clock)),
            Some((clock, Known::ByValue)) => format!("{} by its value in the first message", name(clock)),
            None => "not known yet".to_owned(),
        };
        format!("the field {}: {unit}, clock {clock}", self.path)
    }

    /// In nanoseconds. A message that is shorter than it says has the time 0.
    fn time(&self, message: &[u8]) -> i128 {
        let factor: i128 = match self.unit {
            Unit::Ns => 1,
            Unit::Us => 1_000,
            Unit::Ms => 1_000_000,
            Unit::S => 1_000_000_000,
        };
        let time = match value(&self.number, message) {
            Some(Value::Unsigned(number)) => i128::from(number) * factor,
            Some(Value::Signed(number)) => i128::from(number) * factor,
            // Saturates.
            Some(Value::Single(number)) => (f64::from(number) * factor as f64) as i128,
            Some(Value::Double(number)) => (number * factor as f64) as i128,
            None => 0,
        };
        let more = match self.nanoseconds.as_ref().and_then(|leaf| value(leaf, message)) {
            Some(Value::Unsigned(number)) => i128::from(number),
            Some(Value::Signed(number)) => i128::from(number),
            _ => 0,
        };
        time.saturating_add(more)
    }
}

fn value(leaf: &Leaf, message: &[u8]) -> Option<Value> {
    let begin = leaf.offset as usize;
    leaf.scalar.decode(message.get(begin..begin + leaf.scalar.size() as usize)?)
}

/// The name of a clock, as `--clock` has it.
pub(super) fn name(clock: Clock) -> &'static str {
    match clock {
        Clock::Realtime => "realtime",
        Clock::Monotonic => "monotonic",
        Clock::Boottime => "boottime",
        Clock::Tai => "tai",
    }
}

/// The words of a path, such as `pose`, `time` and `ns` of `pose.time_ns`.
fn words(path: &str) -> impl Iterator<Item = &str> {
    path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

fn is_time(leaf: &Leaf) -> bool {
    let last = leaf.path.rsplit('.').next().unwrap_or_default();
    let is_wide = matches!(leaf.scalar, Scalar::U64 | Scalar::I64 | Scalar::F64);
    let is_said = |word: &str| {
        ["time", "timestamp", "stamp", "at", "sent", "published", "captured", "walltime", "unixtime"]
            .contains(&word)
    };
    is_wide && words(last).any(is_said)
}

/// The unit by the end of the name; nanoseconds otherwise, seconds of a number with a fraction.
fn unit_of(leaf: &Leaf) -> Unit {
    match words(&leaf.path).last() {
        Some("ns" | "nsec" | "nanos" | "nanoseconds") => Unit::Ns,
        Some("us" | "usec" | "micros" | "microseconds") => Unit::Us,
        Some("ms" | "msec" | "millis" | "milliseconds") => Unit::Ms,
        Some("s" | "sec" | "secs" | "seconds") => Unit::S,
        _ if matches!(leaf.scalar, Scalar::F32 | Scalar::F64) => Unit::S,
        _ => Unit::Ns,
    }
}

fn clock_of(path: &str) -> Option<Clock> {
    words(path).find_map(|word| match word {
        "realtime" | "wall" | "walltime" | "unix" | "unixtime" | "utc" | "epoch" => Some(Clock::Realtime),
        "monotonic" | "mono" | "steady" => Some(Clock::Monotonic),
        "boottime" | "boot" => Some(Clock::Boottime),
        "tai" => Some(Clock::Tai),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Stamp {
        Stamp::find(&text.parse().unwrap(), None, None, None).unwrap().expect("a time")
    }

    #[test]
    fn the_field_its_unit_and_its_clock_are_known_by_its_name() {
        let found = stamp("type a size 16 align 8\n0 u64 number\n8 i64 mono_time_us\n");
        assert_eq!(
            (found.path(), found.unit, found.clock()),
            ("mono_time_us", Unit::Us, Some(Clock::Monotonic))
        );
        let message = [0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(found.time(&message), 7000);
        let found = stamp("type a size 8 align 8\n0 f64 stamp\n");
        assert_eq!((found.unit, found.clock()), (Unit::S, None));
        let none = "type a size 8 align 8\n0 u64 number\n".parse().unwrap();
        assert!(Stamp::find(&none, None, None, None).unwrap().is_none());
        assert!(Stamp::find(&none, Some("time"), None, None).unwrap_err().contains("they have number"));
        let asked = Stamp::find(&none, Some("number"), Some(Clock::Tai), Some(Unit::Ms)).unwrap().unwrap();
        assert_eq!((asked.unit, asked.clock()), (Unit::Ms, Some(Clock::Tai)));
    }

    #[test]
    fn seconds_and_nanoseconds_are_one_time() {
        let text = "type a size 8 align 4\n0 t stamp\ntype t size 8 align 4\n0 i32 sec\n4 u32 nanosec\n";
        let found = Stamp::find(&text.parse().unwrap(), None, None, None).unwrap().expect("a time");
        assert_eq!((found.path(), found.time(&[2, 0, 0, 0, 5, 0, 0, 0])), ("stamp", 2_000_000_005));
    }

    #[test]
    fn numbers_that_are_no_time_have_an_age_and_no_clock() {
        for (number, is_ahead) in [(-1e300, false), (1e300, true), (f64::INFINITY, true)] {
            let message = f64::to_le_bytes(number);
            let found = stamp("type a size 8 align 8\n0 f64 unixtime\n");
            assert_eq!(found.age(&message) < 0, is_ahead, "{number}");
            let mut found = stamp("type a size 8 align 8\n0 f64 stamp\n");
            assert!(found.settle(&message).unwrap_err().reason().contains("near no clock"), "{number}");
        }
    }

    #[test]
    fn the_clock_is_the_one_that_is_near() {
        let message = |time: i128| (time as u64).to_le_bytes();
        let settled = |time: i128| {
            let mut found = stamp("type a size 8 align 8\n0 u64 time_ns\n");
            found.settle(&message(time)).map(|()| found.clock())
        };
        let of = |clock, ago: i128| settled(now(clock).unwrap() - ago);
        assert_eq!(of(Clock::Realtime, 1_000_000).unwrap(), Some(Clock::Realtime));
        assert_eq!(of(Clock::Monotonic, 1_000_000).unwrap(), Some(Clock::Monotonic));
        let far = of(Clock::Realtime, 86_400_000_000_000).unwrap_err();
        assert!(far.reason().contains("near no clock"), "{far:?}");
        // A counter, however long the machine has been running.
        for count in [0, 1, 999_999_999] {
            let counter = settled(count).unwrap_err();
            assert!(counter.reason().contains("near no clock"), "{counter:?}");
        }
    }
}
