//! Every sentence there is, in `sentences.txt` for reading.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use ipc_describe::{Difference, Problem};

use super::scene::{Creator, Elsewhere, Types};
use super::{AttachError, AttachErrorKind, FrameTooLarge, Missed, PeerExit, PopError, PushError};
use crate::broadcast::Mode;
use crate::message::Fingerprint;
use crate::ring::spsc::Corruption;

/// A kind, what its sentence must say was found and expected, and what it must advise.
struct Sample {
    kind: AttachErrorKind,
    says: &'static [&'static str],
}

/// One sample of each kind. The match is there for the compiler: a kind that is forgotten here is an error.
macro_rules! samples {
    ($($variant:ident $({ $($field:ident: $value:expr),* })? $(($inner:expr))? => $says:expr;)*) => {
        fn samples() -> Vec<Sample> {
            #[allow(unreachable_patterns)]
            fn is_here(kind: &AttachErrorKind) {
                match kind {
                    $(AttachErrorKind::$variant { .. } => {})*
                }
            }
            let samples =
                vec![$(Sample { kind: AttachErrorKind::$variant $({ $($field: $value),* })? $(($inner))?, says: &$says }),*];
            samples.iter().for_each(|sample| is_here(&sample.kind));
            samples
        }
    };
}

samples! {
    NotFound => ["no channel", "start its creator", "user 1001 has a domain of this name", "Domain::open_shared",
        "ipc:[4026531839]", "its creator is user 1002"];
    AlreadyExists => ["exists already, made by process 4194305 of user 1001", "new one was asked for", "open it"];
    InvalidName { name: "a\0b".to_owned(), most: 120 } => ["a\\0b", "1 to 120 bytes", "choose another"];
    EndTaken { pid: 4194306 } => ["living producer already, process 4194306", "expects one at a time", "end its process"];
    Closed => ["is closed", "an open one was expected", "create the channel"];
    NotARing { found: 0xabc } => ["0x0000000000000abc", "expected 0x", "ipcrm"];
    ReadOnly => ["attached read-only", "each end stores into it", "attach it for reading and writing"];
    TooSmall { found: 100, needed: 256 } => ["100 bytes", "needs 256", "provide more"];
    Version { found: 7, expected: 2 } => ["layout version 7", "expects version 2", "build both programs"];
    NotReady => ["not finished", "a finished one was expected", "try again"];
    Kind { found: 2, expected: 1 } => ["is bytes, made by process", "not spsc as asked for", "open it by ipc_ring::bytes"];
    ElementSize { found: (24, 8), expected: (16, 4) } => ["`Tick`", "24 bytes aligned to 8", "`Quote`", "16 bytes aligned to 4",
        "declare the same type"];
    ElementType { found: Fingerprint::of::<u64>(), expected: Fingerprint::of::<i64>() } => ["`Tick`", "`Quote`", "fingerprint",
        "`type_name`"];
    Fields { difference: Difference::Type { path: "price".to_owned(), found: "f64".to_owned(), expected: "i64".to_owned() } } =>
        ["`Tick`", "`Quote`", "field `price` is f64, expected i64", "declare the same fields"];
    Description { line: 2, found: Some("0 u64 id".to_owned()), expected: None } => ["line 2 is \"0 u64 id\"",
        "this end expects no such line", "describe them alike"];
    InvalidDescription { reason: "it is not UTF-8".to_owned() } => ["it is not UTF-8", "canonical text is expected", "create it again"];
    NotDescribed => ["without a description", "expects one that begins with its type `Quote`", "call `described`"];
    Undescribable { problem: Problem::Empty } => ["given the description asked for here", "a valid one is expected", "change the type"];
    Unspecified { what: "kind and elements" } => ["is expected to name its kind and elements", "this builder does not", "call `kind`"];
    Geometry { capacity: 8, stride: 16, total_size: 128, memory: 64 } => ["8 slots of 16 bytes, 128 bytes in all",
        "in memory of 64 bytes", "expected to agree", "create it again"];
    Capacity { found: 8, expected: 4 } => ["made by process 4194305 of user 1001 with a capacity of 8 slots", "this end asks for 4",
        "ask for 8, or for none"];
    Generation { found: 8, expected: 9 } => ["generation 8", "expected 9", "open it again"];
    SelfEviction => ["this process", "another process was expected", "drop its ends"];
    KeyTaken { key: 0x1234 } => ["key 0x00001234", "made by process 4194305 of user 1001", "choose another name"];
    NotKept => ["kernel.shm_rmid_forced is 1", "would have to be 0", "sysctl"];
    Mode { found: Mode::Gated, expected: Mode::Lossy } => ["made gated by process", "asks for lossy", "ask for gated"];
    Lifetime { found: crate::Lifetime::Ephemeral, expected: crate::Lifetime::Persistent } => [
        "made by process 4194305 of user 1001 as Lifetime::Ephemeral", "asks for Lifetime::Persistent", "ask for Lifetime::Ephemeral"];
    Barrier { found: crate::Barrier::Asymmetric, expected: crate::Barrier::Fence } => [
        "made by process 4194305 of user 1001 with Barrier::Asymmetric", "asks for Barrier::Fence", "ask for Barrier::Asymmetric"];
    StalePosition { saved: 1, channel: 2 } => ["generation 2", "saved in generation 1", "start at another place"];
    NoSuchPosition { sequence: 77 } => ["number 77", "never had", "start at another place"];
    TooLarge { capacity: 0, most: 1024, element_size: 8 } => ["capacity of 0 slots", "1 to 1024", "choose another"];
    BadClasses { reason: "a class has no blocks" } => ["a class has no blocks", "up to 16 classes", "choose"];
    Classes { found: vec![(64, 4)], expected: vec![(128, 4)] } => ["[(64, 4)]", "asks for [(128, 4)]", "ask for the same"];
    DomainFull { what: "subscribers of one channel", limit: 256 } => ["room for 256 subscribers of one channel, all of them taken",
        "one more is needed", "drop or end some"];
    LockTimeout { waited: Duration::from_secs(5), holder: Some(4194307) } => ["within 5.0s", "process 4194307", "expected to hold it",
        "let it go on, or end it"];
    NotADomain { reason: "its tables have other sizes" } => ["its tables have other sizes", "expects", "build all programs"];
    Corrupt(Corruption { word: "head", position: 7, found: 9 }) => ["the head held 0x9 at position 7", "never writes",
        "create it again"];
    NoMembarrier => ["membarrier", "refuses", "Barrier::Fence"];
    UnknownClock => ["clock", "time namespace", "open the domain before"];
    Forked => ["before a fork", "belongs to the parent", "open the channel again in the child"];
    Interrupted => ["was interrupted", "not opened", "call it again"];
    System(ipc_core::Error::interrupted("semop")) => ["semop", "interrupted"];
}

