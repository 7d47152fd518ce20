//! Makes each mistake of `loom_tests::source_mutants` in a copy of the workspace, and runs the models there
//! that must catch it. Arguments: parts of the names of those to be made; none for all.
//!
//! ```text
//! cargo run --release -p loom-tests --example source_mutants
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use loom_tests::source_mutants::{ALL, SourceMutant};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned();
    let copy = root.join("target/source_mutants");
    copy_workspace(&root, &copy);

    let chosen: Vec<&SourceMutant> = ALL
        .iter()
        .filter(|mutant| wanted.is_empty() || wanted.iter().any(|part| mutant.name.contains(part.as_str())))
        .collect();
    let mut models: Vec<&str> = chosen.iter().flat_map(|mutant| mutant.models).copied().collect();
    models.sort_unstable();
    models.dedup();
    let sound = run(&copy, &models);
    assert!(sound.status.success(), "without a mistake: {}", tail(&sound));

    let mut survivors = 0;
    for mutant in chosen {
        let file = copy.join(mutant.file);
        let text = fs::read_to_string(&file).expect("a file of the workspace");
        assert_eq!(text.matches(mutant.old).count(), 1, "{}: {}", mutant.file, mutant.old);
        fs::write(&file, text.replace(mutant.old, mutant.new)).expect("the copy can be written");
        let output = run(&copy, mutant.models);
        fs::write(&file, text).expect("the copy can be written");
        let verdict = verdict(&output);
        survivors += u32::from(verdict.is_none());
        println!("{:<88} {}", mutant.name, verdict.as_deref().unwrap_or("SURVIVES"));
    }
    if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Which model failed, and how. `None`: none did.
///
/// # Panics
/// When the mistake did not compile.
fn verdict(output: &Output) -> Option<String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("could not compile"), "{errors}");
    if output.status.success() {
        return None;
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let model = said.lines().rfind(|line| line.starts_with("checking ")).unwrap_or("checking nothing");
    let why = errors.lines().skip_while(|line| !line.contains("panicked at")).nth(1).unwrap_or("");
    Some(format!("{}: {}", model.trim_start_matches("checking "), why.trim()))
}

fn tail(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn run(copy: &Path, models: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--release", "-p", "loom-tests", "--example", "model", "--"])
        .args(models)
        .current_dir(copy)
        // Not that of the workspace: the two look the same to cargo.
        .env("CARGO_TARGET_DIR", copy.join("target"))
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("cargo runs")
}

/// The files of the workspace that matter to its packages. Those that are the same already are left alone,
/// for the builds to come.
fn copy_workspace(root: &Path, copy: &Path) {
    let listed =
        Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root).output();
    let listed = listed.expect("git runs").stdout;
    for name in String::from_utf8(listed).expect("names are text").lines() {
        let (from, to): (PathBuf, PathBuf) = (root.join(name), copy.join(name));
        let Ok(bytes) = fs::read(&from) else { continue };
        if fs::read(&to).is_ok_and(|old| old == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().expect("a file lies in a folder")).expect("the copy can be written");
        fs::write(to, bytes).expect("the copy can be written");
    }
}
