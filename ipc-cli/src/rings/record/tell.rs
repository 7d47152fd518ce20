//! What `record` tells of its work.

use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use serde::Serialize;

use super::files::{Done, Written};
use super::form::Form;
use crate::exit::complain;
use crate::json;
use crate::units::{bytes, count};

#[derive(Serialize)]
struct Recording<'a> {
    domain: &'a str,
    channel: &'a str,
    kind: &'a str,
    /// `cdr` or `ipcr/raw`.
    encoding: &'a str,
    /// The name of the schema; null without one.
    schema: Option<&'a str>,
}

#[derive(Serialize)]
struct NotRecorded<'a> {
    domain: &'a str,
    channel: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Recorded<'a> {
    domain: &'a str,
    channel: &'a str,
    messages: u64,
    bytes: u64,
    missed: u64,
}

#[derive(Serialize)]
struct File {
    file: String,
    bytes: u64,
    messages: u64,
}

/// Lines for people or programs; none on a standard output that is the recording itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Teller {
    pub(super) json: bool,
    pub(super) is_silent: bool,
}

impl Teller {
    fn line(self, text: &str) {
        if self.is_silent {
            complain(text);
        } else {
            say!("{}", paint(text));
            output::flush();
        }
    }

    /// Where lines go to stderr, they have no colours.
    fn look(self, look: Look, text: &str) -> String {
        if self.is_silent { text.to_owned() } else { look.of(text) }
    }

    /// A channel is recorded from now on.
    pub(super) fn opened(self, form: &Form) {
        let Form { domain, channel, kind, schema, .. } = form;
        let schema = schema.as_ref().map(|(name, _)| name.as_str());
        if self.json {
            let encoding = form.encoding();
            json::line("recording", &Recording { domain, channel, kind, encoding, schema });
            return output::flush();
        }
        let content = match &form.pool {
            Some(pool) => format!("from pool {pool:?}"),
            None => schema.unwrap_or("bytes, as it is not described").to_owned(),
        };
        self.line(&format!("recording {}: {kind}, {}", named(domain, channel), harmless(&content)));
    }

    /// A channel is not recorded.
    pub(super) fn refused(self, domain: &str, channel: &str, reason: &str) {
        if self.json {
            json::line("not_recorded", &NotRecorded { domain, channel, reason });
            return output::flush();
        }
        let line = format!("not recorded: {}: {}", named(domain, channel), harmless(reason));
        self.line(&self.look(Look::Faint, &line));
    }

    /// A channel cannot be read any further.
    pub(super) fn broken(self, domain: &str, channel: &str, reason: &str) {
        complain(&format!("{} is recorded no further: {reason}", named(domain, channel)));
    }

    /// No process has a channel any more.
    pub(super) fn over(self, domain: &str, channel: &str) {
        complain(&format!("no process has {} any more", named(domain, channel)));
    }

    /// A file is complete.
    pub(super) fn file(self, done: &Done) {
        let file = done.path.to_string_lossy();
        if self.json {
            let (bytes, messages) = (done.bytes, done.messages);
            json::line("file", &File { file: file.into_owned(), bytes, messages });
            return output::flush();
        }
        let messages = count(done.messages, "message", "messages");
        self.line(&format!("{}: {messages}, {}", harmless(&file), bytes(done.bytes)));
    }

    /// What is in the files, and what was missed.
    pub(super) fn totals(self, written: &Written) {
        for (form, tally) in &written.channels {
            let Form { domain, channel, .. } = form;
            if self.json {
                let (messages, bytes, missed) = (tally.messages, tally.bytes, tally.missed);
                json::line("recorded", &Recorded { domain, channel, messages, bytes, missed });
                continue;
            }
            let missed = match tally.missed {
                0 => "missed none".to_owned(),
                missed => self.look(Look::Doubtful, &format!("missed {missed}")),
            };
            let messages = count(tally.messages, "message", "messages");
            self.line(&format!("{}: {messages}, {}, {missed}", named(domain, channel), bytes(tally.bytes)));
        }
    }
}

fn named(domain: &str, channel: &str) -> String {
    format!("\"{}\" in domain \"{}\"", harmless(channel), harmless(domain))
}