fn with_everything(kind: AttachErrorKind) -> AttachError {
    AttachError::from(kind)
        .in_channel("md.ticks")
        .in_domain("markets")
        .in_words("producer", "slots")
        .made_by(|| Some(Creator { pid: Some(4_194_305), uid: 1001 }))
        .with_types(|| Types { found: Some("Tick".to_owned()), expected: Some("Quote".to_owned()) })
        .looked_elsewhere(|| Elsewhere {
            users: vec![1001],
            refused: Some("its creator is user 1002".to_owned()),
            namespace: Some("ipc:[4026531839]".to_owned()),
        })
}

#[test]
fn each_kind_names_channel_and_domain_and_says_what_was_found_expected_and_advised() {
    for Sample { kind, says } in samples() {
        let name = format!("{kind:?}");
        let error = with_everything(kind);
        let text = error.to_string();
        for part in ["\"markets\""].iter().chain(says) {
            assert!(text.contains(part), "{name}: {part:?} is missing: {text}");
        }
        assert!(text.contains("\"md.ticks\"") || name.starts_with("InvalidName"), "{name}: {text}");
        assert_eq!((error.channel(), error.domain()), (Some("md.ticks"), Some("markets")));
        let boxed: Box<dyn Error> = Box::new(error);
        assert_eq!(format!("{boxed:?}"), text, "a program that returns it from main prints the sentence");
    }
}

