//! Makes the mistakes of `loom_tests::source_mutants` in a copy of the workspace, builds the models there,
//! and runs for each mistake those that must catch it. Arguments: parts of the names of mistakes, of their
//! files and of their models; none for all.
//!
//! ```text
//! cargo run --release -p loom-tests --example source_mutants -- end/bytes
//! ```

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use loom_tests::source_mutants::{SourceMutant, VARIABLE, all, chooser};

/// Where the chooser goes.
const ROOT_OF_CRATE: &str = "ipc-ring/src/lib.rs";

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned();
    let copy = root.join("target/source_mutants");
    copy_workspace(&root, &copy);
    let built = command(env!("CARGO"), &copy)
        .args(["build", "--quiet", "--release", "-p", "loom-tests", "--example", "model"])
        // Not that of the workspace: the two look the same to cargo.
        .env("CARGO_TARGET_DIR", copy.join("target"))
        // A choice is wrapped in parentheses that may be one pair too many.
        .env("RUSTFLAGS", "--cap-lints=allow")
        .status();
    assert!(built.expect("cargo runs").success(), "the mistakes do not compile, see above");

    let is_wanted = |mutant: &&SourceMutant| {
        let names = || [mutant.name, mutant.file].into_iter().chain(mutant.models.iter().copied());
        wanted.is_empty() || wanted.iter().any(|part| names().any(|name| name.contains(part.as_str())))
    };
    let chosen: Vec<&SourceMutant> = all().filter(is_wanted).collect();
    let mut models: Vec<&str> = chosen.iter().flat_map(|mutant| mutant.models).copied().collect();
    models.sort_unstable();
    models.dedup();
    let sound = run(&copy, &models, None);
    assert!(sound.status.success(), "without a mistake: {}", tail(&sound));

    let mut survivors = 0;
    for mutant in chosen {
        let verdict = verdict(&run(&copy, mutant.models, Some(mutant.name)));
        survivors += u32::from(verdict.is_none());
        println!("{:<88} {}", mutant.name, verdict.as_deref().unwrap_or("SURVIVES"));
    }
    if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Which model failed, and how. `None`: none did.
///
/// # Panics
/// When the models were ended by something else than a failure.
fn verdict(output: &Output) -> Option<String> {
    if output.status.success() {
        return None;
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("panicked at"), "{}: {errors}", output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    let model = said.lines().rfind(|line| line.starts_with("checking ")).unwrap_or("checking nothing");
    let why = errors.lines().skip_while(|line| !line.contains("panicked at")).nth(1).unwrap_or("");
    Some(format!("{}: {}", model.trim_start_matches("checking "), why.trim()))
}

fn tail(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn command(program: impl AsRef<OsStr>, copy: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(copy).env("RUST_BACKTRACE", "0").env_remove(VARIABLE);
    command
}

fn run(copy: &Path, models: &[&str], mistake: Option<&str>) -> Output {
    let mut command = command(copy.join("target/release/examples/model"), copy);
    command.args(models);
    if let Some(mistake) = mistake {
        command.env(VARIABLE, mistake);
    }
    command.output().expect("the models run")
}

/// The files of the workspace that matter to its packages, with all mistakes made. Those that are the same
/// already are left alone, for the builds to come.
fn copy_workspace(root: &Path, copy: &Path) {
    let listed =
        Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root).output();
    let listed = listed.expect("git runs").stdout;
    let mut files: BTreeMap<PathBuf, Vec<u8>> = String::from_utf8(listed)
        .expect("names are text")
        .lines()
        .filter_map(|name| Some((name.into(), fs::read(root.join(name)).ok()?)))
        .collect();
    let mut edit = |name: &str, edit: &dyn Fn(String) -> String| {
        let bytes = files.get_mut(Path::new(name)).expect("a file of the workspace");
        *bytes = edit(String::from_utf8(bytes.clone()).expect("source is text")).into_bytes();
    };
    all().for_each(|mutant| edit(mutant.file, &|text| mutant.mutated(&text)));
    edit(ROOT_OF_CRATE, &|text| text + &chooser());
    for (name, bytes) in files {
        let to = copy.join(name);
        if fs::read(&to).is_ok_and(|old| old == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().expect("a file lies in a folder")).expect("the copy can be written");
        fs::write(to, bytes).expect("the copy can be written");
    }
}
