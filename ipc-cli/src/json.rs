//! Results for programs: one JSON object a line, each with its type and the version of the schema.

use ipc_cli_support::output;
use ipc_cli_support::text::ascii_json;
use serde::Serialize;

/// Raised when a field goes, or changes its meaning or type. New fields and new types of lines come without
/// that.
pub(crate) const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Line<'a, T> {
    schema_version: u32,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

/// Prints one line.
pub(crate) fn line<T: Serialize>(kind: &str, body: &T) {
    match serde_json::to_string(&Line { schema_version: SCHEMA_VERSION, kind, body }) {
        Ok(text) => output::line(format_args!("{}", ascii_json(&text))),
        Err(error) => unreachable!("numbers, texts, lists and structures of them can be written: {error}"),
    }
}
