//! The machine: limits, barriers, memory.

use std::fs;
use std::path::Path;

use ipc_cli_support::{removal, room};
use ipc_core::{Limit, barrier};

use super::{Advice, processors};
use crate::units::bytes;

/// Channels of this size and more are worth huge pages, where the kernel does not say how large one is.
const HUGE: u64 = 2 << 20;

/// Everything about the machine. `root` is the root directory, `sizes` are those of the channels in bytes.
pub(super) fn checks(root: &Path, sizes: &[u64]) -> Vec<Advice> {
    let mut found = limits();
    found.push(semaphores(Limit::SemaphoresPerSet.value()));
    found.extend(lasting(root));
    found.push(membarrier(barrier::is_supported()));
    found.push(processors::governor(root));
    found.push(processors::load(root));
    found.push(swap(root));
    found.push(huge_pages(root, sizes));
    found
}

fn limits() -> Vec<Advice> {
    let counted =
        [Limit::Segments, Limit::SegmentPages, Limit::SemaphoreSets, Limit::Semaphores, Limit::Queues];
    counted
        .into_iter()
        .map(|limit| match (limit.used(), limit.value()) {
            (Some(used), Some(value)) => share(limit, used, value),
            _ => Advice::unknown(
                "limit",
                format!("the kernel does not say how much of {} is used", limit.name()),
            ),
        })
        .collect()
}

fn share(limit: Limit, used: u64, value: u64) -> Advice {
    let evidence = format!("{} ({}): {used} of {value} are used", limit.name(), limit.meaning());
    if (used as f64) < value as f64 * 0.8 {
        return Advice::ok("limit", evidence);
    }
    Advice::new("limit", "raise it before programs fail to start", evidence, limit.how_to_raise().to_owned())
}

fn semaphores(allowed: Option<u64>) -> Advice {
    let Some(allowed) = allowed else {
        return Advice::unknown("semaphores", "the kernel does not say how many a set may have");
    };
    let allowed = u32::try_from(allowed).unwrap_or(u32::MAX);
    let evidence = match room::of(allowed) {
        Some(room) => format!(
            "a set may have {allowed} semaphores, so a domain has room for {} processes and {} ends",
            room.processes, room.ends
        ),
        None => format!("a set may have {allowed} semaphores, and a domain needs {} at least", room::LEAST),
    };
    if allowed >= room::FULL {
        return Advice::ok("semaphores", evidence);
    }
    let advice = format!("allow {} semaphores in a set: then domains have their full size", room::FULL);
    Advice::new("semaphores", &advice, evidence, Limit::SemaphoresPerSet.how_to_raise().to_owned())
}

fn lasting(root: &Path) -> Vec<Advice> {
    let threats = removal::threats(root);
    if threats.is_empty() {
        return vec![Advice::ok("removal", "nothing here removes objects that are to stay")];
    }
    let of = |threat: String| {
        // The remedy is the last part of the sentence.
        let command =
            threat.rsplit_once("; ").map_or_else(|| threat.clone(), |(_, remedy)| remedy.to_owned());
        Advice::new("removal", "keep the system from removing objects in use", threat, command)
    };
    threats.into_iter().map(of).collect()
}

fn membarrier(is_supported: bool) -> Advice {
    if is_supported {
        return Advice::ok("membarrier", "the kernel has it, so rings need no fences on their hot path");
    }
    Advice::new(
        "membarrier",
        "allow the system call membarrier in the sandbox of the programs",
        "the kernel lacks it, or a sandbox forbids it: each push and pop executes a fence".to_owned(),
        "grep Seccomp: /proc/PID/status (2: a filter decides)".to_owned(),
    )
}

/// Bytes of segments that were swapped out, all users' together.
fn swap(root: &Path) -> Advice {
    let Ok(text) = fs::read_to_string(root.join("proc/sysvipc/shm")) else {
        return Advice::unknown("swap", "/proc/sysvipc/shm cannot be read");
    };
    let mut lines = text.lines();
    let titles = lines.next().unwrap_or_default();
    let Some(column) = titles.split_whitespace().position(|title| title == "swap") else {
        return Advice::unknown("swap", "/proc/sysvipc/shm has no column swap");
    };
    let swapped = |line: &str| line.split_whitespace().nth(column)?.parse::<u64>().ok();
    let sizes: Vec<u64> = lines.filter_map(swapped).filter(|swapped| *swapped > 0).collect();
    if sizes.is_empty() {
        return Advice::ok("swap", "no segment is swapped out");
    }
    let evidence = format!("{} of {} segments are swapped out", bytes(sizes.iter().sum()), sizes.len());
    Advice::new(
        "swap",
        "keep shared memory out of swap: a message in a swapped page takes milliseconds",
        evidence,
        "as root: sysctl -w vm.swappiness=1, then swapoff -a && swapon -a".to_owned(),
    )
}

