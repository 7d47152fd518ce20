//! `metrics`: domains and channels in the text format of Prometheus, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use ipc_cli_support::output::{self, say};

use super::http::{self, Answer};
use super::observe::{Observer, channel, meaning};
use super::{domains, lines};
use crate::cli::parts::Where;
use crate::cli::rings::Metrics;
use crate::exit::{DONE, FAILED, Failure, Outcome, complain};

/// A metric: help, type, and its lines of labels and value.
struct Family {
    help: String,
    kind: &'static str,
    values: Vec<(String, u64)>,
}

#[derive(Default)]
struct Exposition(BTreeMap<String, Family>);

pub(crate) fn run(asked: &Metrics) -> Outcome {
    match (&asked.textfile, asked.listen) {
        (_, Some(address)) => serve(address, &asked.place)?,
        (Some(file), None) => write(file, &look(&asked.place)?)?,
        (None, None) => output::bytes(look(&asked.place)?.as_bytes()),
    }
    Ok(DONE)
}

/// Answers until it is interrupted.
fn serve(address: SocketAddr, place: &Where) -> Result<(), Failure> {
    /// The format's own type of content.
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    let server = http::Server::listen(address)?;
    say!("http://{}/metrics", server.address());
    output::flush();
    let answer = |path: &str| match path {
        "/metrics" => match look(place) {
            Ok(text) => Answer::new(200, TEXT, text),
            Err(failure) => {
                complain(failure.reason());
                Answer::new(500, TEXT, format!("{}\n", failure.reason()))
            }
        },
        _ => Answer::new(404, TEXT, "the metrics are at /metrics\n"),
    };
    server.run(answer, || {})
}

/// Everything as it is now.
fn look(place: &Where) -> Result<String, Failure> {
    let mut exposition = Exposition::default();
    for found in domains::find(place)? {
        let domain = [("domain", found.name.as_str())];
        let (alive, dead, _) = found.members();
        exposition.add(
            "ipcr_domain_processes_alive",
            "gauge",
            "members whose process is alive",
            &domain,
            alive as u64,
        );
        exposition.add(
            "ipcr_domain_processes_dead",
            "gauge",
            "members that died and were not swept yet",
            &domain,
            dead as u64,
        );
        let readable = u64::from(found.domain.is_ok());
        exposition.add(
            "ipcr_domain_readable",
            "gauge",
            "1 when the domain could be looked into",
            &domain,
            readable,
        );
        let Ok(observer) = &found.domain else { continue };
        let listing = observer.list()?;
        exposition.add(
            "ipcr_domain_names",
            "gauge",
            "channels and listeners",
            &domain,
            listing.names.len() as u64,
        );
        for info in &listing.names {
            let Some(shape) = channel(info) else { continue };
            let labels = [
                ("domain", found.name.as_str()),
                ("channel", info.name.as_str()),
                ("kind", shape.kind_name()),
            ];
            exposition.add(
                "ipcr_channel_capacity",
                "gauge",
                "slots, bytes of a ring of frames, keys of a table, or blocks of a pool",
                &labels,
                shape.capacity,
            );
            let created =
                shape.created.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
            exposition.add(
                "ipcr_channel_created_seconds",
                "gauge",
                "when the channel was made, in seconds since 1970",
                &labels,
                created,
            );
            for is_alive in [true, false] {
                let mut labels = labels.to_vec();
                labels.push(("alive", if is_alive { "true" } else { "false" }));
                let ends = shape.ends.iter().filter(|end| end.is_alive == is_alive).count() as u64;
                exposition.add("ipcr_channel_ends", "gauge", "ends that are held", &labels, ends);
            }
            // Gone since it was listed, or not for this user: the next look tells.
            let Ok(observer) = Observer::open(observer, &info.name, shape) else { continue };
            for (counter, value) in lines::counters(&observer.sample()) {
                let is_gauge =
                    ["waiting", "high_water", "subscribers", "blocks", "blocks_in_use"].contains(&counter);
                let (kind, suffix) = if is_gauge { ("gauge", "") } else { ("counter", "_total") };
                exposition.add(
                    &format!("ipcr_channel_{counter}{suffix}"),
                    kind,
                    meaning(counter),
                    &labels,
                    value,
                );
            }
        }
    }
    Ok(exposition.text())
}

impl Exposition {
    fn add(&mut self, name: &str, kind: &'static str, help: &str, labels: &[(&str, &str)], value: u64) {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let family = self.0.entry(name.to_owned()).or_insert_with(|| Family {
            help: help.to_owned(),
            kind,
            values: Vec::new(),
        });
        family.values.push((labels.join(","), value));
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, Family { help, kind, values }) in &self.0 {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in values {
                let _ = writeln!(text, "{name}{{{labels}}} {value}");
            }
        }
        text
    }
}

/// A label's value. The format escapes these three; other control characters are made harmless for terminals.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other if other.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// A reader finds the old file or the new one, never a part.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(FAILED, format!("{}: {error}", file.display()));
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let other = file.with_file_name(name);
    let written = std::fs::write(&other, text).and_then(|()| std::fs::rename(&other, file));
    written.map_err(|error| {
        // What could not be made whole goes; the failure is what matters.
        let _ = std::fs::remove_file(&other);
        failed(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_that_of_prometheus() {
        let mut exposition = Exposition::default();
        exposition.add("b_total", "counter", "what", &[("name", "a\"b\\c\nd\u{1b}")], 7);
        exposition.add("a", "gauge", "that", &[], 1);
        exposition.add("a", "gauge", "that", &[("x", "y")], 2);
        let text = "# HELP a that\n# TYPE a gauge\na{} 1\na{x=\"y\"} 2\n# HELP b_total what\n# TYPE b_total counter\n\
                    b_total{name=\"a\\\"b\\\\c\\nd\u{fffd}\"} 7\n";
        assert_eq!(exposition.text(), text);
    }
}
