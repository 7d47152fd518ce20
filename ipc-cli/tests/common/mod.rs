//! Running `ipcr`, in the namespace and with the children that the tests of `ipc-core` have.
#![allow(dead_code, reason = "each test file uses a part")]

#[path = "../../../ipc-core/tests/common/mod.rs"]
pub mod core;
pub mod recording;

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use nix::pty::{Winsize, openpty};
use serde_json::Value;

/// How a run ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

/// The program with arguments separated by spaces; its output captured.
pub fn command(arguments: &str) -> Command {
    command_of(OsStr::new(env!("CARGO_BIN_EXE_ipcr")), arguments)
}

/// The same of another copy of the program.
pub fn command_of(program: &OsStr, arguments: &str) -> Command {
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace()).env_remove("NO_COLOR");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub fn run(arguments: &str) -> Ended {
    end(command(arguments).spawn().expect("it starts"))
}

/// Runs it to its end with something on stdin.
pub fn run_with_input(arguments: &str, input: &str) -> Ended {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    end(child)
}

/// Waits for the end.
pub fn end(child: Child) -> Ended {
    let output = child.wait_with_output().expect("it ends");
    Ended {
        code: output.status.code(),
        output: String::from_utf8(output.stdout).expect("UTF-8"),
        errors: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Runs it, asserts that it did what was asked for, and gives its output.
pub fn done(arguments: &str) -> String {
    let ended = run(arguments);
    assert_eq!(ended.code, Some(0), "{arguments}: {ended:?}");
    ended.output
}

/// Runs it with `--json`, and gives its lines. Each has a type and the version of the schema.
pub fn json(arguments: &str) -> Vec<Value> {
    lines(&done(&format!("{arguments} --json")))
}

/// Lines of JSON.
pub fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(value["schema_version"], 1, "{line}");
            assert!(value["type"].is_string(), "{line}");
            value
        })
        .collect()
}

/// The line of this object.
pub fn object<'a>(lines: &'a [Value], name: &str) -> &'a Value {
    lines.iter().find(|line| line["object"] == name).unwrap_or_else(|| panic!("{name} among {lines:?}"))
}

/// Runs it in a terminal of this many columns and types something. Returns everything that appeared there,
/// and the exit code.
pub fn in_terminal(
    arguments: &str,
    columns: u16,
    typed: &str,
    settings: &[(&str, &str)],
) -> (String, Option<i32>) {
    let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(Some(&size), None).expect("a terminal");
    let side = || Stdio::from(terminal.slave.try_clone().expect("dup"));
    let mut command = command(arguments);
    command.stdin(side()).stdout(side()).stderr(side()).env("TERM", "xterm").envs(settings.iter().copied());
    let mut child = command.spawn().expect("it starts");
    drop((command, terminal.slave));
    let mut master = std::fs::File::from(terminal.master);
    master.write_all(typed.as_bytes()).expect("typed");
    let mut shown = Vec::new();
    // Once the other side has closed, the read returns an error.
    let _ = master.read_to_end(&mut shown);
    (String::from_utf8_lossy(&shown).into_owned(), child.wait().expect("it ends").code())
}

/// The text without colours; asserts that nothing else is there that a terminal acts on.
pub fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        plain.push_str(&rest[..at]);
        let end = rest[at..].find('m').expect("a colour") + at;
        let sequence = &rest[at..=end];
        assert!(
            sequence.starts_with("\x1b[")
                && sequence[2..sequence.len() - 1].bytes().all(|byte| byte.is_ascii_digit() || byte == b';'),
            "{sequence:?} in {text:?}"
        );
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    assert!(
        !plain.contains(|character: char| character.is_control() && !matches!(character, '\n' | '\r')),
        "{plain:?}"
    );
    plain
}
