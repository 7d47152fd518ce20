//! Shows the domains and persistent channels of this user, and removes the unused ones.
//!
//! ```text
//! cargo run --example gc -- --dry-run       # what there is, what would be removed, and why
//! cargo run --example gc                    # removes domains whose members were all killed
//! cargo run --example gc -- --persistent    # and persistent channels that no process is attached to, with their messages
//! ```

use std::process::ExitCode;

use examples::{Outcome, run};
use ipc_ring::gc::{Verdict, examine};

const USAGE: &str = "usage: gc [--dry-run] [--persistent]";

fn main() -> ExitCode {
    run("gc", || {
        let (mut dry_run, mut persistent) = (false, false);
        for argument in std::env::args().skip(1) {
            match argument.as_str() {
                "--dry-run" => dry_run = true,
                "--persistent" => persistent = true,
                _ => return Err(USAGE.into()),
            }
        }
        collect(dry_run, persistent)
    })
}

fn collect(dry_run: bool, persistent: bool) -> Outcome {
    let findings = examine()?;
    if findings.is_empty() {
        println!("nothing: this user has no domain and no persistent channel here");
    }
    for finding in findings {
        let wanted = match finding.verdict {
            Verdict::Abandoned => true,
            Verdict::Kept => persistent,
            _ => false,
        };
        let done = match (wanted, dry_run) {
            (false, _) => "kept",
            (true, true) => "would be removed",
            (true, false) if finding.remove()? => "removed",
            (true, false) => "kept, in use by now",
        };
        println!("{done}: {finding}");
    }
    Ok(())
}
