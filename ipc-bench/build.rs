//! Notes the compiler and the commit, for the environment block of the results.

use std::process::Command;

fn main() {
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    println!("cargo::rustc-env=IPC_BENCH_RUSTC={}", first_line(&compiler, &["--version"]));
    println!("cargo::rustc-env=IPC_BENCH_COMMIT={}", first_line("git", &["describe", "--always", "--dirty"]));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
}

/// The first line of a command's output; empty when it cannot be run.
fn first_line(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}
