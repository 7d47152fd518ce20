//! `advise`: what makes channels slow or lose messages, with the evidence and what to run against it. Only
//! looks.

mod channels;
mod machine;
mod processors;

use std::path::Path;
use std::time::Instant;

use ipc_cli_support::interrupt;
use ipc_cli_support::output::say;
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use serde::Serialize;

use crate::cli::looking::Advise;
use crate::exit::{DONE, Outcome};
use crate::json;
use crate::units::count;

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Advice {
    /// What was looked at: a part of the machine, or `channel`.
    subject: &'static str,
    /// `advice`, `ok`, or `unknown`: it could not be looked at.
    state: &'static str,
    domain: Option<String>,
    channel: Option<String>,
    /// What was seen.
    evidence: String,
    /// What to do; null when nothing is to be done.
    advice: Option<String>,
    /// What to run; null when nothing is to be done.
    command: Option<String>,
}

impl Advice {
    fn new(subject: &'static str, advice: &str, evidence: String, command: String) -> Advice {
        let (advice, command) = (Some(advice.to_owned()), Some(command));
        Advice { subject, state: "advice", domain: None, channel: None, evidence, advice, command }
    }

    fn without(subject: &'static str, state: &'static str, evidence: String) -> Advice {
        Advice { subject, state, domain: None, channel: None, evidence, advice: None, command: None }
    }

    fn ok(subject: &'static str, evidence: impl Into<String>) -> Advice {
        Advice::without(subject, "ok", evidence.into())
    }

    fn unknown(subject: &'static str, why: impl Into<String>) -> Advice {
        Advice::without(subject, "unknown", why.into())
    }
}

pub(crate) fn run(asked: &Advise) -> Outcome {
    let mut seen = channels::Seen::look(asked)?;
    if !interrupt::sleep_until(Instant::now() + asked.interval) {
        return Ok(DONE);
    }
    seen.look_again();
    let root = Path::new("/");
    let mut found = machine::checks(root, &seen.sizes());
    found.extend(seen.advice(root));
    if asked.format.json {
        found.iter().for_each(|advice| json::line("advice", advice));
        return Ok(DONE);
    }
    for advice in found.iter().filter(|advice| asked.all || advice.state == "advice") {
        tell(advice);
    }
    say!("{}", paint(&summary(&found, asked.all)));
    Ok(DONE)
}

fn tell(advice: &Advice) {
    let look = match advice.state {
        "advice" => Look::Doubtful,
        "ok" => Look::Good,
        _ => Look::Faint,
    };
    let subject = match (&advice.domain, &advice.channel) {
        (Some(domain), Some(channel)) => format!("\"{}\" in \"{}\"", harmless(channel), harmless(domain)),
        _ => advice.subject.to_owned(),
    };
    let line = |what: &str, text: &str| say!("{}", paint(&format!("  {what:<8} {}", harmless(text))));
    let state = look.of(&format!("{:<8}", advice.state));
    match (&advice.advice, &advice.command) {
        (Some(what), Some(command)) => {
            say!("{}", paint(&format!("{state} {}: {}", Look::Heading.of(&subject), harmless(what))));
            line("because", &advice.evidence);
            line("run", command);
        }
        _ => say!("{}", paint(&format!("{state} {subject}: {}", harmless(&advice.evidence)))),
    }
}

fn summary(found: &[Advice], all: bool) -> String {
    let of = |state: &str| found.iter().filter(|advice| advice.state == state).count() as u64;
    let pieces = match of("advice") {
        0 => Look::Good.of("nothing to advise"),
        advice => count(advice, "piece of advice", "pieces of advice"),
    };
    let mut line = format!("{pieces} after {}", count(found.len() as u64, "check", "checks"));
    match of("unknown") {
        0 => {}
        unknown if all => line += &format!(", {unknown} of which could not be made"),
        unknown => line += &format!(", {unknown} of which could not be made; --all names them"),
    }
    line
}
