//! Runs the models of the named parts, the quickest first, until one fails by an assertion. `.ci/mutants`
//! uses it to find out whether a mistake in the source is noticed. Bounds on the number of executions, and
//! states that a model must reach, do not count. The first argument is the size of the largest model that is
//! run; models named after `--` come before the others.
//!
//! ```text
//! cargo run --release -p loom-tests --example kills -- 20000 spsc bytes -- two_laps_capacity_1
//! ```

use std::io::Write as _;
use std::process::ExitCode;

use loom_tests::{
    Model, Mutation, Verdict, broadcast, bytes, call, everybody, latest, leaving, mpmc, payloads, pool,
    readiness, spsc,
};

/// The models of a part.
fn part(name: &str) -> Vec<&'static Model> {
    match name {
        "spsc" => spsc::models().collect(),
        "bytes" => bytes::models().collect(),
        "mpmc" => mpmc::models().collect(),
        "broadcast" => broadcast::models().collect(),
        "latest" => latest::models().collect(),
        "call" => call::models().collect(),
        "pool" => pool::models().collect(),
        "payloads" => payloads::models().collect(),
        "everybody" => everybody::models().collect(),
        "parked" => spsc::parked::MODELS.iter().collect(),
        "interrupted" => spsc::interrupted::MODELS.iter().collect(),
        "readiness" => readiness::MODELS.iter().collect(),
        "leaving" => leaving::MODELS.iter().collect(),
        _ => panic!("no part is called {name}"),
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let most: u64 = arguments.next().and_then(|most| most.parse().ok()).expect("a number of executions");
    let parts: Vec<String> = arguments.by_ref().take_while(|argument| argument != "--").collect();
    let first: Vec<String> = arguments.collect();
    let mut models: Vec<_> =
        parts.iter().flat_map(|name| part(name)).filter(|model| model.min() <= most).collect();
    let rank = |model: &Model| first.iter().position(|name| name == model.name).unwrap_or(first.len());
    models.sort_by_key(|model| (rank(model), model.min()));
    assert!(!models.is_empty(), "no model is that small");
    for model in models {
        // In one line, and before it runs: its name is there even if the process is ended.
        print!("{}: ", model.name);
        std::io::stdout().flush().expect("standard output takes a name");
        match model.check_with(Mutation::Logic("none, but for one in the source")) {
            Verdict::Survived { executions } => println!("{executions} executions"),
            Verdict::Caught { why, .. } => {
                println!("{why}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
