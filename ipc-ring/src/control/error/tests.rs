//! All error messages; `sentences.txt` lists them for reading.

use std::fmt::Write as _;

use super::*;

fn listener() -> ListenerName {
    ListenerName::new("orders", "markets")
}

fn removed() -> ipc_core::Error {
    ipc_core::sem::SemaphoreSet::from_id(ipc_core::sem::SemId::from_raw(-1)).value(0).unwrap_err()
}

/// One error of each kind, what its message must name as found and as expected, and the advice that it must
/// give.
type Sample = (&'static str, String, [&'static str; 3]);

/// The match is for the compiler: if an error is missing here, the code does not compile.
macro_rules! samples {
    (
        $error:ident $(or $attach:ident)?,
        $($variant:ident { $($field:ident: $value:expr),* } => $says:expr;)*
    ) => {{
        fn is_here(error: &$error) {
            match error {
                $($error::$attach(_) => {})?
                $($error::$variant { .. } => {})*
            }
        }
        vec![$({
            let error = $error::$variant { listener: listener() $(, $field: $value)* };
            is_here(&error);
            assert_eq!(format!("{error:?}"), error.to_string());
            (stringify!($variant), error.to_string(), $says)
        }),*]
    }};
}

fn samples() -> [(&'static str, Vec<Sample>); 3] {
    let bind = samples! {
        BindError or Attach,
        AlreadyBound { pid: 7 } => ["made by process 7", "one is expected at a time", "choose another name"];
        IsAChannel {} => ["is a channel", "a name was expected that is free", "choose another name"];
    };
    let connect = samples! {
        ConnectError or Attach,
        NotFound {} => ["no listener", "the server first", "connect_retrying"];
        NotAListener {} => ["is a channel", "not a listener as asked for", "open it as a channel"];
        Refused { reason: Reason::Busy } => ["has refused", "expected to be accepted", "try again later"];
        QueueFull {} => ["a full queue", "room was expected", "calls accept"];
        TimedOut {} => ["has not answered", "an answer was expected", "calls accept"];
        ServerGone {} => ["has gone", "expected to stay", "start it again"];
        Untrusted { uid: 1001 } => ["belongs to user 1001", "was expected whom", "allow that user"];
        Interrupted {} => ["has not answered yet", "was interrupted", "connect again"];
        System { error: removed() } => ["cannot be reached", "removed meanwhile", "connect again"];
    };
    let accept = samples! {
        AcceptError,
        TimedOut {} => ["no new client", "one was expected", "call accept again"];
        Forked {} => ["before a fork", "belongs to the parent", "in the child"];
        Interrupted {} => ["no new client yet", "was interrupted", "call accept again"];
        System { error: removed() } => ["cannot be used", "removed meanwhile", "bind again"];
    };
    [("bind", bind), ("connect", connect), ("accept", accept)]
}

#[test]
fn each_error_names_its_listener_and_says_what_was_found_expected_and_advised() {
    for (call, samples) in samples() {
        for (name, text, says) in samples {
            for part in ["\"orders\"", "\"markets\""].iter().chain(&says) {
                assert!(text.contains(part), "{call}, {name}: {part:?} is missing: {text}");
            }
        }
    }
}

/// An error that arises where the name is unknown gets it from the caller.
#[test]
fn an_error_is_told_its_listener_once() {
    for error in [
        ConnectError::from(removed()),
        ConnectError::from(AttachError::from(AttachErrorKind::Interrupted)),
        ConnectError::TimedOut { listener: ListenerName::default() },
    ] {
        let error = error.about(listener).about(|| ListenerName::new("outer", "outer"));
        let text = error.to_string();
        assert!(text.contains("\"orders\" in domain \"markets\"") && !text.contains("outer"), "{text}");
    }
}

#[test]
fn the_sentences_are_those_of_the_file() {
    let mut sentences = String::new();
    for (call, samples) in samples() {
        for (name, text, _) in samples {
            writeln!(sentences, "{call} {name}\n    {text}").unwrap();
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/control/error/sentences.txt");
    if std::env::var_os("WRITE_SENTENCES").is_some() {
        std::fs::write(path, &sentences).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    for (one, other) in sentences.lines().zip(written.lines()) {
        assert_eq!(one, other, "WRITE_SENTENCES=1 writes the file anew");
    }
    assert_eq!(sentences.len(), written.len());
}
