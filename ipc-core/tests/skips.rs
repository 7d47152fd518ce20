//! What cannot run here fails, unless it is allowed by name.

#[path = "common/skip.rs"]
mod skip;

use std::process::{Command, Output};

use skip::{Need, skip};

/// The child's half.
#[test]
fn plays_a_role() {
    if std::env::var("SKIPS_ROLE").is_ok() {
        skip(Need::Ptrace, "not permitted here");
    }
}

fn run(allowed: &str, list: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "plays_a_role"]).env("SKIPS_ROLE", "").env_remove("ALLOW_SKIP");
    if !allowed.is_empty() {
        command.env("ALLOW_SKIP", allowed);
    }
    command.env("SKIPPED_TESTS", list).output().unwrap()
}

#[test]
fn what_cannot_run_fails_unless_it_is_allowed() {
    let list = std::env::temp_dir().join(format!("ipc-core-skips-{}", std::process::id()));
    let list = list.to_str().unwrap();
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = run("", list);
    assert!(!failed.status.success() && text(&failed).contains("ALLOW_SKIP=ptrace"), "{failed:?}");
    assert!(!run("root,cores", list).status.success());
    let unknown = run("ptrace,ptraec", list);
    assert!(!unknown.status.success() && text(&unknown).contains("ptraec"), "{unknown:?}");
    assert!(std::fs::read_to_string(list).is_err(), "nothing was skipped");
    let allowed = run("root, ptrace", list);
    assert!(allowed.status.success(), "{allowed:?}");
    assert!(String::from_utf8_lossy(&allowed.stderr).contains("*** SKIPPED: ptrace: "), "{allowed:?}");
    let skipped = std::fs::read_to_string(list).unwrap();
    std::fs::remove_file(list).unwrap();
    assert!(skipped.starts_with("ptrace: ") && skipped.ends_with("not permitted here\n"), "{skipped}");
}

#[test]
fn a_machine_with_a_toolchain_alone_may_lack_tools_and_its_user_rights() {
    let by_default = |is_privileged| {
        Need::ALL
            .into_iter()
            .filter(move |need| skip::allowed_by_default(*need, is_privileged))
            .map(Need::name)
    };
    assert!(by_default(true).eq(["perl", "python", "util-linux", "tmux", "chromium"]));
    assert!(!by_default(false).any(|name| ["ptrace", "membarrier", "c-compiler"].contains(&name)));
    assert!(by_default(false).any(|name| name == "root"));
}

#[test]
fn names_are_different() {
    for (number, need) in Need::ALL.iter().enumerate() {
        assert!(Need::ALL[..number].iter().all(|other| other.name() != need.name()), "{need:?}");
    }
}
