//! Runs the named models in their order, until one fails by an assertion; without names, lists all models
//! and the least number of their executions. `.ci/mutants` uses it to find out whether a mistake in the
//! source is noticed. Bounds on the number of executions, and states that a model must reach, do not count;
//! an execution that does not end does.
//!
//! ```text
//! cargo run --release -p loom-tests --example kills -- stream_of_lines two_laps_capacity_1
//! ```

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use loom_tests::{Model, Mutation, Verdict, leaving, runner};

/// Processor time of one execution, which takes a few milliseconds, in hundredths of a second.
const ENDLESS: u64 = 300;

fn main() -> ExitCode {
    let models: BTreeMap<&str, &Model> =
        loom_tests::models().chain(leaving::MODELS).map(|model| (model.name, model)).collect();
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        for (name, model) in models {
            println!("{name} {}", model.min());
        }
        return ExitCode::SUCCESS;
    }
    thread::spawn(end_the_endless);
    for name in names {
        // In one line, and before it runs: its name is there even if the process is ended.
        print!("{name}: ");
        std::io::stdout().flush().expect("standard output takes a name");
        match models[name.as_str()].check_with(Mutation::Logic("none, but for one in the source")) {
            Verdict::Survived { executions } => println!("{executions} executions"),
            Verdict::Caught { why, .. } => {
                println!("{why}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Ends the process when one execution uses the processor for too long.
fn end_the_endless() {
    let mut last = (0, 0);
    loop {
        thread::sleep(Duration::from_millis(100));
        let (begun, used) = (runner::begun(), processor_time());
        if begun != last.0 {
            last = (begun, used);
        } else if used > last.1 + ENDLESS {
            println!("an execution does not end");
            std::process::exit(1);
        }
    }
}

/// Of this process, in hundredths of a second.
fn processor_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("the kernel says what this process is");
    let fields = stat.rsplit(')').next().expect("the name ends").split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}
