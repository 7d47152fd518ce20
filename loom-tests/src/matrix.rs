//! The mutation matrix: runs each mistake against the models until one catches it.

use std::fmt::Write as _;

use crate::{Model, Mutation, Verdict};

/// Runs each mutation against the models, the quickest first, until one fails, and prints a table.
///
/// `survivors` are the mistakes that have no effect, each with the reason.
///
/// # Panics
/// When a mutation survives that is not in the list, or one in the list is caught: the list is then wrong.
pub fn check<'a>(
    title: &str,
    mutations: impl IntoIterator<Item = Mutation>,
    models: impl IntoIterator<Item = &'a Model>,
    survivors: &[(Mutation, &str)],
) {
    let mut models: Vec<&Model> = models.into_iter().collect();
    models.sort_by_key(|model| model.min());
    let mut table = format!("\n{title}\n");
    let mut wrong = Vec::new();
    for mutation in mutations {
        let excuse = survivors.iter().find(|(survivor, _)| *survivor == mutation).map(|(_, reason)| *reason);
        let mut tried = 0;
        let caught = models.iter().find_map(|model| match model.check_with(mutation) {
            Verdict::Caught { why, executions } => Some((model.name, why, tried + executions)),
            Verdict::Survived { executions } => {
                tried += executions;
                None
            }
        });
        let line = match (&caught, excuse) {
            (Some((model, why, executions)), None) => {
                let why = if why.starts_with("deadlock") { "a wake-up is lost" } else { why };
                format!("{model}: {why} (after {executions} executions)")
            }
            (None, Some(reason)) => format!("survives {tried} executions: {reason}"),
            (Some((model, ..)), Some(_)) => {
                wrong.push(format!("{mutation}: listed as harmless, but {model} fails"));
                format!("caught by {model}, WRONGLY LISTED AS HARMLESS")
            }
            (None, None) => {
                wrong.push(format!("{mutation}: no model fails"));
                format!("SURVIVES {tried} executions")
            }
        };
        writeln!(table, "  {:<88}  {line}", mutation.to_string()).expect("writing to a string");
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
