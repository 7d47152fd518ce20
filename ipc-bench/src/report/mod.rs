//! Results for people and for programs.

mod columns;
mod csv;
pub(crate) mod hgrm;
pub(crate) mod html;
mod json;
mod markdown;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod summary;
pub(crate) mod table;

use std::fs;
use std::path::Path;

use crate::cli::Forms;
use crate::result::Results;
use ipc_cli_support::output;

/// Whether stdout has been given to one of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdout {
    Free,
    Taken,
}

/// Writes the files that were asked for.
///
/// # Errors
/// Names the file that could not be written.
pub(crate) fn write_forms(results: &Results, forms: &Forms) -> Result<Stdout, String> {
    let mut stdout = Stdout::Free;
    let mut to = |path: &Option<_>, form: fn(&Results) -> Result<String, String>| {
        path.as_deref().map_or(Ok(()), |path: &Path| {
            if path == Path::new("-") {
                stdout = Stdout::Taken;
            }
            put(path, &form(results)?)
        })
    };
    to(&forms.json, json::text)?;
    to(&forms.csv, csv::text)?;
    to(&forms.md, markdown::text)?;
    to(&forms.html, html::text)?;
    Ok(stdout)
}

/// Writes to a file, or to stdout when it is called `-`.
pub(crate) fn put(path: &Path, text: &str) -> Result<(), String> {
    if path == Path::new("-") {
        output::bytes(text.as_bytes());
        return Ok(());
    }
    fs::write(path, text).map_err(|error| format!("writing {}: {error}", path.display()))
}
