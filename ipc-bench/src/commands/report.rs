//! `report`: other forms of a result file.

use std::process::ExitCode;

use super::{RUN_TIME_ERROR, USAGE, fail};
use crate::against;
use crate::cli;
use crate::report::{self, html};
use crate::result::Results;

/// Writes the forms asked for; the table when none is.
pub(crate) fn run(asked: &cli::Report) -> ExitCode {
    let read = Results::read(&asked.results).and_then(|mut results| {
        let reference = asked.reference.against.as_deref();
        reference.map_or(Ok(()), |reference| against::relate(&mut results.rows, reference))?;
        Ok(results)
    });
    let results = match read {
        Ok(results) => results,
        Err(reason) => return fail(USAGE, &reason),
    };
    let plots = asked.svg.as_deref().map_or(Ok(()), |folder| html::write_plots(&results, folder));
    let written = plots.and_then(|()| report::write_forms(&results, &asked.forms));
    match written {
        Ok(report::Stdout::Free) if asked.forms.none() && asked.svg.is_none() => {
            report::table::print(&results);
            report::summary::print(&results);
            ExitCode::SUCCESS
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(reason) => fail(RUN_TIME_ERROR, &reason),
    }
}
