//! The processors of the machine, how two of them are related, and which two to use.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::pin;

/// How the two processors of a run are related.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Placement {
    /// Both processes on one processor.
    SameCpu,
    /// Two hardware threads of one core: they share the first caches.
    Smt,
    /// Two cores under one last-level cache.
    SameLlc,
    /// Two cores of one memory node under different last-level caches.
    CrossLlc,
    /// Two memory nodes.
    CrossNode,
    /// Not pinned: the scheduler decides and may change its mind.
    Unpinned,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Placement::SameCpu => "same-cpu",
            Placement::Smt => "smt",
            Placement::SameLlc => "same-llc",
            Placement::CrossLlc => "cross-llc",
            Placement::CrossNode => "cross-node",
            Placement::Unpinned => "unpinned",
        })
    }
}

/// What `--pin` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pin {
    /// The best pair: two cores under one last-level cache where there are any.
    Auto,
    /// No pinning.
    None,
    /// The first pair found with this relation.
    Placed(Placement),
    /// These two processors: the producer's, the consumer's.
    Cpus(usize, usize),
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Pin, String> {
        Ok(match text {
            "auto" => Pin::Auto,
            "none" => Pin::None,
            "same-cpu" => Pin::Placed(Placement::SameCpu),
            "smt" => Pin::Placed(Placement::Smt),
            "same-llc" => Pin::Placed(Placement::SameLlc),
            "cross-llc" => Pin::Placed(Placement::CrossLlc),
            "cross-node" => Pin::Placed(Placement::CrossNode),
            pair => {
                let cpus: Vec<_> = pair.split(',').map(str::parse).collect();
                match cpus[..] {
                    [Ok(producer), Ok(consumer)] => Pin::Cpus(producer, consumer),
                    _ => {
                        return Err("expected auto, none, same-cpu, smt, same-llc, cross-llc, cross-node \
                                    or two processor numbers like 2,3"
                            .into());
                    }
                }
            }
        })
    }
}

/// The processors of a run and their relation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seats {
    pub(crate) producer: Option<usize>,
    pub(crate) consumer: Option<usize>,
    pub(crate) placement: Placement,
}

/// Finds processors that fit `pin` among those this process may use.
///
/// # Errors
/// No pair fits: a processor that does not exist or is not allowed, or a placement this machine lacks.
pub(crate) fn choose(pin: Pin) -> Result<Seats, String> {
    let allowed = pin::allowed()?;
    let seated = |producer, consumer| Seats {
        producer: Some(producer),
        consumer: Some(consumer),
        placement: placement(producer, consumer),
    };
    match pin {
        Pin::None => Ok(Seats { producer: None, consumer: None, placement: Placement::Unpinned }),
        Pin::Cpus(producer, consumer) => {
            match [producer, consumer].into_iter().find(|cpu| !allowed.contains(cpu)) {
                Some(cpu) => {
                    Err(format!("processor {cpu} is not among those this process may use: {allowed:?}"))
                }
                None => Ok(seated(producer, consumer)),
            }
        }
        Pin::Placed(wanted) => find_pair(&allowed, wanted)
            .map(|(producer, consumer)| seated(producer, consumer))
            .ok_or_else(|| format!("no two of the processors {allowed:?} stand as {wanted}")),
        Pin::Auto => {
            use Placement::{CrossLlc, CrossNode, SameCpu, SameLlc, Smt};
            [SameLlc, CrossLlc, CrossNode, Smt, SameCpu]
                .into_iter()
                .find_map(|wanted| find_pair(&allowed, wanted))
                .map(|(producer, consumer)| seated(producer, consumer))
                .ok_or_else(|| "this process may use no processor at all".into())
        }
    }
}

/// The first pair with the relation `wanted`. Processor 0, which takes most interrupts, comes last where
/// there is a choice.
fn find_pair(allowed: &[usize], wanted: Placement) -> Option<(usize, usize)> {
    let mut cpus = allowed.to_vec();
    if cpus.len() > 2 {
        cpus.sort_by_key(|cpu| (*cpu == 0, *cpu));
    }
    let pairs = cpus.iter().flat_map(|first| cpus.iter().map(move |second| (*first, *second)));
    pairs.into_iter().find(|(first, second)| placement(*first, *second) == wanted)
}

/// The relation of two processors.
pub(crate) fn placement(first: usize, second: usize) -> Placement {
    if first == second {
        Placement::SameCpu
    } else if list(&cpu_file(first, "topology/thread_siblings_list")).contains(&second) {
        Placement::Smt
    } else if node(first) != node(second) {
        Placement::CrossNode
    } else if last_level_sharers(first).contains(&second) {
        Placement::SameLlc
    } else {
        Placement::CrossLlc
    }
}

/// The processors under the same last-level cache; where the kernel does not report it, those of the same
/// package.
fn last_level_sharers(cpu: usize) -> BTreeSet<usize> {
    let caches = (0..10).filter_map(|index| {
        let level = read(&cpu_file(cpu, &format!("cache/index{index}/level")))?.parse::<u32>().ok()?;
        Some((level, list(&cpu_file(cpu, &format!("cache/index{index}/shared_cpu_list")))))
    });
    match caches.max_by_key(|(level, _)| *level) {
        Some((_, sharers)) => sharers,
        None => list(&cpu_file(cpu, "topology/core_siblings_list")),
    }
}

/// The memory node of a processor, where the kernel has nodes.
pub(crate) fn node(cpu: usize) -> Option<usize> {
    let directory = std::fs::read_dir(format!("/sys/devices/system/cpu/cpu{cpu}")).ok()?;
    directory.flatten().find_map(|entry| entry.file_name().to_str()?.strip_prefix("node")?.parse().ok())
}

/// One line on a processor, for the environment.
pub(crate) fn describe(cpu: usize) -> String {
    let number = |file: &str| read(&cpu_file(cpu, file)).unwrap_or_else(|| "?".into());
    format!(
        "cpu {cpu}: core {}, package {}, node {}, threads of its core {}",
        number("topology/core_id"),
        number("topology/physical_package_id"),
        node(cpu).map_or("?".into(), |node| node.to_string()),
        number("topology/thread_siblings_list"),
    )
}

fn cpu_file(cpu: usize, file: &str) -> String {
    format!("/sys/devices/system/cpu/cpu{cpu}/{file}")
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn list(path: &str) -> BTreeSet<usize> {
    read(path).map(|text| parse_list(&text)).unwrap_or_default()
}

/// The kernel's list form, such as `0-3,8`.
pub(crate) fn parse_list(text: &str) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse::<usize>(), last.trim().parse::<usize>()) {
            all.extend(first..=last);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_list("0-2,8"), BTreeSet::from([0, 1, 2, 8]));
        assert_eq!(parse_list(""), BTreeSet::new());
    }

    #[test]
    fn pins_are_read() {
        assert_eq!("2,3".parse(), Ok(Pin::Cpus(2, 3)));
        assert_eq!("smt".parse(), Ok(Pin::Placed(Placement::Smt)));
        assert!("2;3".parse::<Pin>().is_err());
    }

    #[test]
    fn one_processor_is_its_own_neighbour() {
        assert_eq!(placement(0, 0), Placement::SameCpu);
        let seats = choose(Pin::Auto).expect("some processor is allowed");
        assert!(seats.producer.is_some());
    }

    #[test]
    fn a_processor_that_is_not_there_is_refused() {
        assert!(choose(Pin::Cpus(0, 100_000)).is_err());
    }
}
