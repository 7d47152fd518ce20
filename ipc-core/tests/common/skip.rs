//! Tests that need something not every machine allows.
//!
//! What cannot run here fails, unless the environment allows for it by name:
//! `ALLOW_SKIP=ptrace,time-namespace`. Where that is not set, [`allowed_by_default`] defines what may be
//! missing. Skips are reported on standard error, and added to the file that `SKIPPED_TESTS` names, from
//! which `.ci/report-skips` makes a list.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::Write as _;

/// What a test may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// An IPC namespace without objects of others.
    IpcNamespace,
    PidNamespace,
    TimeNamespace,
    /// Tracing one's own children.
    Ptrace,
    /// Becoming other users.
    Root,
    /// Other user ids than one's own in this user namespace.
    Users,
    /// Setting the kernel's limits in an IPC namespace.
    Sysctl,
    Membarrier,
    HugePages,
    LockedMemory,
    /// Core dumps in the working directory.
    Cores,
    CCompiler,
    /// With its modules for these objects.
    Perl,
    /// With its modules for these objects.
    Python,
    /// The tools of util-linux.
    UtilLinux,
    /// A terminal that a program looks at.
    Tmux,
    /// A browser without a window.
    Chromium,
}

impl Need {
    pub const ALL: [Need; 17] = [
        Need::IpcNamespace,
        Need::PidNamespace,
        Need::TimeNamespace,
        Need::Ptrace,
        Need::Root,
        Need::Users,
        Need::Sysctl,
        Need::Membarrier,
        Need::HugePages,
        Need::LockedMemory,
        Need::Cores,
        Need::CCompiler,
        Need::Perl,
        Need::Python,
        Need::UtilLinux,
        Need::Tmux,
        Need::Chromium,
    ];

    /// As `ALLOW_SKIP` has it.
    pub fn name(self) -> &'static str {
        match self {
            Need::IpcNamespace => "ipc-namespace",
            Need::PidNamespace => "pid-namespace",
            Need::TimeNamespace => "time-namespace",
            Need::Ptrace => "ptrace",
            Need::Root => "root",
            Need::Users => "users",
            Need::Sysctl => "sysctl",
            Need::Membarrier => "membarrier",
            Need::HugePages => "huge-pages",
            Need::LockedMemory => "locked-memory",
            Need::Cores => "cores",
            Need::CCompiler => "c-compiler",
            Need::Perl => "perl",
            Need::Python => "python",
            Need::UtilLinux => "util-linux",
            Need::Tmux => "tmux",
            Need::Chromium => "chromium",
        }
    }
}

/// Leaves out what needs something that is missing. The caller then returns.
///
/// # Panics
/// Unless `ALLOW_SKIP` names it, or is not set and it may be missing by default.
#[track_caller]
pub fn skip(need: Need, why: &str) {
    let caller = std::panic::Location::caller();
    leave_out(need, why, &format!("{}:{}", caller.file(), caller.line()));
}

fn leave_out(need: Need, why: &str, place: &str) {
    let name = need.name();
    let allowed = match std::env::var("ALLOW_SKIP") {
        Ok(allowed) => is_allowed(&allowed, need),
        Err(_) => allowed_by_default(need, is_privileged()),
    };
    assert!(
        allowed,
        "this test cannot run without {name}: {why}. Where that is as it must be, ALLOW_SKIP={name} leaves it out"
    );
    let line = format!("{name}: {place}: {why}\n");
    // Past the capture of the test harness.
    let _ = nix::unistd::write(std::io::stderr(), format!("*** SKIPPED: {line}").as_bytes());
    if let Ok(list) = std::env::var("SKIPPED_TESTS") {
        let mut list = std::fs::OpenOptions::new().append(true).create(true).open(list).unwrap();
        list.write_all(line.as_bytes()).unwrap();
    }
}

/// What may be missing on any machine with a Rust toolchain: other languages and tools, and, for an
/// unprivileged user, everything that needs an administrator. Never something that most tests of an algorithm
/// depend on.
pub fn allowed_by_default(need: Need, is_privileged: bool) -> bool {
    match need {
        Need::Perl | Need::Python | Need::UtilLinux | Need::Tmux | Need::Chromium => true,
        Need::Ptrace | Need::Membarrier | Need::CCompiler => false,
        _ => !is_privileged,
    }
}

/// Whether this is a process that may make namespaces and set limits (`CAP_SYS_ADMIN`).
fn is_privileged() -> bool {
    const SYS_ADMIN: u32 = 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(effective.trim(), 16).unwrap() & 1 << SYS_ADMIN != 0
}

/// Whether a list of names, which must all be known, has this one.
fn is_allowed(allowed: &str, need: Need) -> bool {
    let names = || allowed.split(',').map(str::trim).filter(|name| !name.is_empty());
    for name in names() {
        let known = Need::ALL.iter().any(|need| need.name() == name);
        let all: Vec<&str> = Need::ALL.iter().map(|need| need.name()).collect();
        assert!(known, "ALLOW_SKIP names {name:?}, which is none of {}", all.join(", "));
    }
    names().any(|name| name == need.name())
}
