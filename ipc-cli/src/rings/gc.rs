//! `gc`: what is left of domains and channels, and its removal.

use ipc_cli_support::output::say;
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_ring::gc::{Finding, Verdict, What, examine};
use serde::Serialize;

use crate::cli::rings::Gc;
use crate::exit::{DONE, FAILED, Outcome, REFUSED, complain};
use crate::json;

#[derive(Serialize)]
struct Line<'a> {
    what: &'static str,
    name: Option<&'a str>,
    segment: Option<i32>,
    semaphores: Option<i32>,
    key: String,
    bytes: usize,
    /// One of `in_use`, `kept`, `abandoned`.
    verdict: &'static str,
    evidence: &'a str,
    /// One of `none`, `would_remove`, `removed`, `in_use_by_now`, `failed`.
    outcome: &'static str,
}

pub(crate) fn run(asked: &Gc) -> Outcome {
    let mut code = DONE;
    let findings = examine()?;
    if findings.is_empty() && !asked.format.json {
        say!("Nothing: this user has no domain and no persistent channel in this IPC namespace.");
    }
    for finding in findings {
        let wanted = match finding.verdict {
            Verdict::Abandoned => true,
            Verdict::Kept => asked.persistent,
            _ => false,
        };
        let outcome = match (wanted, asked.yes) {
            (false, _) => "none",
            (true, false) => {
                code = code.max(REFUSED);
                "would_remove"
            }
            (true, true) => match finding.remove() {
                Ok(true) => "removed",
                Ok(false) => "in_use_by_now",
                Err(error) => {
                    complain(&format!("{finding}: not removed: {error}"));
                    code = FAILED;
                    "failed"
                }
            },
        };
        tell(&finding, outcome, asked.format.json);
    }
    if code == REFUSED {
        complain("nothing was removed; --yes removes what would be");
    }
    Ok(code)
}

fn tell(finding: &Finding, outcome: &'static str, for_programs: bool) {
    let (what, name) = match &finding.what {
        What::Domain { name, .. } => ("domain", Some(name.as_str())),
        What::Channel { name, .. } => ("channel", Some(name.as_str())),
        What::HalfDomain { .. } => ("half_domain", None),
        What::Segment { domain } => ("unfinished_channel", Some(domain.as_str())),
        What::Unmarked => ("empty_segment", None),
        _ => ("other", None),
    };
    let verdict = match finding.verdict {
        Verdict::InUse => "in_use",
        Verdict::Kept => "kept",
        Verdict::Abandoned => "abandoned",
        _ => "other",
    };
    if for_programs {
        return json::line(
            "finding",
            &Line {
                what,
                name,
                segment: finding.segment.map(|id| id.as_raw()),
                semaphores: finding.semaphores.map(|id| id.as_raw()),
                key: finding.key.to_string(),
                bytes: finding.bytes,
                verdict,
                evidence: &finding.evidence,
                outcome,
            },
        );
    }
    let said = match (outcome, finding.verdict) {
        ("would_remove", _) => Look::Doubtful.of("would remove"),
        ("removed", _) => Look::Good.of("removed"),
        ("in_use_by_now", _) => Look::Doubtful.of("kept, in use by now"),
        ("failed", _) => Look::Bad.of("failed"),
        (_, Verdict::Kept) => Look::Faint.of("kept (--persistent removes it)"),
        _ => Look::Faint.of("in use"),
    };
    say!("{}", paint(&format!("{said}: {}", harmless(&finding.to_string()))));
}