/// Transparent huge pages of shared memory. Channels are not made of reserved ones.
fn huge_pages(root: &Path, sizes: &[u64]) -> Advice {
    const FILE: &str = "sys/kernel/mm/transparent_hugepage/shmem_enabled";
    let read = |file: &str| fs::read_to_string(root.join(file)).ok();
    let page = read("sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
    let page = page.and_then(|text| text.trim().parse().ok()).unwrap_or(HUGE);
    let large: Vec<u64> = sizes.iter().copied().filter(|size| *size >= page).collect();
    if large.is_empty() {
        return Advice::ok("huge pages", format!("no channel has the {} of one", bytes(page)));
    }
    let total = large.iter().sum::<u64>();
    let Some(setting) = read(FILE) else {
        return Advice::unknown("huge pages", format!("/{FILE} cannot be read"));
    };
    let chosen = setting.split(['[', ']']).nth(1).unwrap_or_default();
    let evidence =
        format!("shmem_enabled is {chosen}; {} channels have {} together", large.len(), bytes(total));
    if ["always", "within_size", "force"].contains(&chosen) {
        return Advice::ok("huge pages", evidence);
    }
    Advice::new(
        "huge pages",
        "let shared memory have huge pages: large channels then miss the TLB less",
        format!("{evidence}: {} pages of 4 KiB", total / 4096),
        format!("as root: echo within_size > /{FILE}; then start the programs anew"),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A root directory with these files.
    pub(in crate::rings::advise) fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn what_is_as_it_should_be_gives_no_advice_and_what_cannot_be_read_is_unknown() {
        assert_eq!(share(Limit::Segments, 79, 100).state, "ok");
        assert_eq!(share(Limit::Segments, 80, 100).state, "advice");
        assert_eq!(semaphores(Some(32000)).state, "ok");
        assert_eq!(semaphores(None).state, "unknown");
        assert!(semaphores(Some(250)).evidence.contains("49 processes"));
        assert!(semaphores(Some(20)).evidence.contains("needs 44"));
        assert_eq!((membarrier(true).state, membarrier(false).state), ("ok", "advice"));
        let empty = root(&[]);
        assert_eq!((swap(empty.path()).state, lasting(empty.path())[0].state), ("unknown", "ok"));
    }

    #[test]
    fn swapped_segments_are_added_up() {
        let table = "key shmid size rss swap\n 0 1 4096 4096 0\n 0 2 8192 0 8192\n 0 3 4096 0 4096\n";
        let found = swap(root(&[("proc/sysvipc/shm", table)]).path());
        assert!(found.state == "advice" && found.evidence.starts_with("12.0 KiB of 2 segments"), "{found:?}");
        let table = table.replace("8192\n", "0\n").replace("0 4096\n", "0 0\n");
        assert_eq!(swap(root(&[("proc/sysvipc/shm", &table)]).path()).state, "ok");
    }

    #[test]
    fn a_forced_removal_has_its_remedy() {
        let found = lasting(root(&[("proc/sys/kernel/shm_rmid_forced", "1\n")]).path());
        assert_eq!(found[0].state, "advice");
        assert_eq!(found[0].command.as_deref(), Some("as root: sysctl -w kernel.shm_rmid_forced=0"));
    }

    #[test]
    fn huge_pages_are_for_large_channels() {
        let files = |setting| {
            root(&[
                ("sys/kernel/mm/transparent_hugepage/shmem_enabled", setting),
                ("sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n"),
            ])
        };
        let never = files("always within_size advise [never] deny force\n");
        assert_eq!(huge_pages(never.path(), &[4096, 1 << 20]).state, "ok");
        let found = huge_pages(never.path(), &[4096, 4 << 20]);
        assert!(found.state == "advice" && found.evidence.contains("1024 pages"), "{found:?}");
        let size = files("always [within_size] advise never deny force\n");
        assert_eq!(huge_pages(size.path(), &[4 << 20]).state, "ok");
        assert_eq!(huge_pages(root(&[]).path(), &[4 << 20]).state, "unknown");
    }
}
