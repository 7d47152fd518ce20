//! Processors: their frequency, how many want to run, and where the ends of a channel may.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Advice;

/// The frequency governors of all processors.
pub(super) fn governor(root: &Path) -> Advice {
    let mut governors: BTreeMap<String, u64> = BTreeMap::new();
    let entries = fs::read_dir(root.join("sys/devices/system/cpu"));
    for entry in entries.into_iter().flatten().flatten() {
        if let Ok(governor) = fs::read_to_string(entry.path().join("cpufreq/scaling_governor")) {
            *governors.entry(governor.trim().to_owned()).or_default() += 1;
        }
    }
    if governors.is_empty() {
        return Advice::unknown("governor", "no processor shows its frequency governor; a host may set it");
    }
    let processors: u64 = governors.values().sum();
    let named: Vec<_> = governors.iter().map(|(name, count)| format!("{name} on {count}")).collect();
    let evidence = format!("the governors of {processors} processors: {}", named.join(", "));
    if governors.keys().all(|governor| governor == "performance") {
        return Advice::ok("governor", evidence);
    }
    Advice::new(
        "governor",
        "keep the frequency up: a processor that was slowed down answers late",
        evidence,
        "as root: cpupower frequency-set -g performance".to_owned(),
    )
}

/// How many threads want to run, against the processors that are there.
pub(super) fn load(root: &Path) -> Advice {
    let read = |file: &str| fs::read_to_string(root.join(file)).ok();
    let load = read("proc/loadavg").and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    let online = read("sys/devices/system/cpu/online").and_then(|text| cpus(text.trim()));
    let (Some(load), Some(online)) = (load, online.filter(|online| !online.is_empty())) else {
        return Advice::unknown("processors", "/proc/loadavg or the list of processors cannot be read");
    };
    let online = online.len();
    let evidence =
        format!("in the last minute {load} threads wanted to run, and {online} processors are there");
    if load <= online as f64 {
        return Advice::ok("processors", evidence);
    }
    Advice::new(
        "processors",
        "stop other programs or give processors: an end that waits for one delays its messages",
        evidence,
        "ps -eo pid,comm,pcpu --sort=-pcpu | head".to_owned(),
    )
}

/// The processor that these processes all may run on alone, if there is one.
pub(super) fn shared(root: &Path, pids: &[u32]) -> Option<u32> {
    let allowed = |pid: &u32| {
        let status = fs::read_to_string(root.join(format!("proc/{pid}/status"))).ok()?;
        cpus(status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim())
    };
    let mut only = None;
    for pid in pids {
        match allowed(pid)?.as_slice() {
            [cpu] if only.is_none_or(|only| only == *cpu) => only = Some(*cpu),
            _ => return None,
        }
    }
    only.filter(|_| pids.len() > 1)
}

/// The numbers of a list such as `0-3,6`.
fn cpus(list: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        numbers.extend(first..=last.min(first.saturating_add(1 << 16)));
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::super::machine::tests::root;
    use super::*;

    #[test]
    fn one_slow_governor_is_enough() {
        let file = |cpu| format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
        let (one, two) = (file(0), file(1));
        let of = |governors: [&str; 2]| governor(root(&[(&one, governors[0]), (&two, governors[1])]).path());
        assert_eq!(of(["performance\n", "performance\n"]).state, "ok");
        let found = of(["performance\n", "powersave\n"]);
        assert!(found.state == "advice" && found.evidence.contains("powersave on 1"), "{found:?}");
        assert_eq!(governor(root(&[]).path()).state, "unknown");
    }

    #[test]
    fn the_load_is_compared_with_the_processors() {
        let of = |load| root(&[("proc/loadavg", load), ("sys/devices/system/cpu/online", "0-1,4\n")]);
        assert_eq!(load(of("3.00 1 1 1/1 1\n").path()).state, "ok");
        assert_eq!(load(of("3.01 1 1 1/1 1\n").path()).state, "advice");
        assert_eq!(load(root(&[]).path()).state, "unknown");
    }

    #[test]
    fn processes_share_a_processor_when_each_has_only_that() {
        let status = |list: &str| format!("Name:\tx\nCpus_allowed_list:\t{list}\n");
        let (one, other, any) = (status("3"), status("4"), status("0-3"));
        let root = root(&[
            ("proc/1/status", &one),
            ("proc/2/status", &one),
            ("proc/3/status", &other),
            ("proc/4/status", &any),
        ]);
        assert_eq!(shared(root.path(), &[1, 2]), Some(3));
        for apart in [&[1, 3][..], &[1, 4], &[1], &[1, 9], &[]] {
            assert_eq!(shared(root.path(), apart), None, "{apart:?}");
        }
    }
}
