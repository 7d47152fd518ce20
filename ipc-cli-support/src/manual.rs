//! Completion scripts and manual pages, made from the same description as the command line itself.

use std::io;

use clap::Command;
use clap_complete::Shell;

/// The completion script of a program for `shell`.
#[must_use]
pub fn completions(mut program: Command, shell: Shell) -> Vec<u8> {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, name, &mut script);
    script
}

/// The manual page in roff of a program, or of the command with this path of names; `None` when there is no
/// such command.
///
/// # Errors
/// When the page cannot be written.
pub fn page(mut program: Command, names: &[String]) -> io::Result<Option<Vec<u8>>> {
    // Names the commands as they are invoked, prefixed with the program's name.
    program.build();
    let mut described = &program;
    for name in names {
        let Some(command) = described.find_subcommand(name) else { return Ok(None) };
        described = command;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(described.clone()).render(&mut page)?;
    Ok(Some(page))
}
