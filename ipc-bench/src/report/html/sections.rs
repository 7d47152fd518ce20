//! The parts of the page that are text and tables.

use std::fmt::Write;

use super::escape;
use crate::report::{summary, table};
use crate::result::Results;
use crate::workload::Workload;

/// Title, machine, and the plain sentences.
pub(super) fn opening(results: &Results) -> String {
    let mut text = format!(
        "<h1>Messages between processes on one machine</h1>\n<p class=\"soft\">{}<br>{}</p>\n",
        escape(&table::machine(results)),
        escape(&results.environment.date)
    );
    let sentences = summary::sentences(&results.rows, &results.environment.disturbances);
    for sentence in sentences {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "<p class=\"lead\">{}</p>", escape(&sentence));
    }
    let _ = writeln!(
        text,
        "<p>Made by <code>{}</code>, version {}, commit {}. The same command on your machine gives your numbers.</p>",
        escape(&results.command),
        escape(&results.environment.version),
        escape(&results.environment.commit)
    );
    text
}

/// What makes the numbers less reliable.
pub(super) fn warnings(results: &Results) -> String {
    let warnings = &results.environment.warnings;
    if warnings.is_empty() {
        return String::new();
    }
    let items: String = warnings.iter().map(|warning| format!("<li>{}</li>\n", escape(warning))).collect();
    format!("<div class=\"warnings\"><strong>Read with care</strong>\n<ul>\n{items}</ul>\n</div>\n")
}

/// The rows of a workload in words.
pub(super) fn findings(results: &Results, workload: Workload) -> String {
    let sentences = if workload == Workload::Load { summary::knees(&results.rows) } else { Vec::new() };
    let items: String = sentences.iter().map(|text| format!("<li>{}</li>\n", escape(text))).collect();
    if items.is_empty() { items } else { format!("<ul>\n{items}</ul>\n") }
}

/// The numbers of a workload.
pub(super) fn table(results: &Results, workload: Workload) -> String {
    let rows = table::sorted(results, workload);
    let (header, lines) = table::text(workload, &rows);
    let header: String = header.iter().map(|name| format!("<th>{}</th>", escape(name))).collect();
    let mut text = format!("<div class=\"scroll\"><table>\n<tr>{header}</tr>\n");
    let mut last = None;
    for (row, cells) in rows.iter().zip(lines) {
        let group = (row.size_bytes, row.wait);
        let class = if last.is_some_and(|last| last != group) { " class=\"group\"" } else { "" };
        last = Some(group);
        let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        let _ = writeln!(text, "<tr{class}>{cells}</tr>");
    }
    text + "</table></div>\n"
}

/// Rows without figures, and why.
pub(super) fn failures(results: &Results) -> String {
    let mut items = String::new();
    for row in &results.rows {
        if let Some(error) = &row.error {
            let _ = writeln!(items, "<li>{}</li>", escape(&format!("{}: {error}", row.what())));
        }
    }
    if items.is_empty() {
        return items;
    }
    format!("<section>\n<h2>Without figures</h2>\n<ul>\n{items}</ul>\n</section>\n")
}

/// How it was measured.
pub(super) fn method() -> String {
    "<section>\n<h2>How it was measured</h2>\n\
     <p>Separate processes: two, each pinned to a processor unless said otherwise; in a fan several, which share the two \
     processors; threads of one process only where a row says so. Every row is measured in several \
     rounds, in turn with the other rows, each round in fresh processes; the median of the rounds is shown. The first \
     part of each round is not counted. Every message is written whole by the sender, copied by both sides, and its \
     number and checksum are checked; a row that lost, repeated, reordered or damaged one message has no figures. \
     The floors (cache-line, flag-ring, index-ring, memcpy, clock) do the least that is possible and give no safety; \
     they show what the machine itself allows.</p>\n</section>\n"
        .into()
}

/// Where the numbers were made.
pub(super) fn environment(results: &Results) -> String {
    let value = serde_json::to_value(&results.environment).unwrap_or_default();
    let mut rows = String::new();
    for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| *name != "warnings") {
        let value = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Object(map) => {
                let pairs: Vec<_> = map
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or("?")))
                    .collect();
                pairs.join("; ")
            }
            serde_json::Value::Array(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| item.as_str().map_or_else(|| item.to_string(), Into::into))
                    .collect();
                items.join("; ")
            }
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        };
        if !value.is_empty() {
            let name = name.replace('_', " ");
            let _ = writeln!(rows, "<tr><th>{}</th><td>{}</td></tr>", escape(&name), escape(&value));
        }
    }
    format!(
        "<section>\n<h2>Where it was measured</h2>\n<div class=\"scroll\"><table class=\"facts\">\n{rows}</table></div>\n</section>\n"
    )
}
