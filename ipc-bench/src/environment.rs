//! The environment of the measurement: everything that a reader needs to judge the numbers.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::topology::{self, Placement, Seats};

/// The environment of a run. Text fields are empty, lists empty and options null where the machine does not
/// report a value.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Environment {
    pub(crate) date: String,
    pub(crate) cpu_model: String,
    pub(crate) cpu_count: usize,
    pub(crate) microcode: String,
    /// The processors of the producer and the consumer.
    pub(crate) pinned: Option<(usize, usize)>,
    pub(crate) placement: Option<Placement>,
    pub(crate) topology: Vec<String>,
    pub(crate) governor: String,
    pub(crate) smt: String,
    pub(crate) mitigations: BTreeMap<String, String>,
    pub(crate) isolated_cpus: String,
    pub(crate) clock_source: String,
    pub(crate) clock: String,
    pub(crate) clock_cost_ns: f64,
    /// The smallest difference that the clock can show.
    #[serde(default)]
    pub(crate) clock_step_ns: f64,
    pub(crate) transparent_huge_pages: String,
    pub(crate) kernel: String,
    pub(crate) libc: String,
    pub(crate) virtualisation: String,
    pub(crate) container: String,
    pub(crate) ipc_limits: BTreeMap<String, String>,
    /// The load averages at the start.
    pub(crate) load: String,
    pub(crate) rustc: String,
    pub(crate) commit: String,
    pub(crate) version: String,
    /// Programs of others with a real-time policy that were running at the start.
    #[serde(default)]
    pub(crate) real_time: Vec<String>,
    /// What makes the numbers less trustworthy; the same as `doctor` reports.
    pub(crate) warnings: Vec<String>,
    /// Those of the warnings that make the figures of spinning rows meaningless.
    #[serde(default)]
    pub(crate) disturbances: Vec<String>,
}

impl Environment {
    /// Collects the environment. Never fails: what cannot be read stays empty.
    pub(crate) fn observe(clock: Clock, seats: Seats) -> Environment {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let pinned = seats.producer.zip(seats.consumer);
        let mut cpus: Vec<_> = pinned.into_iter().flat_map(|(first, second)| [first, second]).collect();
        cpus.dedup();
        let first = cpus.first().copied().unwrap_or(0);
        Environment {
            date: date(),
            cpu_model: cpuinfo_field(&cpuinfo, "model name"),
            cpu_count: std::thread::available_parallelism().map_or(0, usize::from),
            microcode: cpuinfo_field(&cpuinfo, "microcode"),
            pinned,
            placement: Some(seats.placement),
            topology: cpus.iter().map(|cpu| topology::describe(*cpu)).collect(),
            governor: text(&format!("/sys/devices/system/cpu/cpu{first}/cpufreq/scaling_governor")),
            smt: text("/sys/devices/system/cpu/smt/control"),
            mitigations: directory("/sys/devices/system/cpu/vulnerabilities"),
            isolated_cpus: text("/sys/devices/system/cpu/isolated"),
            clock_source: text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            clock: format!("{:?}, {:.4} ns a tick", clock.source, clock.ns_per_tick),
            clock_cost_ns: (clock.own_cost_ns() * 10.0).round() / 10.0,
            clock_step_ns: (clock.step_ns() * 100.0).round() / 100.0,
            transparent_huge_pages: text("/sys/kernel/mm/transparent_hugepage/enabled"),
            kernel: uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default(),
            libc: libc_version(),
            virtualisation: virtualisation(&cpuinfo),
            container: container(),
            ipc_limits: ipc_limits(),
            load: text("/proc/loadavg"),
            rustc: env!("IPC_BENCH_RUSTC").into(),
            commit: env!("IPC_BENCH_COMMIT").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            real_time: running_real_time(),
            warnings: Vec::new(),
            disturbances: Vec::new(),
        }
    }
}

fn text(path: &str) -> String {
    fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

fn cpuinfo_field(cpuinfo: &str, name: &str) -> String {
    let line = cpuinfo.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

fn directory(path: &str) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(path) else { return BTreeMap::new() };
    let entries = entries.flatten().filter_map(|entry| {
        let value = fs::read_to_string(entry.path()).ok()?;
        Some((entry.file_name().to_string_lossy().into_owned(), value.trim().to_owned()))
    });
    entries.collect()
}

fn ipc_limits() -> BTreeMap<String, String> {
    let mut limits = BTreeMap::new();
    for name in ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni"] {
        limits.insert(name.to_owned(), text(&format!("/proc/sys/kernel/{name}")));
    }
    limits.insert("pipe-max-size".into(), text("/proc/sys/fs/pipe-max-size"));
    limits.insert("mqueue.msg_max".into(), text("/proc/sys/fs/mqueue/msg_max"));
    limits.insert("mqueue.msgsize_max".into(), text("/proc/sys/fs/mqueue/msgsize_max"));
    limits.insert("wmem_max".into(), text("/proc/sys/net/core/wmem_max"));
    limits.insert("unix.max_dgram_qlen".into(), text("/proc/sys/net/unix/max_dgram_qlen"));
    limits
}

fn libc_version() -> String {
    let asked = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let asked = asked.ok().filter(|output| output.status.success());
    let asked = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    asked.unwrap_or_else(|| if cfg!(target_env = "musl") { "musl" } else { "" }.into())
}

fn virtualisation(cpuinfo: &str) -> String {
    let hypervisor = cpuinfo_field(cpuinfo, "flags").split_whitespace().any(|flag| flag == "hypervisor");
    let product = [text("/sys/class/dmi/id/sys_vendor"), text("/sys/class/dmi/id/product_name")].join(" ");
    match (hypervisor, product.trim()) {
        (false, _) => "none seen".into(),
        (true, "") => "virtual machine".into(),
        (true, product) => format!("virtual machine ({product})"),
    }
}

fn container() -> String {
    let marks = [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")];
    let found = marks.iter().find(|(path, _)| fs::exists(path).unwrap_or(false));
    found.map_or_else(|| "none seen".into(), |(_, name)| (*name).into())
}

/// Processes outside the kernel that run now under a real-time policy: no other process gets their
/// processors.
fn running_real_time() -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let found = processes.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let pid = name.parse::<u32>().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // proc(5): after the name in brackets come state (field 3), … flags (9), … policy (41).
        let (name, rest) = stat.rsplit_once(')')?;
        let name = name.split_once('(')?.1;
        let fields: Vec<_> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let kernel_thread = field(9)?.parse::<u64>().ok()? & 0x0020_0000 != 0;
        let real_time = matches!(field(41), Some("1" | "2"));
        (field(3) == Some("R") && real_time && !kernel_thread).then(|| format!("{name} (process {pid})"))
    });
    found.collect()
}

/// The date and time in UTC, without a library: days since 1970 turned into a civil date.
fn date() -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, seconds) = (now / 86_400, now % 86_400);
    // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_the_system() {
        let system = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M"]).output().expect("date exists");
        let (before, ours) = (String::from_utf8_lossy(&system.stdout).trim().to_owned(), date());
        assert!(ours.starts_with(&before) || ours > before, "{ours} against {before}");
        assert_eq!(ours.len(), 20);
    }
}
