//! What the two processes of an example share: the types they exchange.
//!
//! Each example is a pair of programs, or a few more, in `examples/examples/`; the comment at the top of each
//! says how to run it, and `README.md` says which to read first. These types could as well be declared in
//! both programs: types match by name, size and alignment, not by the crate they come from.

pub mod file;
pub mod frame;
mod pose;
pub mod robot;
pub mod rpc;
mod tick;

pub use pose::Pose;
pub use tick::Tick;

/// The name under which `lines_server` listens.
pub const LINES: &str = "examples.lines";

/// The result of a program's `main`: any error, printed as it is.
pub type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Runs a program, and prints its error as a sentence instead of as a debug value.
pub fn run(program: &str, main: impl FnOnce() -> Outcome) -> std::process::ExitCode {
    match main() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
