//! How the program ends: exit codes that scripts can rely on, and the reason on stderr.

use std::process::ExitCode;

use ipc_cli_support::text::harmless;
use ipc_cli_support::{interrupt, output};
use ipc_core::ErrorKind;
use ipc_ring::{AttachError, AttachErrorKind};

/// What was asked for was done.
pub(crate) const DONE: u8 = 0;
/// The kernel refused, or the output could not be written.
pub(crate) const FAILED: u8 = 1;
/// The command line cannot be done; the parser of the command line uses the same number.
pub(crate) const USAGE: u8 = 2;
/// There is no such object, domain or channel.
pub(crate) const NOT_FOUND: u8 = 3;
/// `verify` found a difference, `doctor` a problem.
pub(crate) const DIFFERS: u8 = 4;
/// Nothing was done, because it was not confirmed or is not safe: the object is in use, was changed since it
/// was listed, or more users would get access.
pub(crate) const REFUSED: u8 = 5;

/// The same for people.
pub(crate) const MEANINGS: &str = "\
Exit codes: 0 done; 1 the kernel refused, or the output could not be written; 2 the command line is wrong; 3 there is no such object, \
domain or channel; 4 verify: something differs, doctor: something is wrong; 5 nothing was done, because it was not confirmed or is \
not safe; 128 and its number: ended by a signal.";

/// Why a command did not do what was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    reason: String,
}

/// The exit code of a command.
pub(crate) type Outcome = Result<u8, Failure>;

impl Failure {
    pub(crate) fn new(code: u8, reason: impl Into<String>) -> Failure {
        Failure { code, reason: reason.into() }
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<ipc_core::Error> for Failure {
    fn from(error: ipc_core::Error) -> Failure {
        let code = match error.kind() {
            ErrorKind::NotFound | ErrorKind::Removed => NOT_FOUND,
            ErrorKind::Untrusted => REFUSED,
            ErrorKind::Invalid => USAGE,
            _ => FAILED,
        };
        Failure::new(code, error.to_string())
    }
}

impl From<AttachError> for Failure {
    fn from(error: AttachError) -> Failure {
        let code = match error.kind() {
            AttachErrorKind::NotFound => NOT_FOUND,
            AttachErrorKind::InvalidName { .. } => USAGE,
            _ => FAILED,
        };
        Failure::new(code, error.to_string())
    }
}

/// Says why on stderr, and gives the exit code of the program.
pub(crate) fn end(outcome: Outcome) -> ExitCode {
    let code = match outcome {
        _ if interrupt::came() => interrupt::exit_code(),
        Ok(code) => code,
        Err(failure) => {
            complain(&failure.reason);
            failure.code
        }
    };
    match output::failure() {
        Some(reason) => {
            complain(&reason);
            ExitCode::from(FAILED)
        }
        None => ExitCode::from(code),
    }
}

/// A line on stderr. One that cannot be written is lost: there is nowhere else to say it.
pub(crate) fn complain(reason: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "ipcr: {}", harmless(reason));
}