#[test]
fn what_is_known_first_is_kept() {
    let error = with_everything(AttachErrorKind::Closed)
        .in_channel("outer")
        .in_domain("outer")
        .in_words("end", "things")
        .made_by(|| None)
        .to_string();
    assert!(!error.contains("outer") && error.contains("producer"), "{error}");
}

#[test]
fn little_is_known_of_a_ring_without_a_channel_and_the_sentence_is_one_all_the_same() {
    for Sample { kind, .. } in samples() {
        let error = AttachError::from(kind);
        assert_eq!((error.channel(), error.domain()), (None, None));
        let text = error.to_string();
        let gaps = ["  ", " :", " ,", ", made,", ", made:"];
        assert!(text.len() > 30 && gaps.iter().all(|gap| !text.contains(gap)), "{text}");
    }
}

/// One of each; the list is complete, since `is_retryable` has a match without a wildcard.
fn pops() -> Vec<(PopError, bool)> {
    let corruption = Corruption { word: "head", position: 7, found: 9 };
    vec![
        (PopError::Empty, true),
        (PopError::Busy { pid: 4_194_304 }, true),
        (PopError::Missed(Missed { count: 3 }), true),
        (PopError::TimedOut, true),
        (PopError::Closed, false),
        (PopError::PeerGone(PeerExit::NeverAttached), false),
        (PopError::PeerGone(PeerExit::Detached), false),
        (PopError::PeerGone(PeerExit::Died { pid: 4_194_304 }), false),
        (PopError::PeerGone(PeerExit::All), false),
        (PopError::BufferTooSmall { needed: 100 }, false),
        (PopError::Corrupt(corruption), false),
        (PopError::Forked, false),
        (PopError::Interrupted, true),
        (PopError::System(ipc_core::Error::interrupted("semop")), false),
    ]
}

fn pushes() -> Vec<(PushError<u8>, bool)> {
    let corruption = Corruption { word: "tail", position: 7, found: 9 };
    let system = || ipc_core::Error::interrupted("semop");
    vec![
        (PushError::Full(1), true),
        (PushError::Busy(1, 4_194_304), true),
        (PushError::TimedOut(1), true),
        (PushError::Closed(1), false),
        (PushError::PeerGone(1, PeerExit::Died { pid: 4_194_304 }), false),
        (PushError::TooLarge(1, FrameTooLarge { len: 100, limit: 32 }), false),
        (PushError::Corrupt(1, corruption), false),
        (PushError::Forked(1), false),
        (PushError::Interrupted(1), true),
        (PushError::NotWoken(1, system()), false),
        (PushError::System(1, system()), false),
    ]
}

#[test]
fn whether_a_call_may_be_made_again_is_said_by_its_error() {
    for (error, retryable) in pops() {
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert_eq!(format!("{error:?}"), error.to_string());
    }
    for (error, retryable) in pushes() {
        assert_eq!(error.is_retryable(), retryable, "{error}");
        let (text, pushed) = (error.to_string(), error.was_pushed());
        let error = error.with("value");
        assert_eq!((format!("{error:?}"), error.was_pushed()), (text, pushed));
        assert_eq!(error.into_inner(), "value");
    }
}

#[test]
fn a_result_is_small() {
    assert_eq!(size_of::<Result<(), AttachError>>(), size_of::<usize>());
}

#[test]
fn the_sentences_are_those_of_the_file() {
    let mut sentences = String::new();
    for Sample { kind, .. } in samples() {
        let debug = format!("{kind:?}");
        let name = debug.split([' ', '(']).next().unwrap();
        writeln!(sentences, "{name}\n    {}", with_everything(kind)).unwrap();
    }
    for (error, _) in pops() {
        writeln!(sentences, "pop\n    {error}").unwrap();
    }
    for (error, _) in pushes() {
        writeln!(sentences, "push\n    {error}").unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/error/sentences.txt");
    if std::env::var_os("WRITE_SENTENCES").is_some() {
        std::fs::write(path, &sentences).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    for (one, other) in sentences.lines().zip(written.lines()) {
        assert_eq!(one, other, "WRITE_SENTENCES=1 writes the file anew");
    }
    assert_eq!(sentences.len(), written.len());
}
